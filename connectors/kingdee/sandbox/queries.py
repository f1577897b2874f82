"""ExecuteBillQuery and BillQuery: rows of a form, one per entry as soon as an entry field is touched."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from connectors.kingdee.sandbox.books import Books, Document, Refused
from connectors.kingdee.sandbox.filters import Filter, Getter, tokens
from connectors.kingdee.sandbox.forms import FORMS, Form

PAGE = 2000


NO_ENTRY: tuple[None, ...] = (None,)


class Row(NamedTuple):
    """A document and one entry of each entity that the query touches (None where it has none)."""

    document: Document
    entries: Mapping[str, dict[str, Any] | None]


def table(books: Books, data: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of a query in FieldKeys order; at most 2000 whatever Limit says."""
    form = find_form(str(data.get("FormId", "")))
    columns = Columns(form, books.names)
    getters = [columns.getter(key.strip()) for key in str(data.get("FieldKeys", "")).split(",") if key.strip()]
    if not getters:
        raise Refused(8, "查询字段不能为空", "FieldKeys")
    where = str(data.get("FilterString") or "")
    test = Filter(where, columns.getter).read()
    order = _order(str(data.get("OrderString") or ""), columns)
    rows = [row for row in _rows(_candidates(books, form, where), columns.entities) if test(row)]
    for get, descending in reversed(order):
        rows.sort(key=lambda row: _rank(get(row)), reverse=descending)
    start, limit = int(data.get("StartRow") or 0), min(int(data.get("Limit") or PAGE) or PAGE, PAGE)
    top = int(data.get("TopRowCount") or 0) or len(rows)
    return [[shown(get(row)) for get in getters] for row in rows[:top][start : start + limit]]


def find_form(ident: str) -> Form:
    """A form by id in any case; Refused like a form that is not enabled."""
    if not ident:
        raise Refused(5, "FormId不能为空", "FormId")
    if ident.upper() not in FORMS:
        raise Refused(4, f"业务对象不存在：{ident}", "FormId")
    return FORMS[ident.upper()]


class Columns:
    """Turns field keys into getters and remembers which entities they touch. `names`: see Books."""

    def __init__(self, form: Form, names: Mapping[str, str]) -> None:
        self._form = form
        self._names = names
        self.entities: set[str] = set()

    def getter(self, key: str) -> Getter:
        """FBillNo, FCUSTOMERID.FNumber, FEntityDetail_FEntryID …; Refused for a field the form does not have."""
        name, _, inner = key.partition(".")
        fixed = self._fixed(name.upper())
        if fixed:
            return fixed
        known = (
            None if name.upper() in self._names.values() else self._form.look_up(self._names.get(name.upper(), name))
        )
        if known is None or (inner and not known.refers):
            raise Refused(4, f"元数据中标识为{key}的字段不存在", key)
        field, entity = known.name.upper(), known.entity
        if entity:
            self.entities.add(entity)
        get = _of_entry(entity, field) if entity else _of_head(field)
        if not known.refers:
            return get
        return _through(get, Columns(FORMS[known.refers.upper()], self._names).getter(inner) if inner else _ident)

    def _fixed(self, name: str) -> Getter | None:
        form = self._form
        for entity in form.entities:
            if name == f"{entity}_FEntryID".upper():
                self.entities.add(entity)
                return _of_entry(entity, "ID")
        fixed: dict[str, Getter] = {
            form.key.upper(): _ident,
            form.number.upper(): lambda row: row.document.number,
            "FDOCUMENTSTATUS": lambda row: row.document.status,
            "FMODIFYDATE": lambda row: row.document.modified,
            "FCREATEDATE": lambda row: row.document.created,
            "FAPPROVEDATE": lambda row: row.document.approved,
        }
        return fixed.get(name)


def _ident(row: Row) -> Any:
    return row.document.id


def _of_head(field: str) -> Getter:
    return lambda row: row.document.head.get(field)


def _of_entry(entity: str, field: str) -> Getter:
    return lambda row: (row.entries[entity] or {}).get(field)


def _through(get: Getter, inner: Getter) -> Getter:
    def follow(row: Row) -> Any:
        target = get(row)
        return None if target is None else inner(Row(target, {}))

    return follow


def _candidates(books: Books, form: Form, where: str) -> Iterable[Document]:
    """All documents, or the one that a filter starting with `number = '…'` can only mean."""
    shelf, words = books.shelf(form), tokens(where)
    pinned = len(words) > 2 and words[0].upper() == form.number.upper() and words[1] == "=" and words[2][0] == "'"
    if pinned and "or" not in (word.lower() for word in words):
        document = shelf.by_number.get(words[2][1:-1].replace("''", "'"))
        return [document] if document else []
    return shelf.by_id.values()


def _rows(documents: Iterable[Document], entities: Iterable[str]) -> Iterator[Row]:
    names = sorted(entities)
    for document in documents:
        for entries in itertools.product(*(document.entries.get(name) or NO_ENTRY for name in names)):
            yield Row(document, dict(zip(names, entries, strict=True)))


def _order(text: str, columns: Columns) -> list[tuple[Getter, bool]]:
    made = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, direction = part.partition(" ")
        made.append((columns.getter(name), direction.strip().lower() == "desc"))
    return made


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value.number if isinstance(value, Document) else value)


def shown(value: Any) -> Any:
    """A value as Kingdee writes it: decimals with ten places, local times without a zone."""
    if isinstance(value, Decimal):
        return value.quantize(Decimal("1.0000000000"))
    if isinstance(value, datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="milliseconds")
        return text.rstrip("0").rstrip(".") if "." in text and not text.endswith(":00.000") else text[:19]
    return value
