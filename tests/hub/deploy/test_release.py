"""A plan shows what changes and nothing else; applying is one transaction; going back restores every byte."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hub.deploy import Plan
from hub.deploy.difference import file_changes
from hub.domain.errors import ConfigError
from hub.drift import Learner, Reading
from hub.ledger.connections import find, hold, save
from hub.ledger.releases import files_of, find_release, newest_number, newest_releases
from hub.sdk.home import Unit
from tests.hub.deploy.books import World, edition, environment

SECRETS = ("canary-one-1", "canary-two-2")
PROD = """tenants:
  demo:
    books: { connector: books, config: { place: cellar, secret: { env: SECRET } } }
    more: { connector: books, config: { place: { file: place.txt }, shelf: 7 } }
"""


def nowhere(_kind: str, where: str) -> str:
    raise LookupError(where)


async def test_a_plan_names_each_file_that_differs_with_its_lines(world: World) -> None:
    await world.apply(edition("one"))
    files = edition("one") | {"left.yaml": edition("two")["left.yaml"]}
    files["third.yaml"] = files.pop("right.yaml").replace("right", "third")
    files["flows/orders.yaml"] = files["flows/orders.yaml"].replace("right", "third")
    changes = (await world.deployer.plan(files, None)).changes
    assert [(c.what, c.name, c.kind) for c in changes] == [
        ("file", "flows/orders.yaml", "changed"),
        ("file", "left.yaml", "changed"),
        ("file", "right.yaml", "removed"),
        ("file", "third.yaml", "added"),
    ]
    touched = [line for line in changes[1].lines if line[0] in "+-" and line[:3] not in ("+++", "---")]
    before = ["-  edition: { value: one }", "-  again: { value: one }"]
    assert touched == [*before, "+  edition: { value: two }", "+  again: { value: two }"]


async def test_what_runs_has_no_changes_and_a_plan_writes_nothing(world: World) -> None:
    assert len((await world.deployer.plan(edition("one"), None)).changes) == 3
    assert await world.rows("SELECT * FROM releases") == []
    await world.apply(edition("one"))
    assert (await world.deployer.plan(edition("one"), None)).changes == []


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("examples:", "examples: "), ("mapping:", "\ufeffmapping:")])
def test_a_difference_that_nobody_sees_is_seen(change: tuple[str, str]) -> None:
    was, becomes = edition("one"), edition("one")
    becomes["left.yaml"] = was["left.yaml"].replace(*change, 1)
    (found,) = file_changes(was, becomes)
    old, new = (line for line in found.lines if line[0] in "+-" and line[:3] not in ("+++", "---"))
    assert old[1:] != new[1:]


async def test_files_are_checked_before_anything_else(world: World) -> None:
    files = edition("one") | {"left.yaml": edition("one")["left.yaml"].replace("books.book", "books.bok", 1)}
    with pytest.raises(ConfigError, match=r"left.yaml:4:5: .*unknown 'books.bok', did you mean 'books.book'"):
        await world.deployer.plan(files, None)


async def test_a_plan_doubts_what_no_declaration_and_nothing_received_has(world: World) -> None:
    """What came in warns, and refuses nothing; without it nothing is known of the shop's orders."""
    files = edition("one") | {"left.yaml": edition("one")["left.yaml"].replace("take: number", "take: nubmer")}
    files["flows/orders.yaml"] += "lane: custmer\n"
    assert (await world.deployer.plan(files, None)).doubts == []
    await world.order(*map(str, range(20)))
    await Learner(world.database, Reading(lambda: (), world.running.mapping), settled_s=-1).step()
    plan = await world.deployer.plan(files, None)
    assert [(each.words.partition(" / ")[0], each.tenants) for each in plan.doubts] == [
        ("left.yaml:6:19: number: 没有 'nubmer'，是不是 'number'？", ["demo"]),
        ("flows/orders.yaml:7:7: lane: 没有 'custmer'，是不是 'number'？", ["demo"]),
    ]
    assert await world.deployer.apply(plan, "cli:test", "") == 1
    assert (await world.deployer.plan(edition("one"), None)).doubts == []


async def test_a_release_says_what_when_by_whom_and_keeps_a_text_once(world: World) -> None:
    await world.apply(edition("one"), note="first")
    await world.apply(edition("one") | {"left.yaml": edition("two")["left.yaml"]})
    async with world.database.unit("") as unit:
        newest, first = await newest_releases(unit, 10)
    assert (first.number, first.who, first.note, first.restores) == (1, "cli:test", "first", None)
    assert first.made_at < newest.made_at
    assert first.hash != newest.hash
    assert await world.rows("SELECT count(*) FROM release_files") == [(6,)]
    assert await world.rows("SELECT count(*) FROM release_texts") == [(4,)]


async def test_of_two_that_apply_at_once_one_is_told_to_plan_again(world: World) -> None:
    await world.apply(edition("one"))
    plans = [await world.deployer.plan(edition(word), None) for word in ("two", "three")]
    done = await asyncio.gather(*(world.deployer.apply(p, "cli:test", "") for p in plans), return_exceptions=True)
    (refused,) = [each for each in done if isinstance(each, ConfigError)]
    assert "hub plan" in refused.hint.en
    assert 2 in done
    async with world.database.unit("") as unit:
        assert await newest_number(unit) == 2
        assert await files_of(unit, 2) in (edition("two"), edition("three"))


async def test_a_connection_somebody_changed_meanwhile_is_not_overwritten(world: World, tmp_path: Path) -> None:
    (tmp_path / "place.txt").write_text("attic\n")
    plan = await world.deployer.plan(edition("one"), environment(tmp_path, PROD, SECRET=SECRETS[0]))
    async with world.database.unit("demo") as unit:
        await save(unit, "books", "books", {"place": "barn", "shelf": 1}, {})
    with pytest.raises(ConfigError, match=r"demo\.books"):
        await world.deployer.apply(plan, "cli:test", "")
    assert await world.rows("SELECT * FROM releases") == []
    assert await world.rows("SELECT name, config->>'place' FROM connections") == [("books", "barn")]


async def test_what_fails_in_the_middle_leaves_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the files and the first connection are written."""
    (tmp_path / "place.txt").write_text("attic\n")
    plan = await world.deployer.plan(edition("one"), environment(tmp_path, PROD, SECRET=SECRETS[0]))

    async def fail_at_more(unit: Unit, name: str, *rest: Any) -> None:
        if name == "more":
            assert await unit.fetchval("SELECT config->>'place' FROM connections WHERE name = 'books'") == "cellar"
            raise ZeroDivisionError
        await save(unit, name, *rest)

    monkeypatch.setattr("hub.deploy.release.save", fail_at_more)
    with pytest.raises(ZeroDivisionError):
        await world.deployer.apply(plan, "cli:test", "")
    assert await world.rows("SELECT * FROM releases") == []
    assert await world.rows("SELECT * FROM release_texts") == []
    assert await world.rows("SELECT name, config->>'place' FROM connections") == [("books", "attic")]


async def test_connections_are_made_and_changed_and_secrets_never_told(world: World, tmp_path: Path) -> None:
    (tmp_path / "place.txt").write_text("attic\n")
    async with world.database.unit("demo") as unit:
        await hold(unit, "books", "wrong secret")
    prod = environment(tmp_path, PROD, SECRET=SECRETS[0])
    plan = await world.deployer.plan(edition("one"), prod)
    told = {c.name: list(c.lines) for c in plan.changes if c.what == "connection"}
    assert told == {
        "demo.books": ['place: "attic" → "cellar"', "secret: 有变化 / changed (env SECRET)"],
        "demo.more": ["connector: — → books", "place: 设置 / set (file place.txt)", "shelf: — → 7"],
    }
    await world.deployer.apply(plan, "cli:test", "")
    assert await world.secrets() == {"books": SECRETS[0], "more": ""}
    async with world.database.unit("demo") as unit:
        books, more = await find(unit, "books"), await find(unit, "more")
    assert books is not None
    assert more is not None
    assert (books.held_at, books.config["place"], more.config) == (None, "cellar", {"place": "attic", "shelf": 7})
    assert (await world.deployer.plan(edition("one"), prod)).changes == []
    assert await world.rows("SELECT * FROM release_connections", tenant="other") == []
    rows = await world.rows("SELECT to_jsonb(r) FROM release_connections r")
    assert not [secret for secret in SECRETS if secret in f"{plan.changes} {rows}"]


async def test_a_new_secret_behind_the_same_name_is_a_change_that_shows_neither(world: World, tmp_path: Path) -> None:
    (tmp_path / "place.txt").write_text("attic\n")
    await world.apply(edition("one"), environment(tmp_path, PROD, SECRET=SECRETS[0]))
    plan = await world.deployer.plan(edition("one"), environment(tmp_path, PROD, SECRET=SECRETS[1]))
    (change,) = plan.changes
    assert change.lines == ("secret: 有变化 / changed (env SECRET)",)
    await world.deployer.apply(plan, "cli:test", "")
    assert (await world.secrets())["books"] == SECRETS[1]


async def test_without_an_environment_connections_are_left_alone_and_stay_declared(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "place.txt").write_text("attic\n")
    prod = environment(tmp_path, PROD, SECRET=SECRETS[0])
    await world.apply(edition("one"), prod)
    await world.apply(edition("two"))
    assert await world.rows("SELECT count(*) FROM release_connections WHERE number = 2") == [(2,)]
    less = environment(tmp_path, PROD[: PROD.index("    more")], SECRET=SECRETS[0])
    plan = await world.deployer.plan(edition("two"), less)
    assert [(c.name, c.kind) for c in plan.changes] == [("demo.more", "removed")]
    await world.deployer.apply(plan, "cli:test", "")
    assert (await world.deployer.plan(edition("two"), less)).changes == []
    assert await world.rows("SELECT name FROM connections ORDER BY name") == [("books",), ("more",)]


MISTAKES = [
    ("{ env: SECRET }", "canary-one-1", r"prod.yaml:3:\d+: a secret is not written here"),
    ("{ env: SECRET }", "{ env: SECRT }", r"prod.yaml:3:\d+: env SECRT is not there"),
    ("{ file: place.txt }", "{ file: gone.txt }", r"prod.yaml:4:\d+: file gone.txt is not there"),
    ("place: cellar", "plcae: cellar", r"prod.yaml:3:\d+: .*unknown 'plcae', did you mean 'place'"),
    ("connector: books,", "connector: boks,", r"prod.yaml:3:\d+: .*unknown 'boks', did you mean 'books'"),
    ("shelf: 7", "shelf: top", r"prod.yaml:4:\d+: connection to books: shelf"),
    ("  demo:", "  dmeo:", r"prod.yaml:2:3: .*unknown 'dmeo', did you mean 'demo'"),
    ("connector: books,", "conector: books,", r"prod.yaml:3:\d+: .*unknown 'conector', did you mean 'connector'"),
]


async def test_a_mistake_in_an_environment_is_told_where_it_stands(world: World, tmp_path: Path) -> None:
    (tmp_path / "place.txt").write_text("attic\n")
    for old, new, words in MISTAKES:
        with pytest.raises(ConfigError, match=words) as refused:
            await planned(world, tmp_path, PROD.replace(old, new, 1))
        assert SECRETS[0] not in str(refused.value)


async def planned(world: World, folder: Path, text: str) -> Plan:
    return await world.deployer.plan(edition("one"), environment(folder, text, SECRET=SECRETS[0]))


async def test_going_back_restores_every_byte_and_what_connections_said(world: World, tmp_path: Path) -> None:
    (tmp_path / "place.txt").write_text("attic\n")
    first = edition("one")
    first["left.yaml"] = "\ufeff" + first["left.yaml"].replace("\n", "\r\n")
    await world.apply(first, environment(tmp_path, PROD, SECRET=SECRETS[0]))
    await world.apply(edition("two"), environment(tmp_path, PROD.replace("cellar", "barn"), SECRET=SECRETS[1]))
    back = await world.deployer.plan_back(None, nowhere)
    assert [c.name for c in back.changes] == ["flows/orders.yaml", "left.yaml", "right.yaml", "demo.books"]
    assert await world.deployer.apply(back, "cli:test", "") == 3
    async with world.database.unit("") as unit:
        assert {path: text.encode() for path, text in (await files_of(unit, 3)).items()} == {
            path: text.encode() for path, text in first.items()
        }
        one, three = await find_release(unit, 1), await find_release(unit, 3)
    assert one is not None
    assert three is not None
    assert (three.hash, three.restores) == (one.hash, 1)
    assert await world.rows("SELECT config->>'place' FROM connections WHERE name = 'books'") == [("cellar",)]
    assert (await world.secrets())["books"] == SECRETS[1], "a secret that was renewed stays"
    with pytest.raises(ConfigError, match="9"):
        await world.deployer.plan_back(9, nowhere)


async def test_going_back_to_another_connector_gives_it_no_secret_of_this_one(world: World, tmp_path: Path) -> None:
    text = PROD[: PROD.index("    more")]
    await world.apply(edition("one"), environment(tmp_path, text, SECRET=SECRETS[0]))
    await world.apply(edition("one"), environment(tmp_path, text.replace(": books", ": shelves"), SECRET=SECRETS[1]))
    with pytest.raises(ConfigError, match="env SECRET is not there"):
        await world.deployer.plan_back(1, nowhere)
    back = await world.deployer.plan_back(1, lambda _, where: {"SECRET": SECRETS[0]}[where])
    await world.deployer.apply(back, "cli:test", "")
    assert await world.secrets() == {"books": SECRETS[0]}


@pytest.mark.parametrize("sql", ["UPDATE releases SET note = 'x'", "DELETE FROM release_files", "DELETE FROM releases"])
async def test_what_ran_is_never_rewritten(world: World, sql: str) -> None:
    await world.apply(edition("one"))
    async with world.database.unit("") as unit:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await unit.execute(sql)
