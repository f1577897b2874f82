"""2 000 messages into the ledger while the library's process is killed every second: none lost, none twice."""

import asyncio
import base64
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from connectors.wecom import connector
from hub import sdk
from hub.credentials import Vault
from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.ledger.leases import Heart
from hub.registry import Registry
from hub.scheduler import Scheduler
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.wecom.archive_host import ANNA, BEN, Host, children, serve

MESSAGES = 2000
HOME = sdk.HomeSystem("crm", sdk.Text("客户", "CRM"), frozenset())
DUE = "UPDATE cursors SET due_at = now() WHERE lease_until IS NULL AND connection = 'wecom'"


@pytest.fixture
def host() -> Iterator[Host]:
    with serve() as opened:
        yield opened


@pytest.fixture
async def database(migrated: Addresses) -> AsyncIterator[Database]:
    opened = await Database.open(migrated.app, size=5, plan=plan)
    yield opened
    await opened.close()


def plan(_event: Event) -> list[Owed]:
    return []


def people_talk(host: Host) -> dict[str, tuple[str, bytes]]:
    """Who agreed talks, with a file now and then, and who did not; returns msgid → (text, file) as it must be kept."""
    rng, expected = random.Random(2026), {}
    host.archive.agreed = {("zhangsan", ANNA): "Agree", ("lisi", BEN): "Disagree"}
    for n in range(MESSAGES):
        content = rng.randbytes(rng.randrange(1, 2000)) if n % 40 == 0 else b""
        one = {"from": ANNA, "to": ["zhangsan"]} if n % 5 else {"from": BEN, "to": ["lisi"]}
        kind = {"kind": "file", "name": "a.bin", "content": base64.b64encode(content).decode()} if content else None
        text = f"第 {n} 句 {'啊' * rng.randrange(20)}"
        msgid = host.archive.say({**one, **(kind or {"kind": "text", "text": text})})
        agreed = n % 5 != 0
        expected[msgid] = (text if agreed and not content else "", content if agreed else b"")
    return expected


async def kill_every_second(killed: list[int]) -> None:
    while True:
        await asyncio.sleep(1)
        for pid in children():
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)


async def drain(scheduler: Scheduler, database: Database, last: str) -> None:
    """Poll until the checkpoint has reached the last message, as the hub does, without its waits."""
    while True:
        await scheduler.poll()
        async with database.unit("demo") as unit:
            if await unit.fetchval("SELECT value FROM cursors WHERE connection = 'wecom'") == last:
                return
            await unit.execute(DUE)


async def test_no_message_is_lost_or_told_twice_while_the_child_is_killed_every_second(
    host: Host, database: Database, migrated: Addresses
) -> None:
    expected = people_talk(host)
    host.archive.manners = {"slow_ms": 3}
    registry = Registry({"wecom": connector}, HOME, Vault(Vault.new_key()), LOOPBACK, make_client)
    config = registry.read_config("wecom", host.config(archive_page=400))
    plain, sealed = registry.seal("demo", "wecom", config)
    async with database.unit("demo") as unit:
        await save(unit, "wecom", "wecom", plain, sealed)
    killed: list[int] = []
    killer = asyncio.create_task(kill_every_second(killed))
    last = sdk.dumps({"seq": host.archive.records[-1]["seq"]})
    try:
        async with asyncio.timeout(120):
            await drain(Scheduler(database, registry, Heart(migrated.app, 15)), database, last)
    finally:
        killer.cancel()
        await registry.close()
    assert len(killed) >= 3
    assert await kept(database) == expected


async def kept(database: Database) -> dict[str, tuple[str, bytes]]:
    """What the ledger holds: msgid → (text, file); fails when a message is there twice."""
    async with database.unit("demo") as unit:
        rows = await unit.fetch("SELECT data FROM events WHERE type = 'message.archived'")
        files = {row["digest"]: row["content"] for row in await unit.fetch("SELECT digest, content FROM files")}
    told: list[dict[str, Any]] = [as_json(row["data"]) for row in rows]
    assert [msgid for msgid, times in Counter(one["msgid"] for one in told).items() if times > 1] == []
    assert {about["digest"] for one in told for about in one["files"]} == set(files)
    return {one["msgid"]: (one["text"], b"".join(files[about["digest"]] for about in one["files"])) for one in told}


def as_json(value: Any) -> dict[str, Any]:
    return dict(sdk.loads(value) if isinstance(value, str | bytes) else value)
