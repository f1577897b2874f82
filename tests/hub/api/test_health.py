"""Pages for monitoring, and the log's shape."""

import base64
import io
import json
import logging
import time
from collections import Counter
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from hub import api, console
from hub.domain.delivery import State
from hub.embedded.postgres import Addresses
from hub.ledger.database import Database
from hub.observability import configure_logs
from tests.browser.story import tell
from tests.hub.api.conftest import redis_is_away


async def test_ready_needs_postgresql_and_only_tells_of_redis(client: httpx.AsyncClient, ledger: Database) -> None:
    ready = await client.get("/readyz")
    told = {"status": "ready", "postgresql": "ok", "clock": "ok", "redis": "away", "release": "ok"}
    assert (ready.status_code, ready.json()) == (200, told)
    assert (await client.get("/version")).json() == {"version": "1.2.3"}


async def test_an_empty_database_is_not_ready_and_says_what_to_run(addresses: Addresses) -> None:
    empty = await Database.open(addresses.app, size=1)
    app = FastAPI()
    app.include_router(api.routers(empty, redis_is_away, "1")[0])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        answer = await client.get("/readyz")
        alive = await client.get("/healthz")
    await empty.close()
    told = answer.json()["postgresql"]
    assert answer.status_code == 503
    assert told.startswith("数据库里还没有表 / the database has no tables yet 先运行 hub db upgrade。")
    assert alive.json() == {"status": "ok"}


@pytest.mark.parametrize(("off_s", "status"), [(25, 200), (-25, 200), (35, 503), (-600, 503)])
async def test_a_clock_that_is_far_from_postgresqls_is_not_ready(
    client: httpx.AsyncClient, ledger: Database, monkeypatch: pytest.MonkeyPatch, off_s: int, status: int
) -> None:
    real = time.time
    monkeypatch.setattr("hub.api.health.time.time", lambda: real() + off_s)
    answer = await client.get("/readyz")
    assert answer.status_code == status
    assert ("NTP" in answer.json()["clock"]) == (status == 503)


async def test_metrics_count_what_sql_counts_over_all_tenants(client: httpx.AsyncClient, ledger: Database) -> None:
    told = await tell(ledger)
    text = (await client.get("/metrics")).text
    samples = {
        (s.name, tuple(s.labels.values())): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }
    assert {labels[0]: n for (name, labels), n in samples.items() if name == "hub_deliveries"} == Counter(
        map(str, told)
    )
    tries = {labels[0]: n for (name, labels), n in samples.items() if name == "hub_attempts_total"}
    assert tries == {"done": 1, "dead": 2, "uncertain": 1, "waiting": 1, "held": 1}
    assert [value for (name, labels), value in samples.items() if name == "hub_build_info" and "1.2.3" in labels] == [1]
    assert set(told) == set(State)


async def test_without_postgresql_the_process_lives_and_everything_else_says_come_back(
    ledger: Database, migrated: Addresses
) -> None:
    owner: Any = await asyncpg.connect(migrated.owner)
    await owner.execute(f'ALTER DATABASE "{await owner.fetchval("SELECT current_database()")}" CONNECTION LIMIT 0')
    await ledger._pool.expire_connections()
    await owner.close()
    app = FastAPI()
    for router in api.routers(ledger, redis_is_away, "1"):
        app.include_router(router)
    app.include_router(console.router(ledger, base64.b64encode(bytes(32)).decode(), {}))
    api.guard(app, 1024, 1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        pages = ("/healthz", "/readyz", "/metrics", "/api/v1/deliveries", "/console/deliveries")
        answers = {path: await client.get(path) for path in pages}
    assert {path: answer.status_code for path, answer in answers.items()} == {
        path: 200 if path == "/healthz" else 503 for path in pages
    }
    assert {answer.headers["retry-after"] for path, answer in answers.items() if path != "/healthz"} == {"5"}
    assert "数据库暂时不可用" in answers["/console/deliveries"].text


@pytest.mark.parametrize("speak", ["structlog", "logging"])
def test_a_log_line_is_one_json_object_whatever_it_says(speak: str) -> None:
    stream, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    configure_logs(stream=stream)
    try:
        if speak == "structlog":
            structlog.get_logger("hub.test").warning("two\nlines \x1b[31m", delivery="dlv_1")
        else:
            logging.getLogger("uvicorn.error").warning("two\nlines %s", "\x1b[31m")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        structlog.reset_defaults()
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (told["level"], told["event"]) == ("warning", "two\nlines \x1b[31m")
    assert {"timestamp", "logger"} <= set(told)
