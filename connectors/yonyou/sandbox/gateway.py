"""The business calls behind /yonbip/: what each path does, and what it answers."""

from collections.abc import Callable
from typing import Any

from connectors.yonyou.sandbox.books import Books, flat, total
from connectors.yonyou.sandbox.gate import RefusedError
from connectors.yonyou.sandbox.messenger import Messenger
from hub import sdk

Call = Callable[[dict[str, Any], str], Any]


class Gateway:
    """Paths below /yonbip → (method, what is done). Each takes (body or query, path) and returns the whole answer."""

    def __init__(self, books: Books, kit: sdk.SandboxKit, messenger: Messenger) -> None:
        self._books = books
        self._kit = kit
        self._messenger = messenger
        self.calls: dict[str, tuple[str, Call]] = {
            "/digitalModel/merchant/idempotent/newinsert": ("POST", self.insert_customer),
            "/digitalModel/merchant/newlist": ("POST", self.list_customers),
            "/EFI/receivable/save": ("POST", self.save),
            "/EFI/receivable/saveandsubmit": ("POST", self.save),
            "/EFI/receivable/submit": ("POST", self.submit),
            "/EFI/receivable/list": ("POST", self.list_receivables),
            "/EFI/receivable/detail": ("GET", self.detail),
        }

    def insert_customer(self, body: dict[str, Any], path: str) -> Any:
        """Save a customer; the answer's data is an array."""
        data = dict(body["data"])
        key = data.pop("resubmitCheckKey", None)
        again = self._books.repeated(path, key)
        if again is not None:
            return good(again)
        made = self.add_customer(data)
        return good(self._books.keep(path, key, [{"id": made["id"], "code": made["code"]}]))

    def add_customer(self, data: dict[str, Any]) -> dict[str, Any]:
        """Keep a customer, note it, and tell who listens."""
        made = self._books.add_customer(data)
        facts = {"number": made["code"], "name": made["name"]["simplifiedName"]}
        self._kit.ledger.write("customer.saved", id=str(made["id"]), credit_code=made.get("creditCode", ""), **facts)
        self._messenger.tell("YXYBASEDOC_AA_MERCHANT_INSERT", {"id": made["id"], "code": made["code"]})
        return made

    def list_customers(self, body: dict[str, Any], _path: str) -> Any:
        """Customers whose code contains what is asked: the harsher reading of an undocumented filter."""
        wanted = str(body.get("code") or "")
        found = [each for code, each in self._books.customers.items() if wanted in code]
        first = (int(body["pageIndex"]) - 1) * int(body["pageSize"])
        return good(found[first : first + int(body["pageSize"])])

    def save(self, body: dict[str, Any], path: str) -> Any:
        """Save a receivable; saveandsubmit tells nothing but the id."""
        data = dict(body["data"])
        key = data.pop("resubmitCheckKey", None)
        again = self._books.repeated(path, key)
        if again is not None:
            return good(again)
        submitted = path.endswith("saveandsubmit")
        made = self._books.add_receivable(data, submitted=submitted)
        facts = {"code": made["code"], "number": made["extVouchCode"], "amount": total(made)}
        ext = f"{made['extSystemCode']}|{made['extVouchCode']}"
        self._kit.ledger.write(
            "receivable.saved", id=str(made["id"]), ext_code=ext, customer=made["customerCode"], **facts
        )
        return good(self._books.keep(path, key, {"id": made["id"]} if submitted else dict(made)))

    def submit(self, body: dict[str, Any], _path: str) -> Any:
        """Submit bills, one or several: rows that fail stand under code 200."""
        data = body["data"]
        idents = [each["id"] for each in data] if isinstance(data, list) else [data["id"]]
        messages = []
        for ident in idents:
            try:
                self._books.submit(self._books.receivable(ident))
            except RefusedError as no:
                messages.append(no.message)
        done = len(idents) - len(messages)
        counts = {"count": len(idents), "sucessCount": done, "failCount": len(messages)}
        return good({**counts, "messages": messages, "infos": idents})

    def list_receivables(self, body: dict[str, Any], _path: str) -> Any:
        """Receivables by external numbers, flattened."""
        names = ("extSystemCode", "extVouchCode", "code")
        rows = [
            row
            for bill in self._books.receivables.values()
            if all(not body.get(name) or bill.get(name) == body[name] for name in names)
            for row in flat(bill)
        ]
        first, size = (int(body["pageIndex"]) - 1) * int(body["pageSize"]), int(body["pageSize"])
        head = {"pageIndex": body["pageIndex"], "pageSize": size, "recordCount": len(rows)}
        return good({**head, "recordList": rows[first : first + size]})

    def detail(self, query: dict[str, Any], _path: str) -> Any:
        """One receivable with its rows."""
        return good(self._books.receivable(query.get("id")))


def good(data: Any) -> Any:
    """The gateway's yes."""
    return {"code": "200", "message": "操作成功", "data": data}
