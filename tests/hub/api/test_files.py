"""Files are downloads, to those who may read the CRM, of their own tenant."""

import httpx

from hub import sdk
from hub.ledger.database import Database
from hub.ledger.files import keep_files
from tests.hub.api.conftest import Keys

FILE = sdk.File(b"<script>alert(1)</script>", "合同.html", "text/html")


async def test_a_file_comes_back_as_it_came_and_never_inline(
    ledger: Database, client: httpx.AsyncClient, key_for: Keys
) -> None:
    async with ledger.unit("demo") as unit:
        await keep_files(unit, "email", [FILE, FILE])
    path = f"/api/v1/files/{FILE.digest}"

    answer = await client.get(path, headers=await key_for("crm:read"))
    assert (answer.status_code, answer.content) == (200, FILE.content)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")

    refused = {
        "scope": (await client.get(path, headers=await key_for("deliveries:read"))).status_code,
        "tenant": (await client.get(path, headers=await key_for("crm:read", tenant="other"))).status_code,
        "digest": (await client.get("/api/v1/files/x", headers=await key_for("crm:read"))).status_code,
    }
    assert refused == {"scope": 403, "tenant": 404, "digest": 422}
