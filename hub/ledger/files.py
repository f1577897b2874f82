"""Files that came with facts: one row per content and tenant, named by digest."""

from collections.abc import Sequence

from hub.sdk.files import File
from hub.sdk.home import Unit

KEEP = """
INSERT INTO files (tenant_id, digest, content, content_type, connection) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, digest) DO NOTHING
"""
FIND = "SELECT content FROM files WHERE tenant_id = $1 AND digest = $2"


async def keep_files(unit: Unit, connection: str, files: Sequence[File]) -> None:
    """Keep each content once; safe to repeat."""
    for file in files:
        await unit.execute(KEEP, unit.tenant_id, file.digest, file.content, file.content_type, connection)


async def find_file(unit: Unit, digest: str) -> bytes | None:
    """The content of this digest, or None."""
    found: bytes | None = await unit.fetchval(FIND, unit.tenant_id, digest)
    return found
