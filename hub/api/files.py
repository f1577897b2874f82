"""Files that came with mails and messages, by digest. Always a download: what strangers send is never shown inline."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from hub.api.access import permit
from hub.api.deliveries import REFUSALS
from hub.domain.text import Text
from hub.ledger.database import Database
from hub.ledger.files import find_file
from hub.sdk.home import Problem

GONE = Text("检查 digest：它来自互动记录的附件。", "Check the digest: it stands in an interaction's attachments.")


def router(database: Database) -> APIRouter:
    """/files. The caller must be in `request.state.principal` already."""
    routes = APIRouter(prefix="/files", tags=["files"], responses=REFUSALS)

    @routes.get("/{digest}", response_class=Response)
    async def download(
        request: Request,
        digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    ) -> Response:
        """The bytes as they came. Needs crm:read."""
        principal = permit(request, "crm:read")
        async with database.unit(principal.tenant_id) as unit:
            found = await find_file(unit, digest)
        if found is None:
            raise Problem(404, "file-not-found", f"no file {digest}", hint=GONE)
        headers = {"content-disposition": f'attachment; filename="{digest[:16]}"'}
        return Response(found, media_type="application/octet-stream", headers=headers)

    return routes
