"""A new release is taken while deliveries flow: none is lost, none is made of two, and old ones keep their mapping."""

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hub.deploy import Follower, Running
from hub.domain.errors import ConfigError
from hub.flows import Catalogue, Files
from hub.ledger.replay import cancel, replay
from tests.hub.deploy.books import World, edition

EDITIONS = ("one", "two", "three", "four", "five")
ORDERS = 40
PINS = """
SELECT d.event_id, d.mapping, d.payload->>'edition', d.payload->>'again', v.text FROM deliveries d
JOIN flow_versions v ON v.tenant_id = d.tenant_id AND v.pin = d.mapping
"""


async def test_a_reload_while_deliveries_flow_loses_none_and_mixes_none(world: World) -> None:
    await world.apply(edition(EDITIONS[0]))
    await world.follower.look()
    told = asyncio.Event()

    async def tell() -> None:
        for number in range(0, ORDERS, 2):
            await world.order(f"SO-{number}", f"SO-{number + 1}")
            await asyncio.sleep(0.01)
        told.set()

    async def deploy() -> None:
        for word in EDITIONS[1:]:
            await world.apply(edition(word))

    async def follow() -> None:
        while not (told.is_set() and world.running.number == len(EDITIONS)):
            await world.follower.look()

    async def deliver() -> None:
        deliverer = world.deliverer()
        while not told.is_set() or await world.rows("SELECT 1 FROM deliveries WHERE state <> 'done' LIMIT 1"):
            await deliverer.drain("demo", "books")

    async with asyncio.timeout(60):
        await asyncio.gather(tell(), deploy(), follow(), deliver())

    assert sorted((e.number, e.book) for e in world.entries) == sorted(
        (f"SO-{number}", book) for number in range(ORDERS) for book in ("left", "right")
    )
    editions: defaultdict[str, set[str]] = defaultdict(set)
    for event, _, made, again, text in await world.rows(PINS):
        editions[event] |= {made, again, text.partition("edition: { value: ")[2].partition(" }")[0]}
    assert len(editions) == ORDERS
    assert {len(each) for each in editions.values()} == {1}
    assert len(set.union(*editions.values())) > 1, "nothing was reloaded while orders came"


async def test_an_old_delivery_is_replayed_with_its_old_mapping_in_any_process(world: World) -> None:
    await world.apply(edition("one"))
    await world.follower.look()
    await world.order("SO-1", "SO-2")
    ids = [row[0] for row in await world.rows("SELECT id FROM deliveries ORDER BY seq")]
    await give_up(world, *ids)
    await world.apply(edition("two"))
    await world.follower.look()
    async with world.database.unit("demo") as unit:
        await replay(unit, ids[0])
        await replay(unit, ids[1])
    await world.deliverer().drain("demo", "books")
    fresh = Running()
    await Follower(world.database, fresh, world.load).look()
    async with world.database.unit("demo") as unit:
        await replay(unit, ids[2])
        await replay(unit, ids[3])
    await world.deliverer(fresh).drain("demo", "books")
    assert [each.edition for each in world.entries] == ["one"] * 4


SHARED = {"tables/shelves.yaml": "table: shelves\npairs: { SO-1: north }\n"}
LOOKED_UP = "again: { take: number, lookup: shelves }"


async def test_a_tenant_that_came_after_a_release_keeps_its_mappings_with_their_tables(world: World) -> None:
    """Its texts are those that ran when it came, whatever is released or removed later; its files' line ends too."""
    files = {**edition("one"), **SHARED}
    files["left.yaml"] = "\ufeff" + files["left.yaml"].replace("again: { value: one }", LOOKED_UP).replace("\n", "\r\n")
    await world.apply(files)
    await world.follower.look()
    await world.come("late")
    await world.order("SO-1", tenant="late")
    await world.apply(edition("two"))
    await world.follower.look()
    ids = [row[0] for row in await world.rows("SELECT id FROM deliveries", tenant="late")]
    await give_up(world, *ids, tenant="late")
    fresh = Running()
    await Follower(world.database, fresh, world.load).look()
    async with world.database.unit("late") as unit:
        for each in ids:
            await replay(unit, each)
    await world.deliverer(fresh).drain("late", "books")
    assert [(each.book, each.edition, each.again) for each in world.entries] == [
        ("left", "one", "north"),
        ("right", "one", "one"),
    ]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mapping files of an installation's own."""
    made = tmp_path_factory.mktemp("mappings")
    (made / "flows").mkdir()
    for path, text in edition("mine").items():
        (made / path).write_text(text, "utf-8")
    return made


async def test_a_tenant_that_comes_while_there_is_no_release_keeps_the_texts_of_the_files(
    world: World, folder: Path
) -> None:
    await world.follower.start(folder, world.load)
    await world.come("late")
    for _ in range(2):
        await world.follower.look()
        assert len(await world.rows("SELECT 1 FROM flow_versions", tenant="late")) == 3


async def give_up(world: World, *deliveries: str, tenant: str = "demo") -> None:
    async with world.database.unit(tenant) as unit:
        for each in deliveries:
            await cancel(unit, each)


async def test_a_process_starts_with_the_release_and_with_its_files_while_there_is_none(
    world: World, folder: Path
) -> None:
    await world.follower.start(folder, world.load)
    await world.follower.look()
    assert (world.running.number, world.running.titles["orders"].en) == (0, "Orders mine")
    await world.apply(edition("two"))
    await world.follower.start(folder, world.load)
    assert (world.running.number, world.running.titles["orders"].en) == (1, "Orders two")


async def test_a_release_that_does_not_load_here_is_told_once_and_the_old_one_runs_on(world: World) -> None:
    loads = 0

    def older(files: Files) -> Catalogue:
        nonlocal loads
        loads += 1
        if "two" in files["left.yaml"]:
            raise ConfigError("left.yaml:4:5: unknown 'books.book'")
        return world.load(files)

    follower = Follower(world.database, world.running, older)
    await world.apply(edition("one"))
    await follower.look()
    await world.apply(edition("two"))
    with capture_logs() as logs:
        for _ in range(3):
            await follower.look()
    assert [(log["event"], log["release"], log["runs"]) for log in logs] == [("release.refused", 2, 1)]
    assert loads == 2
    assert world.running.state == "2 does not load here, 1 runs on: see the log"
    await world.order("SO-1")
    await world.deliverer().drain("demo", "books")
    assert {each.edition for each in world.entries} == {"one"}
    await world.apply(edition("three"))
    await follower.look()
    assert (world.running.number, world.running.state) == (3, "ok")


async def test_loading_keeps_nobody_waiting(world: World) -> None:
    """While a release loads, the event loop turns."""
    turned = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(files: Files) -> Catalogue:
        asyncio.run_coroutine_threadsafe(_set(turned), loop).result(10)
        return world.load(files)

    await world.apply(edition("one"))
    await Follower(world.database, world.running, slow).look()
    assert turned.is_set()


async def _set(event: asyncio.Event) -> None:
    event.set()
