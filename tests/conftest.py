"""Fixtures: one real PostgreSQL for the run, a fresh migrated database for each test that asks for one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

import core_crm
from hub.domain.ids import new_id
from hub.embedded.postgres import Addresses, Cluster
from hub.ledger.database import Database
from hub.ledger.migrate import add_tenant, upgrade


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(tmp_path_factory.mktemp("postgres"))


@pytest.fixture
async def addresses(cluster: Cluster) -> Addresses:
    """An empty database."""
    return await cluster.database(new_id("test"))


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """Name of a migrated database with the tenants demo and other, made once and copied for each test."""
    made = asyncio.run(cluster.database("template_hub"))
    upgrade(made.owner, [core_crm.MIGRATIONS])
    for tenant, name in (("demo", "演示"), ("other", "另一家")):
        asyncio.run(add_tenant(made.owner, tenant, name))
    return "template_hub"


@pytest.fixture
async def migrated(cluster: Cluster, template: str) -> Addresses:
    """A migrated database with the tenants demo and other."""
    return await cluster.database(new_id("test"), template)


@pytest.fixture
async def database(migrated: Addresses) -> AsyncIterator[Database]:
    opened = await Database.open(migrated.app, size=5)
    yield opened
    await opened.close()
