"""Releases: the mapping and flow files that run, and the connections declared beside them. Written once, kept for ever.

A release belongs to the installation, the connections in it to their tenants.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.ledger.database import LedgerUnit
from hub.sdk.exact import Json
from hub.sdk.home import Unit

# Numbers have no gaps. Two that follow the same release meet at one number, and the second writes nothing.
WRITE = """
INSERT INTO releases (number, hash, who, note, restores) VALUES ($1 + 1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING number
"""
WRITE_TEXTS = """
INSERT INTO release_texts (hash, text) SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) ORDER BY 1
ON CONFLICT DO NOTHING
"""
WRITE_FILES = """
INSERT INTO release_files (number, path, hash, pin)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])
"""
DECLARE = """
INSERT INTO release_connections (tenant_id, number, name, connector, config) VALUES ($1, $2, $3, $4, $5)
"""
FILES = """
SELECT f.path, t.text FROM release_files f JOIN release_texts t USING (hash) WHERE f.number = $1 ORDER BY f.path
"""


@dataclass(frozen=True, slots=True)
class Release:
    """One release; `restores` is the older one whose content it has again."""

    number: int
    hash: str
    made_at: datetime
    who: str
    note: str
    restores: int | None


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was written: `text` with every byte of it, its SHA-256, and the pin of what stands in it."""

    path: str
    text: str
    hash: str
    pin: str


async def newest_number(unit: Unit) -> int:
    """The number of the release that runs; 0 when there is none. Costs one look at an index."""
    return int(await unit.fetchval("SELECT coalesce(max(number), 0) FROM releases"))


async def newest_releases(unit: Unit, limit: int) -> list[Release]:
    """The newest first."""
    rows = await unit.fetch("SELECT * FROM releases ORDER BY number DESC LIMIT $1", limit)
    return [Release(**dict(row.items())) for row in rows]


async def find_release(unit: Unit, number: int) -> Release | None:
    """The release of this number, or None."""
    row = await unit.fetchrow("SELECT * FROM releases WHERE number = $1", number)
    return Release(**dict(row.items())) if row else None


async def files_of(unit: Unit, number: int) -> dict[str, str]:
    """Path → text of a release, as they were applied; nothing for release 0."""
    return {row["path"]: row["text"] for row in await unit.fetch(FILES, number)}


async def declared_of(unit: Unit, number: int) -> dict[str, tuple[str, dict[str, Json]]]:
    """Name → (connector, config with references) of the unit's tenant in a release."""
    sql = "SELECT name, connector, config FROM release_connections WHERE number = $1 ORDER BY name"
    return {row["name"]: (row["connector"], row["config"]) for row in await unit.fetch(sql, number)}


async def write_release(
    unit: Unit, follows: int, about: tuple[str, str, str, int | None], files: Iterable[File]
) -> int | None:
    """Write the release after `follows`, `about` its (hash, who, note, restores); its number.

    None, and nothing is written, when another one follows it already.
    """
    number: int | None = await unit.fetchval(WRITE, follows, *about)
    if number is None:
        return None
    kept = list(files)
    hashes = [file.hash for file in kept]
    await unit.execute(WRITE_TEXTS, hashes, [file.text for file in kept])
    await unit.execute(WRITE_FILES, number, [file.path for file in kept], hashes, [file.pin for file in kept])
    return number


async def declare(unit: Unit, number: int, name: str, connector: str, config: Mapping[str, Json]) -> None:
    """Write down a connection of the unit's tenant as a release declares it."""
    await unit.execute(DECLARE, unit.tenant_id, number, name, connector, dict(config))


async def stamp(unit: Unit, name: str) -> datetime | None:
    """When a connection of the unit's tenant was last changed, or None; nobody else changes it until the unit ends."""
    found: Any = await unit.fetchval("SELECT updated_at FROM connections WHERE name = $1 FOR UPDATE", name)
    return found if isinstance(found, datetime) else None


async def enter(unit: LedgerUnit, tenant_id: str) -> None:
    """Go on with this transaction as another tenant: row-level security then shows its rows alone."""
    await unit.execute("SELECT set_config('app.tenant', $1, true)", tenant_id)
    unit.tenant_id = tenant_id
