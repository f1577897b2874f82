"""OAuth2 access tokens (RFC 6749): asked for by one process, remembered by all, renewed when one is refused."""

import hashlib
from datetime import timedelta

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from connectors.email.config import Config
from connectors.email.errors import BUSY
from hub import sdk

FLIGHT = timedelta(seconds=60)
EARLY_S = 60
LASTS_S = 3600
FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
BESIDE = sdk.Text("访问令牌正在换新，马上继续。", "The access token is being renewed; it goes on in a moment.")


async def access_token(ctx: sdk.Context[Config], refused: str = "") -> str:
    """A token that is not the refused one. Repeating is safe: one process at a time asks for a new one.

    Raises NotReady while another process asks, NeedsReauth when the grant is dead or the app unknown, Transient when
    the token endpoint cannot be reached.
    """
    if known := await _known(ctx, refused):
        return known
    if not await ctx.memory.claim("renewing", FLIGHT):
        raise sdk.NotReady("the access token is being renewed", code="token", hint=BESIDE, retry_after=timedelta(0, 2))
    try:
        return await _known(ctx, refused) or await _renew(ctx)
    finally:
        await ctx.memory.forget("renewing")


async def _known(ctx: sdk.Context[Config], refused: str) -> str:
    kept = await ctx.memory.recall("token")
    if not kept or kept["for"] != _grant(ctx.config) or kept["value"] == refused:
        return ""
    ctx.redact.learn(kept["value"])
    return str(kept["value"])


async def _renew(ctx: sdk.Context[Config]) -> str:
    """Ask, keep the rotated refresh token before anything else, then the access token for as long as it lasts."""
    refresh = await _refresh_token(ctx)
    body = await _ask(ctx, refresh)
    grant, token = _grant(ctx.config), str(body["access_token"])
    ctx.redact.learn(token)
    if (rotated := str(body.get("refresh_token") or refresh)) != refresh:
        ctx.redact.learn(rotated)
        await ctx.memory.keep("refresh token", {"for": grant, "value": rotated})
    lasts = timedelta(seconds=max(_seconds(body.get("expires_in")) - EARLY_S, 1))
    await ctx.memory.keep("token", {"for": grant, "value": token}, lasts)
    return token


async def _refresh_token(ctx: sdk.Context[Config]) -> str:
    """The newest one: the server's last, or the one in the connection when a person entered another."""
    kept = await ctx.memory.recall("refresh token")
    ours = kept is not None and kept["for"] == _grant(ctx.config)
    token = str(kept["value"]) if kept and ours else ctx.config.refresh_token.get_secret_value()
    ctx.redact.learn(token)
    return token


def _grant(config: Config) -> str:
    """Names what was entered, so that what was got by an older entry is forgotten."""
    entered = (config.token_url, config.client_id, config.refresh_token.get_secret_value(), config.scope)
    return hashlib.sha256("\n".join(entered).encode()).hexdigest()


async def _ask(ctx: sdk.Context[Config], refresh: str) -> dict[str, sdk.Json]:
    config, began = ctx.config, ctx.clock()
    kind = "refresh_token" if refresh else "client_credentials"
    form = prepare_token_request(
        kind,
        scope=config.scope or None,
        refresh_token=refresh or None,
        client_id=config.client_id or None,
        client_secret=config.client_secret.get_secret_value() or None,
    )
    try:
        response = await ctx.http.post(config.token_url, content=form, headers=FORM)
    except httpx.TransportError as error:
        raise sdk.Transient(f"token_url: {type(error).__name__}: {error}", code="token", hint=BUSY) from error
    answer = sdk.Answer(response.status_code, response.headers, _body(response), "")
    told = sdk.dumps({name: value for name, value in answer.body.items() if "token" not in name})
    ms = round((ctx.clock() - began) * 1000)
    ctx.note("POST", config.token_url, f"grant_type={kind}", answer.status, told, ms)
    return _granted(ctx, answer)


def _body(response: httpx.Response) -> dict[str, sdk.Json]:
    """The answer as a JSON object; Transient for anything else: that is no token endpoint speaking."""
    status = f"http {response.status_code}"
    try:
        body = sdk.loads(response.content)
    except sdk.Unreadable as error:
        raise sdk.Transient("token_url: the answer is no JSON", code=status, hint=BUSY) from error
    if response.status_code == 429 or not isinstance(body, dict):
        raise sdk.Transient("token_url: no answer of a token endpoint", code=status, hint=BUSY)
    return body


def _granted(ctx: sdk.Context[Config], answer: sdk.Answer) -> dict[str, sdk.Json]:
    try:
        refusal = ctx.errors.read(answer)
    except (LookupError, TypeError) as error:
        raise sdk.Transient("token_url: no access_token", code=f"http {answer.status}", hint=BUSY) from error
    if refusal is not None:
        raise ctx.errors.error(sdk.Refusal(refusal.code, ctx.redact(f"token_url: {refusal.message}")), answer)
    body: dict[str, sdk.Json] = answer.body
    return body


def _seconds(told: sdk.Json) -> int:
    try:
        return int(told)
    except (TypeError, ValueError):
        return LASTS_S
