"""Tampered, cut and invented callbacks, 5 000 for each vendor that calls us: none is taken, none is a 5xx."""

import random
from collections.abc import AsyncIterator

import httpx
import pytest

import core_crm
from hub.credentials import Vault
from hub.deploy import Running
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.main import Hub
from hub.main.app import create_app
from hub.registry import Registry, discover, load_sandbox
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
        sandbox = load_sandbox(vendor)
        assert sandbox is not None
        kit = SandboxKit(EffectLedger(None), Faults(), url="http://127.0.0.1:1")
        sandbox.build(kit)
        config = registry.read_config(vendor, sandbox.credentials(kit))
        plain, sealed = registry.seal("demo", vendor, config)
        async with database.unit("demo") as unit:
            await save(unit, vendor, vendor, plain, sealed)
    app = create_app(Hub(Settings(), database, registry, Running()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield client
    await registry.close()


async def send(hub: httpx.AsyncClient, vendor: str, wire: Wire) -> int:
    headers = [(b"content-type", wire.content_type.encode()), *wire.headers]
    return (await hub.post(f"/hooks/demo.{vendor}?{wire.query}", content=wire.body, headers=headers)).status_code


async def kept(database: Database) -> tuple[int, int, int]:
    """Receipts, how often they came, events."""
    async with database.unit("demo") as unit:
        counts = "SELECT count(*), coalesce(sum(seen), 0), (SELECT count(*) FROM events) FROM receipts"
        (row,) = await unit.fetch(counts)
    return row[0], row[1], row[2]


def test_every_connector_that_is_called_has_genuine_callbacks_here() -> None:
    assert {name for name, connector in discover().items() if connector.webhook} == set(GENUINE)


@VENDORS
async def test_no_spoiled_callback_is_taken_and_none_is_our_fault(
    hub: httpx.AsyncClient, database: Database, vendor: str
) -> None:
    sender, chance = GENUINE[vendor], random.Random(vendor)
    for sending in range(TIMES):
        wire = spoil(sender, sending, chance)
        assert await send(hub, vendor, wire) == 401, wire

    assert await kept(database) == (0, 0, 0)
    assert await send(hub, vendor, sender.genuine(0).wire) == 200
    assert await kept(database) == (1, 1, 1)


@VENDORS
async def test_a_replayed_callback_is_one_fact_however_often_it_comes(
    hub: httpx.AsyncClient, database: Database, vendor: str
) -> None:
    wires = [GENUINE[vendor].genuine(sending).wire for sending in (0, 0, 1, 2)]

    assert [await send(hub, vendor, wire) for wire in wires] == [200] * 4
    assert await kept(database) == (3, 4, 1)
