"""The account sets: documents per (data centre, form), their numbers, references and statuses."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.kingdee.sandbox.forms import FORMS, Field, Form

CHINA = timezone(timedelta(hours=8))
MOVES = {"Submit": ("AD", "B"), "Audit": ("B", "C"), "UnAudit": ("C", "D"), "Delete": ("ZAD", "")}
STATUS_NAMES = {"Z": "暂存", "A": "创建", "B": "审核中", "C": "已审核", "D": "重新审核"}


class Refused(Exception):
    """Kingdee's no: MsgCode, field and words."""

    def __init__(self, code: int, words: str, name: str = "") -> None:
        super().__init__(words)
        self.code, self.words, self.name = code, words, name


@dataclass(slots=True)
class Document:
    """A saved document. `head` and entries are keyed by field key in upper case; an entry's id is under "ID"."""

    id: int
    number: str
    form: Form
    head: dict[str, Any]
    entries: dict[str, list[dict[str, Any]]]
    modified: datetime
    created: datetime
    approved: datetime | None = None
    status: str = "A"


@dataclass(slots=True)
class Shelf:
    """All documents of one form in one data centre."""

    by_id: dict[int, Document] = field(default_factory=dict)
    by_number: dict[str, Document] = field(default_factory=dict)


class Books:
    """One data centre. `names`: the keys that queries must use since an upgrade, and what they were called before."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.names: dict[str, str] = {}
        self._clock = clock
        self._ids = 100_000
        self._shelves: dict[str, Shelf] = {}
        _seed(self)

    def shelf(self, form: Form) -> Shelf:
        """The documents of a form."""
        return self._shelves.setdefault(form.id, Shelf())

    def now(self) -> datetime:
        """Kingdee's local time, to the millisecond."""
        moment = self._clock()
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def next_id(self) -> int:
        """A fresh internal id, for documents and entries alike."""
        self._ids += 1
        return self._ids

    def save(self, form: Form, model: dict[str, Any], package: dict[str, Any], status: str = "A") -> Document:
        """Make a document, or change the one whose primary key the model holds. Nothing is kept when refused."""
        flat = _flatten(form, model)
        key = flat.pop(form.key.upper(), 0)
        number = str(flat.pop(form.number.upper(), "") or "").strip()
        existing = self._to_change(form, int(key)) if key not in (0, "0", "", None) else None
        self._check_number(form, number, existing)
        head, entries = self._read(form, flat, package, existing)
        if status != "Z":
            _check_required(form, head, entries)
        now = self.now()
        if existing:
            existing.head, existing.entries, existing.modified = head, entries, now
            return existing
        ident = self.next_id()
        made = Document(ident, number or f"{form.prefix}{ident:08d}", form, head, entries, now, now, status=status)
        shelf = self.shelf(form)
        shelf.by_id[ident] = shelf.by_number[made.number] = made
        return made

    def move(self, document: Document, operation: str) -> None:
        """Submit, Audit, UnAudit or Delete, where the status allows it."""
        allowed, then = MOVES[operation]
        if document.status not in allowed:
            raise Refused(
                11,
                f"单据“{document.number}”的单据状态为{STATUS_NAMES[document.status]}，不允许该操作",
                "FDocumentStatus",
            )
        if operation == "Delete":
            shelf = self.shelf(document.form)
            del shelf.by_id[document.id], shelf.by_number[document.number]
            return
        document.status, document.modified = then, self.now()
        document.approved = document.modified if then == "C" else None

    def forget_newest(self, form: Form, percent: int) -> list[Document]:
        """Lose the newest documents of a form, so many of a hundred."""
        shelf = self.shelf(form)
        kept = len(shelf.by_id) - len(shelf.by_id) * percent // 100
        lost = sorted(shelf.by_id.values(), key=lambda document: document.id)[kept:]
        for document in lost:
            del shelf.by_id[document.id], shelf.by_number[document.number]
        return lost

    def chosen(self, form: Form, data: dict[str, Any]) -> list[Document | str]:
        """Documents named by Ids ("1,2") or Numbers ([…]); the name itself where there is none."""
        shelf = self.shelf(form)
        ids = [word.strip() for word in str(data.get("Ids") or "").split(",") if word.strip()]
        numbers = [str(n) for n in data.get("Numbers") or []]
        if not ids and not numbers:
            raise Refused(8, "编码值或内码值必须传其一")
        if ids:
            return [shelf.by_id.get(int(i) if i.isdecimal() else -1, i) for i in ids]
        return [shelf.by_number.get(n, n) for n in numbers]

    def _to_change(self, form: Form, key: int) -> Document:
        document = self.shelf(form).by_id.get(key)
        if document is None:
            raise Refused(10, f"内码[{key}]不存在")
        if document.status not in "ZAD":
            raise Refused(11, f"单据“{document.number}”的单据状态为{STATUS_NAMES[document.status]}，不允许修改")
        return document

    def _check_number(self, form: Form, number: str, existing: Document | None) -> None:
        if existing and number and number != existing.number:
            raise Refused(11, f"{form.number}不允许修改", form.number)
        if not existing and number in self.shelf(form).by_number:
            raise Refused(11, f"编码值“{number}”已存在，违反唯一性", form.number)

    def _read(
        self, form: Form, flat: dict[str, Any], package: dict[str, Any], existing: Document | None
    ) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
        only = {str(k).upper() for k in package.get("NeedUpDateFields") or []} if existing else set()
        head = dict(existing.head) if existing else {}
        entries = {k: [dict(e) for e in v] for k, v in existing.entries.items()} if existing else {}
        for key, given in flat.items():
            entity = next((e for e in form.entities if e.upper() == key), None)
            if only and key not in only and not entity:
                continue
            if entity:
                kept = entries.get(entity, []) if package.get("IsDeleteEntry") is False else []
                entries[entity] = kept + self._entries(form, entity, given)
            elif (known := form.look_up(key)) and not known.entity:
                head[key] = self._value(known, given)
        return head, entries

    def _entries(self, form: Form, entity: str, given: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        made = []
        for row in given:
            known = {k.upper(): f for k in row if (f := form.look_up(k)) and f.entity == entity}
            values = {k.upper(): v for k, v in row.items()}
            made.append({"ID": self.next_id()} | {k: self._value(f, values[k]) for k, f in known.items()})
        return made

    def _value(self, known: Field, given: Any) -> Any:
        if known.refers:
            return self._reference(known, given)
        if known.kind == "#":
            return _decimal(known, given)
        if known.kind == "@":
            return _moment(known, given)
        if known.name == "FName" and isinstance(given, list):
            return next((str(n.get("Value", "")) for n in given if str(n.get("Key")) == "2052"), "")
        return given

    def _reference(self, known: Field, given: Any) -> Document | None:
        """What a reference names. As in Kingdee, what is not audited does not exist for others."""
        values = {k.upper(): v for k, v in given.items()} if isinstance(given, dict) else {"FNUMBER": given}
        number = str(values.get("FNUMBER") or "")
        if not number:
            return None
        found = self.shelf(FORMS[known.refers.upper()]).by_number.get(number)
        if found is None or found.status != "C":
            raise Refused(9, f"编码值[“{number}”]不存在", known.name)
        return found


def _flatten(form: Form, model: dict[str, Any]) -> dict[str, Any]:
    """The model with upper-case keys and its sub-heads folded into the head.

    On bills with a finance sub-head that comes after the entries Kingdee complains about prices; so do we.
    """
    order = [key.upper() for key in model]
    if "FSUBHEADFINC" in order and "FENTITYDETAIL" in order[: order.index("FSUBHEADFINC")]:
        raise Refused(11, "含税单价不能小于等于0", "FTaxPrice")
    flat: dict[str, Any] = {}
    for key, value in model.items():
        if key in form.subheads and isinstance(value, dict):
            flat |= {k.upper(): v for k, v in value.items()}
        else:
            flat[key.upper()] = value
    return flat


def _check_required(form: Form, head: dict[str, Any], entries: dict[str, list[dict[str, Any]]]) -> None:
    for name in form.required:
        if not (entries.get(name) if name in form.entities else head.get(name.upper())):
            raise Refused(11, f"字段“{name}”不能为空", name)
    for entry in entries.get("FEntityDetail", []):
        if (entry.get("FTAXPRICE") or 0) <= 0:
            raise Refused(11, "含税单价不能小于等于0", "FTaxPrice")
        if not entry.get("FMATERIALID"):
            raise Refused(11, "字段“物料编码”不能为空", "FMATERIALID")
        computed = (entry["FTAXPRICE"] * (entry.get("FPRICEQTY") or 0)).quantize(Decimal("0.01"))
        entry.setdefault("FALLAMOUNTFOR_D", computed)


def _decimal(known: Field, given: Any) -> Decimal | None:
    if given in (None, ""):
        return None
    try:
        return Decimal(str(given))
    except InvalidOperation as error:
        raise Refused(8, f"字段“{known.name}”的值不是数字", known.name) from error


def _moment(known: Field, given: Any) -> datetime | None:
    if given in (None, ""):
        return None
    try:
        return datetime.fromisoformat(str(given)).replace(tzinfo=CHINA)
    except ValueError as error:
        raise Refused(8, f"字段“{known.name}”的值不是日期", known.name) from error


_SEED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("ORG_Organizations", "100", {"FName": "苏州连枢示例有限公司"}),
    ("BD_Currency", "PRE001", {"FName": "人民币", "FCODE": "CNY"}),
    ("BD_Currency", "PRE007", {"FName": "美元", "FCODE": "USD"}),
    ("BD_RateType", "HLTX01_SYS", {"FName": "固定汇率"}),
    ("BOS_BillType", "YSD01_SYS", {"FName": "标准应收单"}),
    ("BOS_BillType", "SKDLX01_SYS", {"FName": "销售收款单"}),
    ("BD_MATERIAL", "WL0001", {"FName": "通用设备"}),
)


def _seed(books: Books) -> None:
    """What stands in every new account set."""
    for ident, number, values in _SEED:
        form = FORMS[ident.upper()]
        books.save(form, {form.number: number, **values}, {}).status = "C"
