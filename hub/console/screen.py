"""Draw a page: the language a person reads, the words of it, the template."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub import sdk
from hub.console import view
from hub.console.session import keep
from hub.console.words import LANGUAGES, load_words

HERE = Path(__file__).parent
YEAR_S = 365 * 86_400
STATIC = {"console.css": "text/css", "icon.svg": "image/svg+xml"}

# Forms need their Origin: with `no-referrer` a browser without Sec-Fetch-Site (plain http) would say "null".
HEADERS = {"referrer-policy": "same-origin"}


class Screen:
    """Draws templates; holds nothing about who looks at them."""

    def __init__(self, flows: Mapping[str, sdk.Text]) -> None:
        self.flows = flows
        self.files = {name: (HERE / "static" / name).read_bytes() for name in STATIC}
        self._words = load_words()
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters |= {
            name: getattr(view, name) for name in ("clock", "instant", "took", "pretty", "pretty_text", "short")
        }
        digest = sha256(b"".join(self.files.values())).hexdigest()[:12]
        self._pages.globals |= {"marks": view.MARKS, "trouble": view.TROUBLE, "digest": digest}

    def draw(self, request: Request, template: str, status: int = 200, **facts: Any) -> Response:
        """One page in the reader's language; `?lang=` is remembered."""
        language = speaks(request)
        asked = [(k, v) for k, v in request.query_params.multi_items() if k != "lang"]
        other = LANGUAGES[1 - LANGUAGES.index(language)]
        switch = f"{request.url.path}?{urlencode([*asked, ('lang', other)])}"

        def say(key: str, **values: object) -> str:
            return self._words[key][language].format(**values)

        def flow_title(name: str) -> str:
            title = self.flows.get(name)
            return getattr(title, language) if title else name

        body = self._pages.get_template(template).render(
            **{"who": None, **facts}, t=say, lang=language, other=other, switch=switch, flow_title=flow_title
        )
        response = Response(body, status, HEADERS, media_type="text/html")
        if request.query_params.get("lang") in LANGUAGES:
            keep(response, request, "lang", language, YEAR_S)
        return response

    def file(self, name: str) -> Response | None:
        """A static file; its address changes with its content, so it may be kept for ever."""
        if name not in STATIC:
            return None
        headers = {"cache-control": f"public, max-age={YEAR_S}, immutable"}
        return Response(self.files[name], headers=headers, media_type=STATIC[name])


def speaks(request: Request) -> str:
    """The language asked for now, or once, or Chinese."""
    for asked in (request.query_params.get("lang"), request.cookies.get("lang")):
        if asked in LANGUAGES:
            return asked
    return LANGUAGES[0]
