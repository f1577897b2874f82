"""`hub plan`, `apply`, `rollback`, `releases` and `pull` as a person types them."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner, Result

from hub.cli import load
from hub.credentials import Vault
from hub.domain.errors import ConfigError
from hub.embedded.postgres import Addresses
from hub.main import following, open_hub
from hub.main.app import create_app
from hub.settings import Settings

SHIPPED = Path(__file__).parents[3] / "mappings"
MAPPING = "crm/contract__kingdee_receivable.yaml"
CANARY = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"
PROD = """tenants:
  demo:
    partner:
      connector: webhook
      config: { in_scheme: standard, in_secret: { env: PARTNER_SECRET }, in_tolerance_s: 60 }
"""


@pytest.fixture(autouse=True)
def folder(migrated: Addresses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The shipped mappings, copied to where they may be changed."""
    told = {
        "HUB_DATABASE_URL": migrated.app,
        "HUB_REDIS_URL": "redis://127.0.0.1:1/0",
        "HUB_SECRET_KEY": Vault.new_key(),
        "HUB_MAPPINGS_DIR": str(tmp_path / "mappings"),
        "PARTNER_SECRET": CANARY,
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "prod.yaml").write_text(PROD, "utf-8")
    return Path(shutil.copytree(SHIPPED, tmp_path / "mappings"))


def hub(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(load(words[0]), list(words), input=typed)


def edit(folder: Path) -> None:
    path = folder / MAPPING
    path.write_text(path.read_text("utf-8").replace("version: 1", "version: 1  # 改", 1), "utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.yaml")}


def test_plan_apply_rollback_and_pull_lead_round(folder: Path, tmp_path: Path) -> None:
    odd = folder / "flows" / "contract-to-kingdee.yaml"
    odd.write_bytes(b"\xef\xbb\xbf" + odd.read_bytes().replace(b"\n", b"\r\n"))
    shipped = contents(folder)
    assert hub("plan").exit_code == 2
    assert hub("pull").exception.__class__ is ConfigError
    first = json.loads(hub("apply", "--yes", "--json", "--note", "first").stdout)
    assert (first["release"], first["changed"]) == (1, True)
    assert hub("plan").exit_code == 0
    edit(folder)
    told = hub("plan")
    assert told.exit_code == 2
    assert f"~ file {MAPPING}" in told.stdout
    assert "+version: 1  # 改" in told.stdout
    (change,) = json.loads(hub("plan", "--json").stdout)["changes"]
    assert (change["what"], change["name"], change["change"]) == ("file", MAPPING, "changed")

    assert hub("apply", typed="n\n").exit_code == 1
    assert len(json.loads(hub("releases", "--json").stdout)) == 1
    assert "发布 2 已应用 / release 2 is applied" in hub("apply", typed="y\n").stdout
    assert hub("apply", "--yes").exit_code == 0
    assert hub("rollback", "--yes", "--note", "worse").exit_code == 0
    listed = json.loads(hub("releases", "--json").stdout)
    assert [(each["number"], each["restores"], each["note"]) for each in listed] == [
        (3, 1, "worse"),
        (2, None, ""),
        (1, None, "first"),
    ]
    assert listed[0]["hash"] == listed[2]["hash"]

    refused = hub("pull")
    assert MAPPING in str(refused.exception)
    assert hub("pull", "--force").exit_code == 0
    assert contents(folder) == shipped
    assert hub("pull", "--dir", str(tmp_path / "fresh")).exit_code == 0
    assert contents(tmp_path / "fresh") == shipped
    assert hub("plan", "--dir", str(tmp_path / "fresh")).exit_code == 0


def test_connections_come_from_the_environment_and_secrets_are_in_no_output(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--environment", "prod")
    outputs = [hub("plan", *words), hub("plan", *words, "--json"), hub("apply", *words, "--yes")]
    assert [each.exit_code for each in outputs] == [2, 2, 0]
    assert "in_secret: 设置 / set (env PARTNER_SECRET)" in outputs[0].stdout
    assert hub("plan", *words).exit_code == 0
    (listed,) = json.loads(hub("connections", "list", "--tenant", "demo", "--json").stdout)
    assert (listed["name"], listed["connector"]) == ("partner", "webhook")
    monkeypatch.setenv("PARTNER_SECRET", CANARY[:-4] + "eHh4")
    outputs += [hub("plan", *words), hub("releases", "--json"), hub("apply", *words, "--yes", "--json")]
    assert "in_secret: 有变化 / changed (env PARTNER_SECRET)" in outputs[3].stdout
    assert not [each for each in outputs if "whsec_" in each.output or CANARY[6:20] in each.output]


def test_what_is_not_there_is_said_in_one_sentence() -> None:
    missing = hub("plan", "--environment", "prdo").exception
    assert isinstance(missing, ConfigError)
    assert "prdo.yaml / no such environment file" in missing.message
    assert "prod.yaml" in missing.hint.en
    assert "no release yet" in str(hub("rollback", "--yes").exception)
    assert hub("apply", "--yes").exit_code == 0
    assert "只有一个发布，没有可退回的 / only one release" in str(hub("rollback", "--yes").exception)
    assert "no release 7" in str(hub("rollback", "7", "--yes").exception)


def test_a_plan_warns_of_connections_that_no_tenant_has(folder: Path) -> None:
    flow = folder / "flows" / "contract-to-kingdee.yaml"
    flow.write_text(flow.read_text("utf-8").replace(" on: kingdee", " on: kingdeee"), "utf-8")
    words = "no connection kingdeee in any tenant yet: its deliveries will wait"
    assert words in hub("plan").stderr
    absent = json.loads(hub("plan", "--json").stdout)["absent"]
    assert "kingdeee" in absent
    assert not {"crm", "partner"} & set(absent)
    flow.write_text(f"{flow.read_text('utf-8')}optional: true\n", "utf-8")
    assert words not in hub("plan").stderr
    flow.write_text(
        flow.read_text("utf-8").replace(" on: kingdeee", " on: partner").replace("optional: true", ""), "utf-8"
    )
    assert "partner" in json.loads(hub("plan", "--json").stdout)["absent"]
    assert "partner" not in json.loads(hub("plan", "--environment", "prod", "--json").stdout)["absent"]


def test_an_apply_that_is_killed_in_the_middle_leaves_nothing(migrated: Addresses) -> None:
    """It waits for a row that somebody else holds, with its files written, and is killed there."""
    assert hub("apply", "--yes", "--environment", "prod").exit_code == 0
    prod = Path(os.environ["HUB_MAPPINGS_DIR"]).parent / "environments" / "prod.yaml"
    prod.write_text(PROD.replace("60", "90"), "utf-8")
    edit(Path(os.environ["HUB_MAPPINGS_DIR"]))
    asyncio.run(_kill_while_it_waits(migrated))
    assert [each["number"] for each in json.loads(hub("releases", "--json").stdout)] == [1]
    changes = json.loads(hub("plan", "--environment", "prod", "--json").stdout)["changes"]
    assert [(each["name"], each["difference"][-1:]) for each in changes if each["what"] == "connection"] == [
        ("demo.partner", ["in_tolerance_s: 60 → 90"])
    ]
    assert len(changes) == 2
    assert hub("apply", "--yes", "--environment", "prod").exit_code == 0


async def _kill_while_it_waits(addresses: Addresses) -> None:
    owner: Any = await asyncpg.connect(addresses.owner)
    async with asyncio.timeout(60), owner.transaction():
        await owner.execute("SELECT set_config('app.tenant', 'demo', true)")
        await owner.execute("SELECT * FROM connections FOR UPDATE")
        command = [sys.executable, "-m", "hub", "apply", "--yes", "--environment", "prod"]
        applying = await asyncio.create_subprocess_exec(*command)
        await until(partial(owner.fetchval, "SELECT count(*) FROM pg_locks WHERE NOT granted"))
        applying.kill()
        assert await applying.wait() == -signal.SIGKILL
    await owner.close()


async def test_a_process_that_runs_takes_a_release_and_says_when_it_cannot(folder: Path) -> None:
    async with open_hub(Settings()) as opened, following(opened), calling(opened) as client:
        assert (await client.get("/readyz")).json()["release"] == "ok"
        await asyncio.to_thread(hub, "apply", "--yes")
        assert await until(lambda: asyncio.sleep(0, opened.running.number)) == 1
        assert "hub_release 1.0" in (await client.get("/metrics")).text
        async with opened.database.unit("") as unit:  # written by a hub that knows an action that this one does not
            files = ("INSERT INTO release_files SELECT 2, path, hash, pin FROM release_files", "f.yaml", "mapping: new")
            await unit.execute("INSERT INTO releases (number, hash, who, note) VALUES (2, 'h', 'later', '')")
            await unit.execute(files[0])
            await unit.execute("INSERT INTO release_texts VALUES ($1, $2)", *files[1:])
            await unit.execute("INSERT INTO release_files VALUES (2, $1, $1, '')", files[1])
        assert await until(lambda: asyncio.sleep(0, opened.running.refused)) == 2
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["release"]) == (200, opened.running.state)
        text = (await client.get("/metrics")).text
        assert "hub_release 1.0" in text
        assert "hub_release_refused 2.0" in text
    edit(folder)
    mended = await asyncio.to_thread(hub, "apply", "--yes")
    assert "release 3 is applied" in mended.stdout


@asynccontextmanager
async def calling(opened: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(opened))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield client


async def until(told: Callable[[], Awaitable[int]]) -> int:
    """What it tells as soon as it tells more than 0."""
    async with asyncio.timeout(30):
        while True:
            if found := await told():
                return found
            await asyncio.sleep(0.02)


def test_a_plan_tells_what_may_go_wrong_and_lets_it_pass(folder: Path) -> None:
    mapping = folder / "kingdee" / "receipt__crm_payment.yaml"
    mapping.write_text(mapping.read_text("utf-8").replace("take: number", "take: number || numbr"), "utf-8")
    (doubt,) = json.loads(hub("plan", "--json").stdout)["doubts"]
    assert "没有 'numbr'，是不是 'number'？ / unknown 'numbr', did you mean 'number'?" in doubt["found"]
    assert doubt["tenants"] == []
    assert f"△ {doubt['found']}" in hub("plan").stderr
