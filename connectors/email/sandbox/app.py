"""The fake mail provider: IMAP and SMTP for one mailbox, its token service, and the people around it.

Options: `security` plain (default) | starttls | tls; `auth` password | oauth (no passwords any more); `netease` 0 | 1;
`sent` server (default, what was sent is filed) | client (the client appends it); `sent_ms` (0) until it is filed;
`marks` 1 | 0 (folders without special use); `token_s` (3600); `quota_mb` (256).
Faults: drop_before and drop_after at DATA and APPEND, drop_before at SEARCH and FETCH, throttle at MAIL and SELECT,
session_loss at MAIL and SELECT, duplicate deliveries, latency; the HTTP ones at /token.
Recipients: busy@ 451, nobody@ 550, silent@ accepted without an answer, cut@ hung up before it is accepted.
People: POST /_sandbox/deliver {from, to?, cc?, subject?, text?, html?, message_id?, in_reply_to?, references?, at?,
headers?, attachments?: [{name, type, content_base64}], raw_base64?} → {message_id, uid}; /_sandbox/uidvalidity
{folder?}; /_sandbox/kill_idle; /_sandbox/expire_tokens {refresh?}; /_sandbox/unsafe {on?}; /_sandbox/remove {uid};
/_sandbox/trouble {at, do, times?, to?, text?} with at: auth, login, mail, rcpt, data, select, search, fetch, append,
idle; do: an SMTP code, no, bad, bye, drop_before, drop_after, hang; GET /_sandbox/sent; /_sandbox/folder?name=INBOX.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.email.sandbox.certificate import make_certificate
from connectors.email.sandbox.folders import INBOX, SENT, FullError
from connectors.email.sandbox.grants import CLIENT, CLIENT_SECRET, SCOPE
from connectors.email.sandbox.imap.server import ImapDoor
from connectors.email.sandbox.letters import summary
from connectors.email.sandbox.office import ADDRESS, PASSWORD, Office
from connectors.email.sandbox.smtp import SmtpDoor
from hub import sdk

Json = dict[str, Any]


class Server:
    """One provider with one mailbox."""

    def __init__(self, kit: sdk.SandboxKit) -> None:
        self.office = Office(kit)
        context, authority = (None, "") if self.office.security == "plain" else make_certificate()
        self.imap, self.smtp = ImapDoor(self.office, context), SmtpDoor(self.office, context)
        kit.places.update(_places(kit.url, self, authority))

    async def token(self, request: Request) -> Response:
        """POST /token, a form."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        status, body = self.office.grants.answer(form, request.headers.get("authorization", ""))
        return JSONResponse(body, status, headers={"cache-control": "no-store"})

    async def deliver(self, asked: Json) -> Any:
        """Somebody sends us a mail."""
        return self.office.deliver(asked)

    async def uidvalidity(self, asked: Json) -> Any:
        """A folder was rebuilt."""
        return {"uidvalidity": self.imap.renumber(asked.get("folder", INBOX))}

    async def kill_idle(self, _asked: Json) -> Any:
        """The network breaks for those who wait."""
        return {"killed": self.imap.kill_idle()}

    async def expire_tokens(self, asked: Json) -> Any:
        """Every access token ends, with `refresh` also the consent."""
        self.office.grants.expire(refresh=bool(asked.get("refresh")))
        self.imap.end_token_sessions()
        return {"ok": True}

    async def unsafe(self, asked: Json) -> Any:
        """NetEase's ways from now on: no IDLE, no SELECT before ID."""
        self.office.netease = bool(asked.get("on", True))
        return {"ok": True}

    async def remove(self, asked: Json) -> Any:
        """The owner deletes a mail for good."""
        self.office.account.folders[asked.get("folder", INBOX)].remove(asked["uid"])
        return {"ok": True}

    async def trouble(self, asked: Json) -> Any:
        """Something is to go wrong."""
        self.office.troubles.order(asked)
        return {"ok": True}

    async def sent(self, _request: Request) -> Response:
        """What SMTP accepted, the newest 1000."""
        return JSONResponse([*self.office.accepted])

    async def folder(self, request: Request) -> Response:
        """What the owner sees in a folder."""
        mails = self.office.account.folders[request.query_params.get("name", INBOX)].mails
        rows = [{"uid": uid, "flags": sorted(mail.flags), **summary(mail.raw)} for uid, mail in mails.items()]
        return JSONResponse(rows)

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Open both doors, and close them with the server."""
        doors = [(door, await door.open()) for door in (self.imap, self.smtp)]
        yield
        for door, listening in doors:
            listening.close()
            door.close()


def _screen(do: Callable[[Json], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            return JSONResponse(await do(simplejson.loads(await request.body() or b"{}")))
        except FullError as error:
            return JSONResponse({"error": str(error)}, 507)
        except (ValueError, KeyError, TypeError, AttributeError, sdk.ConfigError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)

    return serve


def _places(url: str, server: Server, authority: str) -> dict[str, str]:
    office = server.office
    oauth = {
        "token_url": f"{url}/token",
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "refresh_token": office.grants.refresh,
        "scope": SCOPE,
    }
    return {
        "address": ADDRESS,
        "imap_host": "127.0.0.1",
        "imap_port": server.imap.port,
        "imap_security": office.security,
        "smtp_host": "127.0.0.1",
        "smtp_port": server.smtp.port,
        "smtp_security": office.security,
        **(oauth if office.oauth_only else {"password": PASSWORD}),
        **({"ca_certificate": authority} if authority else {}),
        **({} if office.marks else {"sent_folder": SENT}),
        **({} if office.files_sent else {"save_sent": "append"}),
    }


def build(kit: sdk.SandboxKit) -> ASGIApp:
    """The ASGI app; its lifespan runs IMAP and SMTP."""
    server = Server(kit)
    screens = [
        server.deliver,
        server.uidvalidity,
        server.kill_idle,
        server.expire_tokens,
        server.unsafe,
        server.remove,
        server.trouble,
    ]
    routes = [
        Route("/token", server.token, methods=["POST"]),
        Route("/_sandbox/sent", server.sent, methods=["GET"]),
        Route("/_sandbox/folder", server.folder, methods=["GET"]),
        *(Route(f"/_sandbox/{do.__name__}", _screen(do), methods=["POST"]) for do in screens),
    ]
    return Starlette(routes=routes, lifespan=server.lifespan)


def credentials(kit: sdk.SandboxKit) -> dict[str, str]:
    """The config of a connection to this sandbox; called after `build`."""
    return dict(kit.places)


sandbox = sdk.Sandbox(build, credentials)
