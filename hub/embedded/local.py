"""Everything an installation needs on one machine: PostgreSQL and Redis from wheels, a key, an environment."""

import os
from dataclasses import dataclass
from pathlib import Path

from hub.credentials import Vault
from hub.embedded.postgres import Addresses, Cluster
from hub.embedded.redis import RedisServer

LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True, slots=True)
class Local:
    """Running services and the HUB_* environment that points at them."""

    cluster: Cluster
    redis: RedisServer
    environment: dict[str, str]


async def start(directory: Path, database: str, fresh: bool) -> Local:
    """Start PostgreSQL and Redis below `directory`; `fresh` throws an older database of this name away."""
    cluster = Cluster(directory / "postgres")
    if fresh:
        await cluster.drop(database)
    found = await cluster.database(database)
    redis = RedisServer()
    return Local(cluster, redis, _environment(directory, found, redis.url))


def _environment(directory: Path, found: Addresses, redis_url: str) -> dict[str, str]:
    return {
        "HUB_DATABASE_URL": found.app,
        "HUB_OWNER_DATABASE_URL": found.owner,
        "HUB_REDIS_URL": redis_url,
        "HUB_SECRET_KEY": _secret_key(directory / "secret.key"),
        "HUB_EGRESS_ALLOW": LOOPBACK,
        "HUB_PORT": "0",
        "HUB_LEASE_S": "5",
    }


def _secret_key(path: Path) -> str:
    """The installation's key, made once, readable by its owner alone."""
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(Vault.new_key())
    return path.read_text("utf-8")
