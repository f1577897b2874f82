"""Who calls: an API key in `Authorization: Bearer hub_…`, and what it may do."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from hub import sdk
from hub.ledger.database import Database
from hub.ledger.keys import check_key, tenant_of

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False, scheme_name="API key"))]

NO_KEY = sdk.Text(
    "在 Authorization 头里带上 Bearer 和有效的 API 密钥。",
    "Send a valid API key in the Authorization header as Bearer.",
)


def authenticated(database: Database) -> Callable[[Request, Bearer], Awaitable[sdk.Principal]]:
    """A dependency that puts the caller into `request.state.principal`, or raises Problem 401.

    The answer is the same for an unknown tenant, an unknown key, a wrong secret, an expired and a revoked key.
    """

    async def principal(request: Request, bearer: Bearer) -> sdk.Principal:
        text = bearer.credentials if bearer else ""
        tenant = tenant_of(text)
        async with database.unit(tenant) as unit:
            found = await check_key(unit, text)
        if found is None:
            raise sdk.Problem(401, "unauthorized", "no valid API key", hint=NO_KEY)
        request.state.principal = found
        return found

    return principal


def permit(request: Request, scope: str) -> sdk.Principal:
    """The caller, who must hold this scope; Problem 403 names it."""
    principal: sdk.Principal = request.state.principal
    if scope not in principal.scopes:
        hint = sdk.Text(
            f"请管理员给这个密钥加上权限 {scope}。", f"Ask an administrator for a key with the scope {scope}."
        )
        raise sdk.Problem(403, "scope-missing", f"this key has not the scope {scope}", hint=hint)
    return principal
