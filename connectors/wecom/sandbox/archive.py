"""The fake chat archive: sealed messages for the fake native library, consent, media.

`add_archive(kit)` compiles archive_library.c and returns an `Archive`, or None without a compiler; option
`archive`: 1 (a compiler must be there) | 0 (none). The app puts `routes` among its own, `credentials` among its own,
and lets gettoken answer `token` to the pair (corp id, SECRET).

People at their screens: POST /_sandbox/archive {"say": [{from, to: [], room?, kind, …}]} → {"msgids"}; …/consent
{member or room, customer, status}; …/rotate makes a new key pair; …/revoke_token; …/manners {library, times, media,
slow_ms, errcode, most} makes library or server misbehave. Kinds: text {text}; image, file {content: base64, name,
md5?}; revoke {msgid}; agree, disagree; any other {body}; `encrypt_chat_msg` stands instead of what would be sealed.
"""

import atexit
import hashlib
import secrets
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import simplejson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.wecom.sandbox.archive_seal import new_key, pem, seal
from hub import sdk

SECRET = "sandbox-archive-secret-7be1c0"
SOURCE = Path(__file__).with_name("archive_library.c")
Json = dict[str, Any]


class Archive:
    """One corp's archive. `notify` is called when there is news, as msgaudit_notify is pushed."""

    def __init__(self, kit: sdk.SandboxKit, library: Path, notify: Callable[[], Awaitable[None]] | None = None) -> None:
        self._kit = kit
        self._library = library
        self.notify = notify
        self.token = secrets.token_urlsafe(40)
        self.keys = {1: new_key()}
        self.records: list[Json] = []
        self.media: dict[str, bytes] = {}
        self.agreed: dict[tuple[str, str], str] = {}
        self.manners: Json = {}

    def credentials(self) -> dict[str, str]:
        """The archive's fields of a connection to this sandbox."""
        blocks = [f"version: {version}\n{pem(key)}" for version, key in self.keys.items()]
        return {
            "archive_library": str(self._library),
            "archive_secret": SECRET,
            "archive_private_keys": "\n".join(blocks),
            "archive_proxy": self._kit.url,
        }

    def close(self) -> None:
        """Remove the compiled library; a process ended by a signal runs no atexit."""
        shutil.rmtree(self._library.parent, ignore_errors=True)

    def routes(self) -> list[Route]:
        """What the library and the client call, and the screens."""
        wire = {
            "/cgi-bin/message/getchatdata": self.chat_data,
            "/cgi-bin/message/getchatmediadata": self.media_data,
            "/cgi-bin/msgaudit/get_permit_user_list": self.permitted,
            "/cgi-bin/msgaudit/check_single_agree": self.single,
            "/cgi-bin/msgaudit/check_room_agree": self.room,
        }
        screens = {
            "": self.talk,
            "/consent": self.consent,
            "/rotate": self.rotate,
            "/revoke_token": self.revoke_token,
            "/manners": self.behave,
        }
        guarded = [Route(path, self._guard(call), methods=["POST"]) for path, call in wire.items()]
        return guarded + [Route(f"/_sandbox/archive{end}", call, methods=["POST"]) for end, call in screens.items()]

    def _guard(self, call: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            token = request.query_params.get("access_token", "")
            if self._kit.faults.hit("session_loss"):
                self.token = secrets.token_urlsafe(40)
            if token != self.token:
                code = 41001 if not token else 40014
                return JSONResponse({"errcode": code, "errmsg": "invalid access_token, hint: [sandbox]"})
            return await call(request)

        return guarded

    async def chat_data(self, request: Request) -> Response:
        """What GetChatData hands back."""
        asked = simplejson.loads(await request.body())
        headers = self._orders()
        if code := self.manners.get("errcode"):
            return JSONResponse({"errcode": code, "errmsg": f"refused on order, {code}"}, headers=headers)
        if asked["limit"] > self.manners.get("most", 1000):
            return JSONResponse({"errcode": 301058, "errmsg": "pull too large"}, headers=headers)
        page = [record for record in self.records if record["seq"] > asked["seq"]][: asked["limit"]]
        return JSONResponse({"errcode": 0, "errmsg": "ok", "chatdata": page}, headers=headers)

    def _orders(self) -> dict[str, str]:
        """Headers that make the library misbehave, as many times as ordered."""
        orders = {"x-slow-ms": str(self.manners.get("slow_ms", 0))}
        if self.manners.get("library") and self.manners.get("times", 1) > 0:
            self.manners["times"] = self.manners.get("times", 1) - 1
            orders["x-library"] = self.manners["library"]
        return orders

    async def media_data(self, request: Request) -> Response:
        """A chunk of a file, by Range."""
        asked = simplejson.loads(await request.body())
        content = self.media.get(asked["fileid"])
        if content is None:
            return JSONResponse({"errcode": 301048, "errmsg": "media id expired or unknown"})
        first, last = request.headers["range"].removeprefix("bytes=").split("-")
        chunk = content[int(first) : int(last) + 1]
        span = f"bytes {first}-{int(first) + len(chunk) - 1}/{len(content)}"
        self._kit.ledger.write("media.sent", file_id=asked["fileid"], size=len(chunk))
        orders = {"x-library": self.manners["media"]} if "media" in self.manners else {}
        return Response(chunk, headers={"content-range": span, **orders})

    async def permitted(self, _request: Request) -> Response:
        """Who is archived."""
        return JSONResponse({"errcode": 0, "errmsg": "ok", "ids": ["zhangsan", "lisi"]})

    async def single(self, request: Request) -> Response:
        """Consent of customers to members; one unknown pair refuses all."""
        asked = [(row["userid"], row["exteranalopenid"]) for row in simplejson.loads(await request.body())["info"]]
        if len(asked) > 100:
            return JSONResponse({"errcode": 301060, "errmsg": "too many"})
        if any(pair not in self.agreed for pair in asked):
            return JSONResponse({"errcode": 301061, "errmsg": "invalid userid or exteranalopenid"})
        return self._agreeinfo([{"userid": member, **self._status(member, who)} for member, who in asked])

    async def room(self, request: Request) -> Response:
        """Consent of a room's customers."""
        room = simplejson.loads(await request.body())["roomid"]
        return self._agreeinfo([self._status(place, who) for place, who in self.agreed if place == room])

    def _status(self, place: str, who: str) -> Json:
        status = self.agreed[place, who]
        return {"exteranalopenid": who, "agree_status": status, "status_change_time": int(time.time())}

    def _agreeinfo(self, rows: list[Json]) -> Response:
        return JSONResponse({"errcode": 0, "errmsg": "ok", "agreeinfo": rows})

    async def talk(self, request: Request) -> Response:
        """People chat."""
        said = [self.say(one) for one in simplejson.loads(await request.body())["say"]]
        if self.notify:
            await self.notify()
        return JSONResponse({"msgids": said})

    def say(self, one: Json) -> str:
        """Seal one message and keep it; returns its msgid."""
        people = [one["from"], *one.get("to", [])]
        customers = [who for who in people if who[:2] in ("wm", "wo") and len(who) > 19]
        msgid = f"{uuid4().int % 10**19:019d}_{uuid4().hex[:10]}{'_external' if customers else ''}"
        self._meet(one, customers)
        self.keep(msgid, simplejson.dumps(self._plain(msgid, one)).encode(), one.get("encrypt_chat_msg", ""))
        self._kit.ledger.write("message.said", msgid=msgid, kind=one["kind"])
        return msgid

    def keep(self, msgid: str, content: bytes, sealed_already: str = "") -> None:
        """Seal any bytes under the newest key; `seq` grows with gaps."""
        version = max(self.keys)
        locked, sealed = seal(self.keys[version].public_key(), content)
        record = {"seq": 3 * len(self.records) + 1, "msgid": msgid, "publickey_ver": version}
        self.records.append({**record, "encrypt_random_key": locked, "encrypt_chat_msg": sealed_already or sealed})

    def _meet(self, one: Json, customers: list[str]) -> None:
        """Customers have not agreed until they say so."""
        places = [one["room"]] if one.get("room") else [w for w in [one["from"], *one["to"]] if w not in customers]
        for pair in [(place, who) for place in places for who in customers]:
            self.agreed.setdefault(pair, "Disagree")
            if one["kind"] in ("agree", "disagree"):
                self.agreed[pair] = one["kind"].capitalize()

    def _plain(self, msgid: str, one: Json) -> Json:
        kind, at = one["kind"], int(time.time() * 1000)
        head = {"msgid": msgid, "action": "recall" if kind == "revoke" else "send", "from": one["from"]}
        head |= {"tolist": one.get("to", []), "roomid": one.get("room", ""), "msgtime": one.get("at", at)}
        return head | {"msgtype": kind} | self._body(one, at)

    def _body(self, one: Json, at: int) -> Json:
        match one["kind"]:
            case "text":
                return {"text": {"content": one["text"]}}
            case "revoke":
                return {"revoke": {"pre_msgid": one["msgid"]}}
            case "agree" | "disagree" as kind:
                return {kind: {"userid": one["from"], f"{kind}_time": at}}
            case "image" | "file" as kind:
                return {kind: self._upload(one)}
            case _:
                return dict(one.get("body", {}))

    def _upload(self, one: Json) -> Json:
        content, name = b64decode(one["content"]), one.get("name", "")
        file = uuid4().hex
        self.media[file] = content
        md5 = one.get("md5", hashlib.md5(content, usedforsecurity=False).hexdigest())
        about = {"md5sum": md5, "filesize": one.get("size", len(content)), "sdkfileid": file}
        return about | ({"filename": name, "fileext": name.rpartition(".")[2]} if one["kind"] == "file" else {})

    async def consent(self, request: Request) -> Response:
        """A customer says yes or no on their own screen."""
        asked = simplejson.loads(await request.body())
        self.agreed[asked.get("member") or asked["room"], asked["customer"]] = asked["status"]
        self._kit.ledger.write("consent.changed", customer=asked["customer"], status=asked["status"])
        return JSONResponse({"ok": True})

    async def rotate(self, _request: Request) -> Response:
        """The administrator makes a new key pair; tells all private keys, oldest first."""
        self.keys[max(self.keys) + 1] = new_key()
        return JSONResponse({"version": max(self.keys), **self.credentials()})

    async def revoke_token(self, _request: Request) -> Response:
        """The archive's token dies early."""
        self.token = secrets.token_urlsafe(40)
        return JSONResponse({"ok": True})

    async def behave(self, request: Request) -> Response:
        """What library and server do wrong from now on; {} ends it."""
        self.manners = simplejson.loads(await request.body())
        return JSONResponse({"ok": True})


def add_archive(kit: sdk.SandboxKit) -> Archive | None:
    """Compile the library and open the archive; None when it is switched off or there is no compiler."""
    wanted = kit.options.get("archive", "")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if wanted == "0" or (compiler is None and wanted != "1"):
        return None
    if compiler is None:
        raise sdk.ConfigError("会话存档沙箱需要 C 编译器（cc 或 gcc） / the chat archive needs a C compiler on PATH")
    return Archive(kit, _compile(compiler))


def _compile(compiler: str) -> Path:
    folder = tempfile.mkdtemp(prefix="wecom-archive-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Path(folder) / "libWeWorkFinanceSdk_C.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(made), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise sdk.ConfigError(f"会话存档沙箱编译失败 / the archive library does not compile: {done.stderr[:2000]}")
    return made
