"""How we sign in: find the tenant's data centre, ask there for a token, carry it in the query.

Sign-in answers HTTP 200 to yes and no alike; `code` is "00000" for a yes.
"""

import base64
import hashlib
import hmac
from collections.abc import Generator, Iterable, Mapping
from urllib.parse import quote

import httpx

from connectors.yonyou.config import Config
from connectors.yonyou.errors import ERRORS, ILLEGAL_TOKEN
from hub import sdk

DISCOVERY = "/open-auth/dataCenter/getGatewayAddress"
TOKEN = "/open-auth/selfAppAuth/base/v1/getAccessToken"
LEGACY_TOKEN = "/open-auth/selfAppAuth/getAccessToken"
RENEWED_EARLY_S = 300
STALE = frozenset({"310003", "310036"})
NOWHERE = "https://gateway.invalid"
"""Stands for the gateway until a token tells its address; `.invalid` resolves nowhere."""

TENANT = sdk.Text(
    "查不到这个租户的数据中心：核对租户 ID，专属云还要核对查询地址。",
    "No data centre for this tenant: check the tenant id, on a dedicated cloud also the discovery address.",
)
PAIR = sdk.Text(
    "令牌被拒绝：核对 AppKey、AppSecret 与应用是否启用，并核对本机时间。",
    "No token was given: check the app key, its secret, that the app is enabled, and this machine's clock.",
)
BUSY = sdk.Text("用友暂时不能发放令牌，稍后自动重试。", "Yonyou gives no token just now; it is retried by itself.")
PLAIN_HTTP = sdk.Text(
    "数据中心给出的地址不是 HTTPS：在连接里填写固定的网关与令牌地址。",
    "The data centre told an address without TLS: enter fixed gateway and token addresses.",
)


def sign(secret: str, params: Mapping[str, str]) -> str:
    """Base64 HMAC-SHA256 over names and values, sorted by name, nothing between. Not yet URL-encoded."""
    text = "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode()


class AppToken(sdk.TokenAuth):
    """Token of a self-built app: 2 h, renewed five minutes early. Its place is the tenant's gateway.

    The data centre is asked anew with every token, so a tenant that moves is followed within two hours.
    """

    def __init__(self, config: Config, kit: sdk.AuthKit) -> None:
        super().__init__(kit)
        self._config = config

    def token_flow(self, now: float) -> Generator[httpx.Request, sdk.Json, sdk.Token]:
        """Ask for the addresses unless both are fixed, then for the token. NeedsReauth for a refusal."""
        gateway, tokens = self._config.gateway_url, self._config.token_url
        if not (gateway and tokens):
            found = _granted((yield self._where()), ("gatewayUrl", "tokenUrl"), TENANT)
            self._insist_on_tls(found.values())
            gateway, tokens = gateway or found["gatewayUrl"], tokens or found["tokenUrl"]
        given = _granted((yield self._ask(tokens, now)), ("access_token", "expire"), PAIR, busy=frozenset({"500"}))
        good_until = now + max(int(given["expire"]) - RENEWED_EARLY_S, 60)
        return sdk.Token(given["access_token"], good_until, gateway.rstrip("/"))

    def apply(self, request: httpx.Request, token: sdk.Token) -> None:
        """Send the call to the gateway with the token in its query, encoded once. Safe to repeat."""
        self._kit.learn(quote(token.value, safe=""))  # what an attempt keeps is the encoded form
        path = request.url.path[request.url.path.rindex("/yonbip/") :]
        query = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}"
            for name, value in [*request.url.params.remove("access_token").multi_items(), ("access_token", token.value)]
        )
        request.url = httpx.URL(f"{token.place}{path}?{query}")
        request.headers["host"] = request.url.netloc.decode("ascii")

    def refused(self, response: httpx.Response) -> bool:
        """Code 310003 or 310036, or the plain text some endpoints answer."""
        try:
            body = sdk.loads(response.content)
        except sdk.Unreadable:
            return ILLEGAL_TOKEN in response.text[:200]
        return isinstance(body, dict) and str(body.get("code")) in STALE

    def _where(self) -> httpx.Request:
        address = self._config.discovery_url.rstrip("/") + DISCOVERY
        return httpx.Request("GET", address, params={"tenantId": self._config.tenant_id})

    def _ask(self, tokens: str, now: float) -> httpx.Request:
        unit = 1000 if self._config.timestamp_unit == "ms" else 1
        params = {"appKey": self._config.app_key, "timestamp": str(int(now * unit))}
        params["signature"] = sign(self._config.app_secret.get_secret_value(), params)
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items())
        path = LEGACY_TOKEN if self._config.legacy_token_path else TOKEN
        return httpx.Request("GET", f"{tokens.rstrip('/')}{path}?{query}")

    def _insist_on_tls(self, addresses: Iterable[str]) -> None:
        told = list(addresses)
        if self._config.discovery_url.startswith("https:") and not all(a.startswith("https:") for a in told):
            raise sdk.NeedsReauth(f"not https: {told}", code="tls", hint=PLAIN_HTTP)


def _granted(
    body: sdk.Json, names: tuple[str, ...], hint: sdk.Text, busy: frozenset[str] = frozenset()
) -> dict[str, str]:
    """The named values of a yes as text. A no needs a person, unless its code says that the vendor is just busy.

    How a bad signature or an old timestamp is answered is not documented, so any code we do not know needs a person.
    """
    told = body if isinstance(body, dict) else {}
    code, data = str(told.get("code", "shape")), told.get("data")
    if code == "00000" and isinstance(data, dict) and all(data.get(name) for name in names):
        return {name: str(data[name]) for name in names}
    words = str(told.get("message") or "a sign-in answer of an unknown shape")
    row = ERRORS.rows.get(code)
    if code in ("00000", "shape") or code in busy:
        raise sdk.Transient(words, code=code, hint=BUSY)
    if row and row.error in (sdk.Transient, sdk.Throttled, sdk.Ambiguous):
        kind = sdk.Throttled if row.error is sdk.Throttled else sdk.Transient
        raise kind(words, code=code, hint=row.hint)
    raise sdk.NeedsReauth(words, code=code, hint=hint)
