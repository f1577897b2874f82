"""An answer in exact JSON: money keeps its fen."""

from starlette.responses import Response

from hub import sdk


class Exact(Response):
    """JSON as `sdk.dumps` writes it; a float is refused."""

    media_type = "application/json"

    def render(self, content: sdk.Json) -> bytes:
        return sdk.dumps(content).encode()
