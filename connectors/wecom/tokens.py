"""The app's access token: one per corp and secret, two hours, in the query of every call."""

import httpx

from connectors.wecom.config import Config
from connectors.wecom.errors import ERRORS, STALE, UNCLEAR, errcode
from hub import sdk

EARLY_S = 60
BUSY_ANSWERS = (LookupError, TypeError, ValueError, AttributeError)


class AppToken(sdk.TokenAuth):
    """Renewed a minute early, and when a call says 40014, 41001 or 42001."""

    def __init__(self, config: Config, kit: sdk.AuthKit) -> None:
        super().__init__(kit)
        self._config = config

    def token_request(self) -> httpx.Request:
        """Ask for a token; WeCom takes the pair in the query."""
        pair = {"corpid": self._config.corp_id, "corpsecret": self._config.secret.get_secret_value()}
        return httpx.Request("GET", f"{self._config.api_url}/cgi-bin/gettoken", params=pair)

    def read_token(self, body: sdk.Json, now: float) -> sdk.Token:
        """Read the answer; a refused corp id or secret needs a person."""
        try:
            code = errcode(body)
            if code != 0:
                answer = sdk.Answer(200, {}, body, "")
                raise ERRORS.error(ERRORS.read(answer) or sdk.Refusal(str(code), ""), answer)
            return sdk.Token(str(body["access_token"]), good_until=now + max(int(body["expires_in"]) - EARLY_S, 1))
        except BUSY_ANSWERS as error:
            raise sdk.Transient("no access_token in the answer", code="shape", hint=UNCLEAR) from error

    def apply(self, request: httpx.Request, token: sdk.Token) -> None:
        """Put it into the query."""
        request.url = request.url.copy_set_param("access_token", token.value)

    def refused(self, response: httpx.Response) -> bool:
        """The body decides, under HTTP 200."""
        try:
            return errcode(sdk.loads(response.content)) in STALE
        except (sdk.Unreadable, *BUSY_ANSWERS):
            return False
