"""Whether the tables are there, and the sentence for when they are not."""

from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.ledger.database import Database
from hub.ledger.queries import is_migrated

MISSING = Text("数据库里还没有表", "the database has no tables yet")
UPGRADE = Text("先运行 hub db upgrade。", "Run `hub db upgrade` first.")


def no_tables() -> ConfigError:
    """What a command on such a database ends with."""
    return ConfigError(str(MISSING), hint=UPGRADE)


async def demand_tables(database: Database) -> None:
    """Raises ConfigError on a database that was never migrated, Unavailable when PostgreSQL is away."""
    if not await is_migrated(database):
        raise no_tables()
