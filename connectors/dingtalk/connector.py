"""The declaration: what DingTalk can be asked to do, and what it tells."""

from datetime import timedelta

import httpx

from connectors.dingtalk.approvals import approvals_made, create_approval, find_approval, find_approvals
from connectors.dingtalk.callbacks import verify
from connectors.dingtalk.config import Config
from connectors.dingtalk.errors import BUSY, ERRORS, TOKEN
from connectors.dingtalk.events import EVENTS, parse
from hub import sdk


class AppToken(sdk.TokenAuth):
    """Access token of an internal app: 2 h, renewed five minutes early, carried in a header."""

    def __init__(self, config: Config, kit: sdk.AuthKit) -> None:
        super().__init__(kit)
        self._config = config

    def token_request(self) -> httpx.Request:
        """Ask for a token."""
        pair = {"appKey": self._config.app_key, "appSecret": self._config.app_secret.get_secret_value()}
        return httpx.Request("POST", f"{self._config.api_url}/v1.0/oauth2/accessToken", json=pair)

    def read_token(self, body: sdk.Json, now: float) -> sdk.Token:
        """Read the answer; a refusal of the pair needs a person."""
        if not isinstance(body, dict) or "accessToken" not in body:
            told = body if isinstance(body, dict) else {}
            code = str(told.get("code", "shape"))
            kind, hint = (sdk.NeedsReauth, TOKEN) if code.lower().startswith("invalid") else (sdk.Transient, BUSY)
            raise kind(str(told.get("message", "no accessToken in the answer")), code=code, hint=hint)
        return sdk.Token(body["accessToken"], good_until=now + max(int(body["expireIn"]) - 300, 60))

    def apply(self, request: httpx.Request, token: sdk.Token) -> None:
        """Put it into the header."""
        request.headers["x-acs-dingtalk-access-token"] = token.value

    def refused(self, response: httpx.Response) -> bool:
        """HTTP 400 (documented) or 401 (plausible) with InvalidAuthentication."""
        return response.status_code in (400, 401) and b"InvalidAuthentication" in response.content


connector: sdk.Connector[Config] = sdk.Connector(
    id="dingtalk",
    title=sdk.Text("钉钉", "DingTalk"),
    config=Config,
    base_url=lambda config: config.api_url,
    errors=ERRORS,
    auth=AppToken,
    limits=sdk.Limits(concurrency=8, calls_per_second=20.0, deadline=timedelta(seconds=15)),
)

connector.action(
    "create_approval",
    effect=sdk.Effect.C,
    title=sdk.Text("发起审批", "Start an approval"),
    look=find_approval,
    emits="approval.started",
    entity="approval",
)(create_approval)

connector.lister("approval", find=find_approvals, pages=approvals_made)

connector.callbacks(events=EVENTS, verify=verify)(parse)


@connector.harmless
async def probe(ctx: sdk.Context[Config]) -> str:
    """Read the template's schema: proves address, token, scope and process code. Changes nothing."""
    code = ctx.config.process_code
    body = await ctx.call("GET", "/v1.0/workflow/forms/schemas/processCodes", params={"processCode": code})
    return f"已连接，模板 {body['result'].get('name', code)} / connected"
