"""What a connection remembers: durable and sealed in the ledger, the same promise in one process."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from hub import sdk
from hub.credentials import Vault
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.registry.memory import StoredMemory

SHORT, LONG = timedelta(milliseconds=20), timedelta(hours=1)


@pytest.fixture(params=["stored", "local"])
async def memory(request: pytest.FixtureRequest, database: Database) -> sdk.Memory:
    async with database.unit("demo") as unit:
        await save(unit, "acme", "acme", {}, {})
    if request.param == "local":
        return sdk.LocalMemory()
    return StoredMemory(database, Vault(Vault.new_key()), "demo", "acme")


async def test_what_is_kept_comes_back_exactly_until_its_time_is_over(memory: sdk.Memory) -> None:
    await memory.keep("company", {"capital": Decimal("185000.10"), "id": "9007199254740993"})
    await memory.keep("short", "x", SHORT)
    await asyncio.sleep(0.05)

    assert await memory.recall("company") == {"capital": Decimal("185000.10"), "id": "9007199254740993"}
    assert (await memory.recall("short"), await memory.recall("unknown")) == (None, None)
    await memory.forget("company")
    assert await memory.recall("company") is None


async def test_a_claim_is_one_callers_alone_until_it_lapses(memory: sdk.Memory) -> None:
    assert sum(await asyncio.gather(*(memory.claim("flight", LONG) for _ in range(5)))) == 1
    await memory.forget("flight")
    assert await memory.claim("flight", SHORT)
    await asyncio.sleep(0.05)
    assert await memory.claim("flight", LONG)


async def test_a_budget_is_never_overdrawn_to_the_fen(memory: sdk.Memory) -> None:
    asked = [memory.spend("day", Decimal("0.15"), Decimal("0.45")) for _ in range(8)]

    assert sum(await asyncio.gather(*asked)) == 3
    assert not await memory.spend("day", Decimal("0.01"), Decimal("0.45"))
    assert not await memory.spend("other", Decimal("0.46"), Decimal("0.45"))


async def test_what_lies_in_the_table_is_sealed_and_opens_in_its_own_place_only(database: Database) -> None:
    vault = Vault(Vault.new_key())
    async with database.unit("demo") as unit:
        for name in ("acme", "acme-2"):
            await save(unit, name, "acme", {}, {})
    await StoredMemory(database, vault, "demo", "acme").keep("token", "secret-token")

    async with database.unit("demo") as unit:
        assert "secret-token" not in await unit.fetchval("SELECT value FROM memories")
        await unit.execute("UPDATE memories SET connection = 'acme-2'")
    with pytest.raises(sdk.ConfigError):
        await StoredMemory(database, vault, "demo", "acme-2").recall("token")
