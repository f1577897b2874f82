"""Bring the tables of the ledger and of the home system up or down, with alembic."""

import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from hub.ledger.tables import no_tables

TRIES, APART_S = 30, 0.5
LOCK_NOT_AVAILABLE = "55P03"
LEDGER = Path(__file__).with_name("migrations")


def _config(owner_url: str, home_migrations: Sequence[Path]) -> Config:
    config = Config()
    config.set_main_option("script_location", str(LEDGER))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(p) for p in (LEDGER / "versions", *home_migrations)))
    config.attributes["url"] = owner_url
    return config


def upgrade(owner_url: str, home_migrations: Sequence[Path], revision: str = "heads") -> None:
    """Apply every migration that is missing, beside a hub that works; a busy table is come back to, 30 times.

    Safe to repeat. Must not be called from a running event loop.
    """
    for left in reversed(range(TRIES)):
        try:
            return command.upgrade(_config(owner_url, home_migrations), revision)
        except DBAPIError as error:
            if not left or getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            time.sleep(APART_S)


def downgrade(owner_url: str, home_migrations: Sequence[Path]) -> None:
    """Take every table away again, and what is in it."""
    command.downgrade(_config(owner_url, home_migrations), "base")


async def add_tenant(owner_url: str, tenant: str, name: str) -> None:
    """Make sure of a tenant; safe to repeat. Raises ConfigError on a database that was never migrated."""
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute("INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING", tenant, name)
    except asyncpg.UndefinedTableError as error:
        raise no_tables() from error
    finally:
        await owner.close()
