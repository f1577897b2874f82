"""What every delivery was made with: the text of each mapping and flow that ever ran, by its hash."""

from collections.abc import Iterable

from hub.sdk.home import Unit

KEEP = """
INSERT INTO flow_versions (tenant_id, kind, name, hash, pin, text) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
"""


async def keep_versions(unit: Unit, versions: Iterable[tuple[str, str, str, str, str]]) -> None:
    """Keep (kind, name, hash, pin, text) of each; safe to repeat."""
    for version in versions:
        await unit.execute(KEEP, unit.tenant_id, *version)


async def text_of(unit: Unit, pin: str) -> str | None:
    """The text behind a pin, or None when it never ran here."""
    found: str | None = await unit.fetchval("SELECT text FROM flow_versions WHERE pin = $1 LIMIT 1", pin)
    return found
