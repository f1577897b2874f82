"""A PostgreSQL of its own crashes, hangs whole, and runs out of disk: what was acknowledged is there afterwards."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import core_crm
from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Cluster
from hub.inbound.intake import Intake
from hub.ledger.connections import save
from hub.ledger.database import Database, Unavailable
from hub.ledger.look import work
from hub.ledger.migrate import add_tenant, upgrade
from hub.ledger.queries import is_migrated
from hub.ledger.receive import Receipt

AT = datetime(2026, 11, 28, tzinfo=UTC)
REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT count(*) FROM receipts) >= 8 THEN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END IF;
  RETURN new;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON receipts FOR EACH ROW EXECUTE FUNCTION refuse()
"""
PATIENCE_S = 20
KEPT = "SELECT (SELECT count(*) FROM receipts), (SELECT count(*) FROM events), count(*) FROM deliveries"


def plan(event: Event) -> list[Owed]:
    return [Owed("f", 0, "acme", "acme.book", "m@1:0", event.subject, event.subject)]


def told(number: int, body: bytes = b"") -> Receipt:
    fact = Inbound("order.paid", f"o{number}", f"o{number}", AT, {})
    return Receipt("acme", "", {}, body or b"%d" % number, [fact])


class Server:
    """A PostgreSQL in a folder of its own, with one connection to hear hooks from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clusters = [Cluster(folder)]

    @property
    def postmaster(self) -> int:
        return int((self.folder / "postmaster.pid").read_text("utf-8").split("\n")[0])

    def everyone(self) -> list[int]:
        """The postmaster and all its children."""
        task = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read_text("utf-8")
        return [self.postmaster, *map(int, task.split())]

    async def crash(self) -> None:
        """As after a power cut: no checkpoint, no goodbye."""
        pid = self.postmaster
        os.kill(pid, signal.SIGQUIT)
        for _ in range(500):
            if not _lives(pid):
                return
            await asyncio.sleep(0.02)
        raise TimeoutError("PostgreSQL did not stop")

    async def start(self) -> None:
        self.clusters.append(await asyncio.to_thread(Cluster, self.folder))

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Database]:
        """Its tables, and a connection `acme`."""
        found = await self.clusters[-1].database("hub")
        await asyncio.to_thread(upgrade, found.owner, [core_crm.MIGRATIONS])
        await add_tenant(found.owner, "demo", "演示")
        opened = await Database.open(found.app, 4, plan=plan, longest_s=2)
        async with opened.unit("demo") as unit:
            await save(unit, "acme", "acme", {}, {})
        yield opened
        await opened.close()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@asynccontextmanager
async def little_space(server: Server) -> AsyncIterator[None]:
    """Receipts lie on a disk of 12 MB. Where we may not mount one, a trigger says what PostgreSQL says then."""
    disk = server.folder.parent / "disk"
    disk.mkdir()
    admin: Any = await asyncpg.connect(f"postgresql://postgres@/hub?host={server.folder}")
    if _ran("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)):
        shutil.chown(disk, server.folder.owner(), server.folder.group())
        await admin.execute(f"CREATE TABLESPACE little LOCATION '{disk}'")
        await admin.execute("ALTER TABLE receipts SET TABLESPACE little")
    else:
        await admin.execute(REFUSE)
    await admin.close()
    try:
        yield
    finally:
        admin = await asyncpg.connect(f"postgresql://postgres@/hub?host={server.folder}")
        await admin.execute("ALTER TABLE receipts SET TABLESPACE pg_default")
        await admin.execute("DROP FUNCTION IF EXISTS refuse CASCADE")
        await admin.execute("DROP TABLESPACE IF EXISTS little")
        await admin.close()
        _ran("umount", str(disk))


def _ran(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


async def send(intake: Intake, number: int) -> int:
    """Tell it until it is taken, as a sender does; how often it was refused."""
    for refused in range(1000):
        try:
            await intake.keep("demo", told(number))
        except Unavailable:
            await asyncio.sleep(0.1)
        else:
            return refused
    raise TimeoutError(f"{number} was never taken")


async def test_crashes_lose_nothing_and_refuse_only_while_it_is_down(tmp_path: Path) -> None:
    server = Server(tmp_path / "postgres")
    async with server.ledger() as ledger:
        intake = Intake(ledger.accepting)
        refused = []
        for crash in range(3):
            sending = [asyncio.create_task(send(intake, crash * 100 + n)) for n in range(100)]
            await asyncio.sleep(0.01 * crash)
            await server.crash()
            await server.start()
            refused.append(sum(await asyncio.wait_for(asyncio.gather(*sending), PATIENCE_S)))
            assert sum([await send(intake, 1000 + crash * 10 + n) for n in range(10)]) == 0, "it is well again"
        assert any(refused)
        async with ledger.unit("demo") as unit:
            assert tuple((await unit.fetch(KEPT))[0]) == (330, 330, 330)


async def test_a_postgresql_that_hangs_whole_is_unavailable_to_all_and_comes_back(tmp_path: Path) -> None:
    server = Server(tmp_path / "postgres")
    async with server.ledger() as ledger:
        everyone = server.everyone()
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        try:
            asked = (
                is_migrated(ledger),
                work(ledger, ()),
                Intake(ledger.accepting).keep("demo", told(1)),
                Database.open(f"postgresql://hub_app@/hub?host={server.folder}", 1, longest_s=1),
            )
            ended = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE_S)
        finally:
            for pid in everyone:
                os.kill(pid, signal.SIGCONT)
        assert [type(each) for each in ended] == [Unavailable] * 4
        assert await is_migrated(ledger)
        await Intake(ledger.accepting).keep("demo", told(1))
        assert (await work(ledger, ())).due == [("demo", "acme")]


async def fill(intake: Intake, taken: list[int]) -> None:
    """Send big bodies until one is refused."""
    for number in count():
        await intake.keep("demo", told(number, os.urandom(900_000)))
        taken.append(number)


async def test_a_full_disk_takes_nothing_and_keeps_what_it_took(tmp_path: Path) -> None:
    server = Server(tmp_path / "postgres")
    taken: list[int] = []
    async with server.ledger() as ledger:
        intake = Intake(ledger.accepting)
        async with little_space(server):
            with pytest.raises(Unavailable, match="DiskFullError"):
                await asyncio.wait_for(fill(intake, taken), PATIENCE_S)
            with pytest.raises(Unavailable, match="DiskFullError"):
                await fill(intake, taken)
            assert await is_migrated(ledger), "it lives, and what is there can be read"
            await server.crash()
            await server.start()
            async with ledger.unit("demo") as unit:
                kept = [row["subject"] for row in await unit.fetch("SELECT subject FROM events ORDER BY recorded_at")]
            assert kept == [f"o{number}" for number in taken]
            assert len(taken) >= 8
        await intake.keep("demo", told(len(taken), os.urandom(900_000)))
