"""Run migrations as the owner of the tables. Called by hub.ledger.migrate, which hands in the address.

No statement waits longer for a lock than a second: behind it everybody else would wait.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


def _run(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def _main(url: str) -> None:
    limits = {"server_settings": {"lock_timeout": "1000"}}
    engine = create_async_engine(url, poolclass=NullPool, connect_args=limits)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


url = context.config.attributes["url"]
asyncio.run(_main(url.replace("postgresql://", "postgresql+asyncpg://", 1)))
