"""What DynamicFormService does, and the shapes it answers in."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.kingdee.sandbox.bodies import Asked
from connectors.kingdee.sandbox.books import MOVES, Books, Document, Refused
from connectors.kingdee.sandbox.forms import Form
from connectors.kingdee.sandbox.queries import find_form, shown, table

Tell = Callable[[str, Document], None]
"""(past participle, document): writes one effect to the ledger, before the answer goes out."""

Mishap = Callable[[], str]
"""What befalls the next of several documents in a call: one of MISHAPS, or nothing."""
MISHAPS = ("refused", "hushed", "lost")
"""`refused`: someone is at it. `hushed`: done, and the answer does not mention it. `lost`: neither."""

PAST = {"Submit": "submitted", "Audit": "audited", "UnAudit": "unaudited", "Delete": "deleted"}


def perform(books: Books, operation: str, asked: Asked, tell: Tell, mishap: Mishap) -> Any:
    """Carry out one operation (its name in lower case) and return the answer's JSON."""
    try:
        return _perform(books, operation, asked, tell, mishap)
    except Refused as no:
        return refusal(operation, no)


def refusal(operation: str, no: Refused) -> Any:
    """A no in the shape this operation gives it."""
    plain = {"Result": {"ResponseStatus": _status([_error(no, 0)], [], no.code)}}
    return [[plain]] if operation == "executebillquery" else plain


def _perform(books: Books, operation: str, asked: Asked, tell: Tell, mishap: Mishap) -> Any:
    if operation == "executebillquery":
        return table(books, asked.data)
    if operation == "billquery":
        keys = [key.strip() for key in str(asked.data.get("FieldKeys", "")).split(",")]
        return [dict(zip(keys, row, strict=True)) for row in table(books, asked.data)]
    form = find_form(asked.form)
    if operation in ("save", "draft"):
        return _save(books, form, asked.data, "Z" if operation == "draft" else "A", tell)
    if operation == "batchsave":
        return _batch_save(books, form, asked.data, tell, mishap)
    if operation == "view":
        return _view(books, form, asked.data)
    move = next((name for name in MOVES if name.lower() == operation), None)
    if move is None:
        raise Refused(3, f"不支持的操作：{operation}")
    return _move(books, form, asked.data, move, tell, mishap)


def _save(books: Books, form: Form, data: dict[str, Any], status: str, tell: Tell) -> Any:
    model = data.get("Model")
    if not isinstance(model, dict):
        raise Refused(8, "Model不能为空", "Model")
    document = books.save(form, model, data, status)
    tell("saved", document)
    answer = {"ResponseStatus": _status([], [_entity(document, 0)])}
    return {"Result": {**answer, "Id": document.id, "Number": document.number, "NeedReturnData": [{}]}}


def _batch_save(books: Books, form: Form, data: dict[str, Any], tell: Tell, mishap: Mishap) -> Any:
    """Not atomic: what can be saved is saved."""

    def save(model: Any) -> Document:
        document = books.save(form, model, data)
        tell("saved", document)
        return document

    errors, made, code = _each(data.get("Model") or [], save, mishap)
    return {"Result": {"ResponseStatus": _status(errors, made, code), "NeedReturnData": [{} for _ in made]}}


def _move(books: Books, form: Form, data: dict[str, Any], operation: str, tell: Tell, mishap: Mishap) -> Any:
    def move(chosen: Document | str) -> Document:
        if isinstance(chosen, str):
            raise Refused(9, f"编码值[“{chosen}”]不存在")
        books.move(chosen, operation)
        tell(PAST[operation], chosen)
        return chosen

    errors, made, code = _each(books.chosen(form, data), move, mishap)
    return {"Result": {"ResponseStatus": _status(errors, made, code)}}


def _each(several: list[Any], act: Callable[[Any], Document], mishap: Mishap) -> tuple[list[Any], list[Any], int]:
    """Do it to each; the errors and the successes with their places, and the last refusal's code."""
    errors, made, code = [], [], 0
    for index, one in enumerate(several):
        befallen = mishap() if len(several) > 1 else ""
        try:
            if befallen == "refused":
                raise Refused(11, "网控冲突：单据正在被其他用户操作")
            document = None if befallen == "lost" else act(one)
        except Refused as no:
            errors.append(_error(no, index))
            code = no.code
        else:
            if document and not befallen:
                made.append(_entity(document, index))
    return errors, made, code


def _view(books: Books, form: Form, data: dict[str, Any]) -> Any:
    ident, number = str(data.get("Id") or ""), str(data.get("Number") or "")
    given: dict[str, Any] = {"Ids": ident} if ident else {"Numbers": [number] if number else []}
    found = books.chosen(form, given)[0]
    if isinstance(found, str):
        raise Refused(9, f"编码值[“{found}”]不存在")
    return {"Result": {"ResponseStatus": None, "Result": _entity_view(found)}}


def _entity_view(document: Document) -> dict[str, Any]:
    """A document with internal names: no leading F, references nested."""
    form = document.form
    view: dict[str, Any] = {
        "Id": document.id,
        _inner(form.number): document.number,
        "DocumentStatus": document.status,
        "ModifyDate": shown(document.modified),
    }
    view |= {_inner(form.fields[k].name): _shown(form, k, v) for k, v in document.head.items()}
    for entity, rows in document.entries.items():
        view[_inner(entity)] = [
            {"Id" if k == "ID" else _inner(form.fields[k].name): _shown(form, k, v) for k, v in row.items()}
            for row in rows
        ]
    return view


def _inner(name: str) -> str:
    return name.removeprefix("F")


def _shown(form: Form, key: str, value: Any) -> Any:
    if isinstance(value, Document):
        name = [{"Key": 2052, "Value": value.head.get("FNAME", "")}]
        return {"Id": value.id, "Number": value.number, "Name": name}
    if key == "FNAME":
        return [{"Key": 2052, "Value": value}]
    return shown(value) if isinstance(value, Decimal | datetime) else value


def _status(errors: list[Any], made: list[Any], code: int = 0) -> dict[str, Any]:
    return {
        "IsSuccess": not errors,
        "ErrorCode": 500 if errors else 0,
        "Errors": errors,
        "SuccessEntitys": made,
        "SuccessMessages": [],
        "MsgCode": code if errors else 0,
    }


def _error(no: Refused, index: int) -> dict[str, Any]:
    return {"FieldName": no.name or None, "Message": no.words, "DIndex": index}


def _entity(document: Document, index: int) -> dict[str, Any]:
    return {"Id": document.id, "Number": document.number, "DIndex": index}
