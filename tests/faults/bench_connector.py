"""A connector to the fault vendor: a signed webhook, a poll, and an action of each effect class. For tests only."""

import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel, SecretStr

from hub import sdk

DEADLINE_S = 0.5
CLASSES = "abcd"
PULLED = "pulled.happened"


class Config(BaseModel):
    """One tenant's account at the fault vendor."""

    url: str
    account: str
    secret: SecretStr
    hook_secret: SecretStr


class Thing(BaseModel):
    """What is to be made there; `event` is our number for it. Amount: yuan as text with two decimals."""

    event: str
    tenant: str
    lane: str
    n: int
    amount: str


class BenchToken(sdk.TokenAuth):
    """A token by basic sign-in."""

    def __init__(self, config: Config, kit: sdk.AuthKit) -> None:
        super().__init__(kit)
        self._config = config

    def token_request(self) -> httpx.Request:
        basic = httpx.BasicAuth(self._config.account, self._config.secret.get_secret_value())
        return next(basic.auth_flow(httpx.Request("POST", f"{self._config.url}/token")))

    def read_token(self, body: sdk.Json, now: float) -> sdk.Token:
        return sdk.Token(body["token"], now + float(body["expires_in"]))

    def apply(self, request: httpx.Request, token: sdk.Token) -> None:
        request.headers["authorization"] = f"Bearer {token.value}"
        request.headers["x-bench-pid"] = str(os.getpid())

    def refused(self, response: httpx.Response) -> bool:
        return response.status_code == 401


def _read(answer: sdk.Answer) -> sdk.Refusal | None:
    return None if answer.body["ok"] else sdk.Refusal(answer.body["code"], answer.body["message"])


BUSY = sdk.Text("稍后会自动重试。", "It is retried by itself.")
ERRORS = sdk.ErrorTable(
    read=_read,
    rows={
        "busy": sdk.Row(sdk.Transient, BUSY),
        "in_progress": sdk.Row(sdk.Transient, BUSY),
        "token": sdk.Row(sdk.Transient, BUSY),
        "secret": sdk.Row(sdk.NeedsReauth, sdk.Text("改正密钥。", "Correct the secret.")),
    },
)

connector = sdk.Connector(
    "bench",
    title=sdk.Text("故障台", "Fault bench"),
    config=Config,
    errors=ERRORS,
    base_url=lambda config: config.url,
    auth=BenchToken,
    limits=sdk.Limits(concurrency=8, calls_per_second=1000, deadline=timedelta(seconds=DEADLINE_S)),
)


@connector.harmless
async def probe(ctx: sdk.Context[Config]) -> str:
    """Read the list."""
    await ctx.call("GET", "/news")
    return "ok"


@connector.action("make_a", effect=sdk.Effect.A, title=sdk.Text("甲类", "Class A"), entity="thing")
async def make_a(ctx: sdk.Context[Config], thing: Thing) -> sdk.Made:
    """Make it under our idempotency key. Safe to repeat."""
    return await _make(ctx, "a", thing, {"idempotency-key": ctx.key})


@connector.action("make_b", effect=sdk.Effect.B, title=sdk.Text("乙类", "Class B"), entity="thing")
async def make_b(ctx: sdk.Context[Config], thing: Thing) -> sdk.Made:
    """Make it under our number; one that exists is read back and compared. Safe to repeat."""
    try:
        return await _make(ctx, "b", thing)
    except sdk.Rejected as error:
        if error.code != "exists" or (there := await _find(ctx, f"/b/{thing.event}", thing)) is None:
            raise
        return there


@connector.batch("make_b", most=8)
async def make_several(
    ctx: sdk.Context[Config], items: Sequence[sdk.Item[Thing]]
) -> Mapping[str, sdk.Made | sdk.HubError]:
    """Make several under their numbers, as `make_b` does each. Safe to repeat."""
    body = await ctx.call("POST", "/batch", json=[item.given.model_dump() for item in items])
    told = {each["event"]: each["said"] for each in body["each"]}
    return {i.key: await _outcome(ctx, i.given, told[i.given.event]) for i in items if i.given.event in told}


async def _outcome(ctx: sdk.Context[Config], thing: Thing, told: dict[str, Any]) -> sdk.Made | sdk.HubError:
    if told["ok"]:
        return sdk.Made(id=told["id"])
    refused = ERRORS.error(sdk.Refusal(told["code"], told["message"]), sdk.Answer(200, {}, told, ""))
    if refused.code != "exists":
        return refused
    try:
        return await _find(ctx, f"/b/{thing.event}", thing) or refused
    except sdk.VendorError as error:
        return error


async def look_c(ctx: sdk.Context[Config], thing: Thing) -> sdk.Made | None:
    """Find it by the reference we set."""
    return await _find(ctx, f"/c?ref={thing.event}", thing)


@connector.action("make_c", effect=sdk.Effect.C, title=sdk.Text("丙类", "Class C"), look=look_c, entity="thing")
async def make_c(ctx: sdk.Context[Config], thing: Thing) -> sdk.Made:
    """Make it; a repeat makes another, so look first."""
    return await _make(ctx, "c", thing)


@connector.action("make_d", effect=sdk.Effect.D, title=sdk.Text("丁类", "Class D"), entity="thing")
async def make_d(ctx: sdk.Context[Config], thing: Thing) -> sdk.Made:
    """Make it; a repeat makes another and nothing can be looked up."""
    return await _make(ctx, "d", thing)


async def _make(ctx: sdk.Context[Config], kind: str, thing: Thing, headers: dict[str, str] | None = None) -> sdk.Made:
    body = await ctx.call("POST", f"/{kind}", json=thing.model_dump(), headers=headers)
    return sdk.Made(id=body["id"])


async def _find(ctx: sdk.Context[Config], path: str, thing: Thing) -> sdk.Made | None:
    found = (await ctx.call("GET", path))["found"]
    if not found:
        return None
    if {name: found[0][name] for name in Thing.model_fields} != thing.model_dump():
        raise sdk.Rejected(f"{thing.event} is there with other content", code="differs")
    return sdk.Made(id=found[0]["id"])


@connector.poll(PULLED, every=timedelta(seconds=1))
async def news(ctx: sdk.Context[Config], cursor: str) -> sdk.Page:
    """The vendor's list, from the place after the last item seen."""
    body = await ctx.call("GET", f"/news?after={cursor or '0'}")
    return sdk.Page([_fact(PULLED, item) for item in body["items"]], body["next"], more=len(body["items"]) > 0)


def sign(secret: str, body: bytes) -> str:
    """The signature of a webhook."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _verify(config: Config, callback: sdk.Callback) -> sdk.Verified:
    expected = sign(config.hook_secret.get_secret_value(), callback.body)
    if not hmac.compare_digest(expected, callback.headers.get("x-bench-signature", "")):
        raise sdk.BadSignature("wrong signature")
    return sdk.Verified(callback.body)


@connector.callbacks(events=[f"{kind}.happened" for kind in CLASSES], verify=_verify)
def parse(message: sdk.Json) -> Iterable[sdk.Inbound]:
    """One fact."""
    return [_fact(f"{message['kind']}.happened", message)]


def _fact(event: str, message: dict[str, Any]) -> sdk.Inbound:
    return sdk.Inbound(event, message["lane"], message["id"], datetime.fromtimestamp(0, UTC), message)
