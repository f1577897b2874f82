"""Tampered, cut and invented callbacks, 5 000 for each vendor that calls us: none is taken, none is a 5xx."""

import random
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

import core_crm
from hub.credentials import Vault
from hub.flows import Catalogue
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.main import Hub, create_app
from hub.registry import Registry, discover
from hub.sdk.http import Egress
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit
from hub.settings import Settings
from tests.acceptance.callbacks import GENUINE, Wire, spoil

TIMES = 5000
VENDORS = pytest.mark.parametrize("vendor", sorted(GENUINE))


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """The API, connected to every vendor that calls us as its sandbox's credentials say."""
    registry = Registry(discover(), core_crm.home, Vault(Vault.new_key()), Egress())
    for vendor in GENUINE:
        sandbox = registry.connector(vendor).sandbox
        assert sandbox is not None
        kit = SandboxKit(EffectLedger(None), Faults(), url="http://127.0.0.1:1")
        sandbox.build(kit)
        config = registry.read_config(vendor, sandbox.credentials(kit))
        plain, sealed = registry.seal("demo", vendor, config)
        async with database.unit("demo") as unit:
            await save(unit, vendor, vendor, plain, sealed)
    app = create_app(Hub(Settings(), database, registry, Catalogue((), {})))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client
    await registry.close()


async def send(hub: httpx.AsyncClient, vendor: str, wire: Wire) -> int:
    headers = {"content-type": wire.content_type}
    return (await hub.post(f"/hooks/demo.{vendor}", params=wire.query, content=wire.body, headers=headers)).status_code


async def kept(database: Database) -> int:
    async with database.unit("demo") as unit:
        return int(await unit.fetchval("SELECT (SELECT count(*) FROM receipts) + (SELECT count(*) FROM events)"))


@VENDORS
async def test_no_spoiled_callback_is_taken_and_none_is_our_fault(
    hub: httpx.AsyncClient, database: Database, vendor: str
) -> None:
    chance = random.Random(vendor)
    answers = Counter([await send(hub, vendor, spoil(GENUINE[vendor](n), chance)) for n in range(TIMES)])

    assert answers == {401: TIMES}
    assert await kept(database) == 0


@VENDORS
async def test_a_replayed_callback_is_one_fact_however_often_it_comes(
    hub: httpx.AsyncClient, database: Database, vendor: str
) -> None:
    once, again = GENUINE[vendor](1), GENUINE[vendor](1)

    assert {await send(hub, vendor, wire) for wire in (once, once, again)} == {200}
    async with database.unit("demo") as unit:
        assert await unit.fetchval("SELECT count(*) FROM events") == 1
        assert await unit.fetchval("SELECT max(seen) FROM receipts") == 2
