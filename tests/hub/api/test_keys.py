"""API keys: hashed, scoped, ending; every bad key gets the same answer. Idempotency keys: the first answer stays."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from hub import sdk
from hub.ledger.database import Database
from hub.ledger.keys import SCOPES, SHAPE, check_key, create_key, once, revoke_key
from tests.hub.api.conftest import Keys

LIST = "/api/v1/deliveries"


async def ask(client: httpx.AsyncClient, key: str) -> tuple[int, str]:
    answer = await client.get(LIST, headers={"authorization": f"Bearer {key}"})
    return answer.status_code, answer.text


async def test_a_key_opens_its_tenant_and_only_its_hash_is_kept(ledger: Database, client: httpx.AsyncClient) -> None:
    async with ledger.unit("demo") as unit:
        key = await create_key(unit, "watch", ["deliveries:read"])
        kept = await unit.fetchrow("SELECT * FROM api_keys")
    assert SHAPE.fullmatch(key)
    assert key.startswith("hub_demo_")
    assert key.rpartition("_")[2] not in str(kept)
    assert (await ask(client, key))[0] == 200


async def test_every_bad_key_gets_the_same_answer(ledger: Database, client: httpx.AsyncClient) -> None:
    async with ledger.unit("demo") as unit:
        good = await create_key(unit, "a", ["admin"])
        revoked = await create_key(unit, "b", ["admin"])
        assert await revoke_key(unit, revoked.split("_")[2])
        assert not await revoke_key(unit, "0" * 16)
        expired = await create_key(unit, "c", ["admin"], timedelta(seconds=1))
        await unit.execute("UPDATE api_keys SET expires_at = now() WHERE name = 'c'")
    last = "A" if good[-1] != "A" else "B"
    foreign = good.replace("hub_demo_", "hub_other_")
    nobody = good.replace("hub_demo_", "hub_nobody_")
    unknown = f"hub_demo_{'0' * 16}_{good[-43:]}"
    bad = [
        good[:-1] + last,
        good[:-1],
        good + "x",
        revoked,
        expired,
        foreign,
        nobody,
        unknown,
        "",
        "\x00",
        "hub_' OR 1=1",
    ]
    answers = {await ask(client, key) for key in bad}
    bare = await client.get(LIST)
    assert answers == {(401, bare.text)}
    assert (bare.json()["code"], bare.headers["www-authenticate"]) == ("unauthorized", "Bearer")
    assert (await ask(client, good))[0] == 200


async def test_a_scope_that_is_missing_is_named(client: httpx.AsyncClient, key_for: Keys) -> None:
    answer = await client.get(LIST, headers=await key_for("crm:read"))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
    assert "deliveries:read" in answer.json()["hint"]["zh"]


async def test_admin_holds_every_scope(ledger: Database) -> None:
    async with ledger.unit("demo") as unit:
        who = await check_key(unit, await create_key(unit, "root", ["admin"]))
    assert who is not None
    assert (who.tenant_id, who.scopes) == ("demo", SCOPES)


@pytest.mark.parametrize(
    ("scopes", "days"), [(["crm:everything"], 1), ([], 1), (["admin"], 366), (["admin"], 0)], ids=str
)
async def test_a_key_without_sense_is_refused(ledger: Database, scopes: list[str], days: int) -> None:
    async with ledger.unit("demo") as unit:
        with pytest.raises(sdk.Problem):
            await create_key(unit, "x", scopes, timedelta(days=days))


async def test_twenty_twins_run_once_and_get_the_first_answer(ledger: Database) -> None:
    ran = 0

    async def do(_unit: sdk.Unit) -> tuple[int, sdk.Json]:
        nonlocal ran
        ran += 1
        return 201, {"id": f"ctr_{ran}", "amount": "628000.00"}

    async def send() -> tuple[int, sdk.Json]:
        async with ledger.unit("demo") as unit:
            return await once(unit, "k1", "f1", do)

    answers = await asyncio.gather(*(send() for _ in range(20)))
    assert answers == [(201, {"id": "ctr_1", "amount": "628000.00"})] * 20
    assert ran == 1


async def test_a_key_for_another_request_is_a_conflict_and_another_tenants_key_is_no_matter(ledger: Database) -> None:
    async def do(unit: sdk.Unit) -> tuple[int, sdk.Json]:
        return 201, unit.tenant_id

    async with ledger.unit("demo") as unit:
        await once(unit, "k1", "f1", do)
    async with ledger.unit("demo") as unit:
        with pytest.raises(sdk.Problem, match="another request"):
            await once(unit, "k1", "f2", do)
    async with ledger.unit("other") as unit:
        assert await once(unit, "k1", "f2", do) == (201, "other")


async def test_a_command_that_fails_frees_its_key(ledger: Database) -> None:
    async def fail(_unit: sdk.Unit) -> tuple[int, sdk.Json]:
        raise sdk.Problem(422, "no", "no", hint=sdk.Text("", ""))

    async def do(_unit: sdk.Unit) -> tuple[int, sdk.Json]:
        return 201, "made"

    with pytest.raises(sdk.Problem, match="no"):
        async with ledger.unit("demo") as unit:
            await once(unit, "k1", "f1", fail)
    async with ledger.unit("demo") as unit:
        assert await once(unit, "k1", "f1", do) == (201, "made")
