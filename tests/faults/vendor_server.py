"""A vendor that misbehaves by plan and tells the truth in its ledger: one line per effect, before it answers.

`python -m tests.faults.vendor_server --ledger FILE --seed 1 --faults "http_503=0.05,late_commit=0.02"`; its first
line on stdout is JSON {url}. Each tenant has an account and a secret of its own; every ledger line names the account
whose token came with the request, so that a call with another tenant's credentials shows.

/a honours an idempotency key, /b a unique number the caller chose, /c can be searched by a field the caller set,
/d neither. /batch takes several of what /b takes, and its answer tells of each, or leaves some out. /news is a list
to poll.
"""

import argparse
import asyncio
import base64
import os
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import simplejson

from tests.faults.ending import end_with_parent
from tests.faults.plan import HEALTHY, Plan
from tests.faults.wire import Asked, ResetError, Said, converse

LOGIN_PAGE = b"<html><body>please sign in</body></html>"
PAGE = 20
LATE_S = 1.2
SLOW_S = 0.3


def secret_of(account: str) -> str:
    """The password of an account."""
    return f"secret-of-{account}"


@dataclass(slots=True)
class Account:
    """What one customer has at the vendor."""

    name: str
    made: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    coming: set[tuple[str, str]] = field(default_factory=set)
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    news: list[dict[str, Any]] = field(default_factory=list)


class Vendor:
    """The vendor's state, its manners and its ledger."""

    def __init__(self, plan: Plan, ledger: Path | None = None, fsync: bool = False, token_s: float = 5.0) -> None:
        self.plan = plan
        self.url = ""
        self.counted: Counter[str] = Counter()
        self._accounts: dict[str, Account] = {}
        self._tokens: dict[str, tuple[str, float]] = {}
        self._token_s = token_s
        self._fsync = fsync
        self._ledger = ledger.open("a", encoding="utf-8") if ledger else None
        self._calls = ledger.with_suffix(".calls").open("a", encoding="utf-8") if ledger else None

    def basic(self, account: str) -> str:
        """The Authorization header an account signs in with."""
        return "Basic " + base64.b64encode(f"{account}:{secret_of(account)}".encode()).decode()

    def account(self, name: str) -> Account:
        """The account of this name."""
        return self._accounts.setdefault(name, Account(name))

    async def handle(self, asked: Asked) -> Said:
        """Answer one request."""
        self.counted[f"{asked.method} /{asked.path.split('/')[1]}"] += 1
        if asked.path == "/token":
            return self._sign_in(asked)
        if asked.path == "/news" and asked.method == "POST":
            return self._publish(simplejson.loads(asked.body, use_decimal=True))
        if asked.path == "/stats":
            return Said(200, {"ok": True, "counted": dict(self.counted)})
        name, until = self._tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "), ("", 0.0))
        if time.monotonic() >= until:
            return Said(401, {"ok": False, "code": "token", "message": "sign in again"})
        account = self.account(name)
        if asked.method == "GET":
            return self._read(account, asked)
        return await self._write(account, asked)

    def _sign_in(self, asked: Asked) -> Said:
        given = base64.b64decode(asked.headers.get("authorization", "").removeprefix("Basic ")).decode()
        name, _, secret = given.partition(":")
        if not name or secret != secret_of(name):
            return Said(403, {"ok": False, "code": "secret", "message": "wrong secret"})
        token = secrets.token_hex(16)
        self._tokens[token] = (name, time.monotonic() + self._token_s)
        return Said(200, {"ok": True, "token": token, "expires_in": self._token_s})

    def _publish(self, item: dict[str, Any]) -> Said:
        account = self.account(item["tenant"])
        if item not in account.news:
            account.news.append(item)
        return Said(200, {"ok": True})

    def _read(self, account: Account, asked: Asked) -> Said:
        _, kind, *rest = asked.path.split("/")
        sought = rest[0] if rest else asked.query.get("ref", asked.query.get("after", ""))
        fate = self._fate(account, kind, sought, True)
        if fate == "http_503":
            return Said(503, b"busy")
        if fate:
            raise ResetError
        if kind == "news":
            start = int(sought or "0")
            page = account.news[start : start + PAGE]
            return Said(200, {"ok": True, "items": page, "next": str(start + len(page))})
        if kind == "c":
            return Said(200, {"ok": True, "found": [account.found[sought]] if sought in account.found else []})
        if row := account.made.get((kind, sought)):
            return Said(200, {"ok": True, "found": [row]})
        return Said(200, {"ok": True, "found": []})

    async def _write(self, account: Account, asked: Asked) -> Said:
        kind = asked.path.strip("/")
        body = simplejson.loads(asked.body, use_decimal=True)
        if kind == "batch":
            event, key = body[0]["event"], (kind, "")
            commit = partial(self._commit_several, account, body)
        else:
            event = body["event"]
            key = (kind, {"a": asked.headers.get("idempotency-key", ""), "b": event}.get(kind, ""))
            commit = partial(self._commit, account, key, body)
        fate = self._fate(account, kind, event, False)
        match fate:
            case "http_503":
                return Said(503, b"<html>503</html>")
            case "error_body":
                return Said(200, {"ok": False, "code": "busy", "message": "try later"})
            case "login_page":
                return Said(200, LOGIN_PAGE)
            case "rst_before":
                raise ResetError
            case "late_commit":
                return await self._commit_late(account, key, commit)
            case "kill_before":
                self._kill(asked)
            case "slow":
                await asyncio.sleep(SLOW_S)
        said = commit()
        match fate:
            case "rst_after":
                raise ResetError
            case "http_500_after":
                return Said(500, b"<html>500</html>")
            case "kill_after":
                self._kill(asked)
        return said

    def _fate(self, account: Account, kind: str, event: str, reads: bool) -> str:
        account.calls[kind, event, reads] += 1
        nth = account.calls[kind, event, reads]
        fate = self.plan.fate(kind, event, nth, reads)
        self.counted[fate or "healthy"] += 1
        self._note(self._calls, {"account": account.name, "kind": kind, "event": event, "nth": nth, "fate": fate})
        return fate

    async def _commit_late(self, account: Account, key: tuple[str, str], commit: Callable[[], Said]) -> Said:
        """The caller has long given up when it is done. What carries a key is known to be under way meanwhile."""
        if key[0] == "a":
            if key in account.coming:
                return Said(409, {"ok": False, "code": "in_progress", "message": "the same key is under way"})
            account.coming.add(key)
        await asyncio.sleep(LATE_S)
        account.coming.discard(key)
        return commit()

    def _commit_several(self, account: Account, bodies: list[dict[str, Any]]) -> Said:
        """Several of class B in one call: some are put off, some made and not mentioned, some neither."""
        told = []
        for body in bodies:
            fate = self._fate(account, "part", body["event"], False)
            if fate == "error_body":
                busy = {"ok": False, "code": "busy", "message": "try later"}
                told.append({"event": body["event"], "said": busy})
            elif fate != "rst_before":
                said = self._commit(account, ("b", body["event"]), body)
                if fate != "rst_after":
                    told.append({"event": body["event"], "said": said.body})
        return Said(200, {"ok": True, "each": told})

    def _commit(self, account: Account, key: tuple[str, str], body: dict[str, Any]) -> Said:
        kind = key[0]
        if key in account.coming:
            return Said(409, {"ok": False, "code": "in_progress", "message": "the same key is under way"})
        if kind in "ab" and key in account.made:
            if kind == "a":
                return Said(200, {"ok": True, "id": account.made[key]["id"]})
            return Said(409, {"ok": False, "code": "exists", "message": f"number {key[1]} exists"})
        row = {"id": secrets.token_hex(6), **body}
        self._note(self._ledger, {"kind": kind, "account": account.name, "key": key[1], **row}, self._fsync)
        if kind in "ab":
            account.made[key] = row
        account.found.setdefault(body["event"], row)
        return Said(200, {"ok": True, "id": row["id"]})

    def _kill(self, asked: Asked) -> None:
        """SIGKILL the caller, which names itself in a header; only a process of our own family."""
        pid = int(asked.headers.get("x-bench-pid", "0"))
        if pid > 1 and pid != os.getpid():
            os.kill(pid, signal.SIGKILL)

    def _note(self, file: TextIO | None, row: dict[str, Any], fsync: bool = False) -> None:
        if file is None:
            return
        file.write(simplejson.dumps({"at": round(time.time(), 4), **row}, use_decimal=True) + "\n")
        file.flush()
        if fsync:
            os.fsync(file.fileno())


@asynccontextmanager
async def vendor(plan: Plan | None = None, ledger: Path | None = None, fsync: bool = False) -> AsyncIterator[Vendor]:
    """A vendor listening on loopback for the length of a block."""
    served = Vendor(plan or Plan(), ledger, fsync)
    server = await asyncio.start_server(partial(converse, served.handle), "127.0.0.1", 0, backlog=512)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield served


async def _serve(ledger: Path, plan: Plan, fsync: bool) -> None:
    async with vendor(plan, ledger, fsync) as served:
        sys.stdout.write(simplejson.dumps({"url": served.url}) + "\n")
        sys.stdout.flush()
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()


def main() -> None:
    """Serve until SIGTERM or the end of the parent."""
    end_with_parent()
    parser = argparse.ArgumentParser()
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", default=HEALTHY)
    parser.add_argument("--fsync", action="store_true")
    told = parser.parse_args()
    asyncio.run(_serve(told.ledger, Plan.parse(told.seed, told.faults), told.fsync))


if __name__ == "__main__":
    main()
