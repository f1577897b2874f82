"""The fake server: routes, sessions, refusals, and the accountant's own screen under /_sandbox/.

Options: `clock_window_s` (300): how far a stamp may be from our clock, which `clock_skew_s` moves; `refusal`
("401" answers a bad signature with HTTP 401 and plain text).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import cycle
from typing import Any
from uuid import uuid4

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.kingdee.sandbox.bodies import BadBody, read
from connectors.kingdee.sandbox.books import CHINA, Books, Document, Refused
from connectors.kingdee.sandbox.forms import FORMS
from connectors.kingdee.sandbox.gate import Application, Forbidden, admit
from connectors.kingdee.sandbox.operations import MISHAPS, perform, refusal
from hub import sdk

SERVICE = "kingdee.bos.webapi.servicesstub.dynamicformservice."
SUFFIX = ".common.kdsvc"
SESSION = "kdservice-sessionid"
APPLICATION = Application(
    app_id="230417_c2FuZGJveC1vbmx5LW5vLXJlYWwta2V5",
    secret="7c1e0a52f09d4b6e8f3310ab24cd5e96",
    user="集成用户",
    data_centres=("65a1f0c2d3e4b5", "65a1f0c2d3e4b6"),
)
LOST = Refused(1, "会话信息已丢失，请重新登录")


class Server:
    """One fake Kingdee: its account sets and the sessions opened on them."""

    def __init__(self, kit: sdk.SandboxKit, clock: Callable[[], datetime]) -> None:
        self._kit = kit
        self._window_s = int(kit.options.get("clock_window_s", "300"))
        self._sessions: set[str] = set()
        self._mishaps = cycle(MISHAPS)
        self.books = {name: Books(clock) for name in APPLICATION.data_centres}

    async def serve(self, request: Request) -> Response:
        """One call of the WebAPI: gate, session, bad manners, operation."""
        operation = _operation(request.url.path)
        if operation is None:
            return Response("<html>404</html>", status_code=404, media_type="text/html")
        try:
            name = admit(APPLICATION, request.headers, request.scope["raw_path"], self._kit.now(), self._window_s)
        except Forbidden as no:
            if self._kit.options.get("refusal") == "401":
                return Response(f"unauthorized: {no}", status_code=401, media_type="text/plain")
            return _json(refusal(operation, LOST))
        session = request.headers.get(SESSION) or request.headers.get("sid") or request.cookies.get(SESSION, "")
        if session and self._kit.faults.hit("session_loss"):
            self._sessions.discard(session)
        if session and session not in self._sessions:
            return _json(refusal(operation, LOST))
        answer = _json(self._answer(name, operation, await request.body()))
        if not session:
            self._open(answer)
        return answer

    def _answer(self, name: str, operation: str, raw: bytes) -> Any:
        if self._kit.faults.hit("throttle"):
            return refusal(operation, _throttle(operation))
        try:
            asked = read(raw)
        except BadBody as no:
            return refusal(operation, Refused(8, f"参数错误：{no}"))
        return perform(
            self.books[name], operation, asked, lambda done, what: self._tell(name, done, what), self._mishap
        )

    def _mishap(self) -> str:
        """What befalls one of several in a call: fault `part` has each kind in turn."""
        return next(self._mishaps) if self._kit.faults.hit("part") else ""

    def _open(self, answer: Response) -> None:
        session = str(uuid4())
        self._sessions.add(session)
        answer.set_cookie(SESSION, session, path="/", samesite=None)
        answer.set_cookie("ASP.NET_SessionId", session[:8], path="/", httponly=True, samesite=None)

    def _tell(self, name: str, done: str, what: Document) -> None:
        noun = what.form.noun
        facts: dict[str, Any] = {"data_centre": name, "id": str(what.id), "status": what.status}
        if noun == "customer":
            facts |= {"number": what.number, "name": what.head.get("FNAME")}
        else:
            facts |= {"bill_no": what.number, "amount": _amount(what), "customer": _customer(what)}
        self._kit.ledger.write(f"{noun}.{done}", **facts)

    async def expire(self, _request: Request) -> Response:
        """Every session is lost: what a restart of the real server does."""
        self._sessions.clear()
        return _json({"expired": True})

    async def bills(self, request: Request) -> Response:
        """The receivables as the accountant sees them."""
        shelf = self._chosen(request.query_params).shelf(FORMS["AR_RECEIVABLE"])
        return _json(
            [
                {
                    "id": str(bill.id),
                    "number": bill.number,
                    "status": bill.status,
                    "amount": _amount(bill),
                    "customer": _customer(bill),
                    "lines": len(bill.entries["FEntityDetail"]),
                }
                for bill in shelf.by_id.values()
            ]
        )

    async def restore(self, request: Request) -> Response:
        """The server is restored from an older backup: the newest receivables are gone, {"percent": 5} of them."""
        given = simplejson.loads(await request.body() or b"{}")
        lost = self._chosen(given).forget_newest(FORMS["AR_RECEIVABLE"], int(given.get("percent", 5)))
        return _json([{"id": str(bill.id), "number": bill.number} for bill in lost])

    async def rename(self, request: Request) -> Response:
        """An upgrade: fields have other keys in queries, {"names": {"FSRCBILLNO": "FSOURCEBILLNO"}}; {} as before."""
        given = simplejson.loads(await request.body() or b"{}")
        books = self._chosen(given)
        books.names = {new.upper(): old.upper() for old, new in given.get("names", {}).items()}
        return _json({"names": books.names})

    async def receive(self, request: Request) -> Response:
        """The accountant books and audits a receipt against a receivable: {receivable_number, amount}."""
        try:
            body = simplejson.loads(await request.body(), use_decimal=True)
            books, amount = self._chosen(body), Decimal(str(body["amount"]))
            bill = books.shelf(FORMS["AR_RECEIVABLE"]).by_number[str(body["receivable_number"])]
        except (ValueError, LookupError, TypeError, AttributeError, InvalidOperation) as error:
            return _json({"error": f"bad receipt: {error!r}"}, 422)
        if bill.status != "C" or amount <= 0:
            return _json({"error": "the receivable must be audited and the amount positive"}, 409)
        receipt = _book(books, bill, amount)
        facts = {"receivable": bill.number, "customer": _customer(bill), "amount": amount}
        self._kit.ledger.write("receipt.booked", id=str(receipt.id), bill_no=receipt.number, **facts)
        return _json({"number": receipt.number, "id": str(receipt.id)})

    def _chosen(self, given: Mapping[str, Any]) -> Books:
        return self.books[given.get("data_centre") or APPLICATION.data_centres[0]]


def _operation(path: str) -> str | None:
    """The operation's name in lower case out of …/k3cloud/<service>.<operation>.common.kdsvc, whatever its case."""
    last = path.rsplit("/", 1)[-1].lower()
    if not (last.startswith(SERVICE) and last.endswith(SUFFIX)):
        return None
    return last[len(SERVICE) : -len(SUFFIX)]


def _throttle(operation: str) -> Refused:
    if operation in ("submit", "audit"):
        return Refused(13, "网控冲突：单据正在被其他用户操作")
    return Refused(14, "接口调用次数超过限制，请稍后再试")


def _book(books: Books, bill: Document, amount: Decimal) -> Document:
    customer = {"FNumber": _customer(bill)}
    currency = {"FNumber": bill.head["FCURRENCYID"].number}
    model = {
        "FBillTypeID": {"FNUMBER": "SKDLX01_SYS"},
        "FDATE": books.now().strftime("%Y-%m-%d"),
        "FCONTACTUNITTYPE": "BD_Customer",
        "FCONTACTUNIT": customer,
        "FPAYUNITTYPE": "BD_Customer",
        "FPAYUNIT": customer,
        "FCURRENCYID": currency,
        "FRECEIVEBILLENTRY": [{"FRECTOTALAMOUNTFOR": amount, "FRECAMOUNTFOR_E": amount}],
        "FRECEIVEBILLSRCENTRY": [
            {"FSRCBILLTYPEID": "AR_receivable", "FSRCBILLNO": bill.number, "FREALRECAMOUNT": amount}
        ],
    }
    receipt = books.save(FORMS["AR_RECEIVEBILL"], model, {})
    books.move(receipt, "Submit")
    books.move(receipt, "Audit")
    return receipt


def _amount(bill: Document) -> Decimal:
    entity, field = {
        "receivable": ("FEntityDetail", "FALLAMOUNTFOR_D"),
        "receipt": ("FRECEIVEBILLENTRY", "FRECAMOUNTFOR_E"),
    }.get(bill.form.noun, ("", ""))
    return sum((row.get(field) or Decimal(0) for row in bill.entries.get(entity, [])), Decimal("0.00"))


def _customer(bill: Document) -> str:
    customer = bill.head.get("FCUSTOMERID") or bill.head.get("FCONTACTUNIT")
    return customer.number if isinstance(customer, Document) else ""


def _json(value: Any, status: int = 200) -> Response:
    text = simplejson.dumps(value, use_decimal=True, ensure_ascii=False)
    return Response(text.encode(), status_code=status, headers={"content-type": "application/json; charset=utf-8"})


def build(kit: sdk.SandboxKit, clock: Callable[[], datetime] | None = None) -> ASGIApp:
    """A new fake Kingdee with nothing but base data in it. `clock` stamps documents; by default the kit's."""
    server = Server(kit, clock or (lambda: datetime.fromtimestamp(kit.now(), CHINA)))
    return Starlette(
        routes=[
            Route("/_sandbox/bills", server.bills, methods=["GET"]),
            Route("/_sandbox/restore", server.restore, methods=["POST"]),
            Route("/_sandbox/rename", server.rename, methods=["POST"]),
            Route("/_sandbox/receipts", server.receive, methods=["POST"]),
            Route("/_sandbox/sessions", server.expire, methods=["DELETE"]),
            Route("/{path:path}", server.serve, methods=["POST"]),
        ]
    )


def credentials(kit: sdk.SandboxKit) -> dict[str, str]:
    """The config of a connection to this sandbox, as text."""
    return {
        "server_url": f"{kit.url}/k3cloud/",
        "acct_id": APPLICATION.data_centres[0],
        "user_name": APPLICATION.user,
        "app_id": APPLICATION.app_id,
        "app_secret": APPLICATION.secret,
        "lcid": "2052",
        "org_num": "0",
        "org_number": "100",
        "currency_number": "PRE001",
        "bill_type": "YSD01_SYS",
        "material_number": "WL0001",
        "multilingual_names": "false",
        "receipts_since": "2000-01-01",
        "overlap_minutes": "5",
        "page_size": "2000",
    }


sandbox = sdk.Sandbox(build=build, credentials=credentials)
