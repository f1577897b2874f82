"""Fixtures: one real PostgreSQL for the run, a fresh migrated database for each test that asks for one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import core_crm
from hub.domain.ids import new_id
from hub.embedded.postgres import Addresses, Cluster
from hub.ledger.database import Database
from hub.ledger.migrate import upgrade


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(tmp_path_factory.mktemp("postgres"))


@pytest.fixture
async def addresses(cluster: Cluster) -> Addresses:
    """An empty database."""
    return await cluster.database(new_id("test"))


@pytest.fixture
async def migrated(addresses: Addresses) -> Addresses:
    """A migrated database with the tenants demo and other."""
    await asyncio.to_thread(upgrade, addresses.owner, home_migrations())
    owner: Any = await asyncpg.connect(addresses.owner)
    await owner.execute("INSERT INTO tenants (id, name) VALUES ('demo', '演示'), ('other', '另一家')")
    await owner.close()
    return addresses


@pytest.fixture
async def database(migrated: Addresses) -> AsyncIterator[Database]:
    opened = await Database.open(migrated.app, size=5)
    yield opened
    await opened.close()


def home_migrations() -> list[Path]:
    found = getattr(core_crm, "MIGRATIONS", None)
    return [found] if found else []
