"""Where a value comes from: the source, the event, the delivery, the line of the mapping, and who had a hand in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from hub import sdk
from hub.api.access import permit
from hub.api.deliveries import REFUSALS, clean
from hub.api.exact import Exact
from hub.api.writings import (
    Field,
    Path,
    Writing,
    at,
    check_place,
    digits,
    find_field,
    path_of,
    spelled,
    standing,
    standing_at,
    steps_of,
    writings,
)
from hub.ledger import lineage
from hub.ledger.database import Database
from hub.ledger.lineage import Writer
from hub.ledger.refs import known
from hub.ledger.versions import text_of
from hub.mapping import MappingFile, pinned
from hub.mapping.files.nearest import unknown
from hub.mapping.refs import asked, seeing
from hub.mapping.trace import trace

LONGEST, ITEMS, DEPTH = 200, 5, 8
"""How much of a text, of a list, and how deep an excerpt shows."""

OUTSIDE = (ValueError, sdk.HubError)
"""What reading an older mapping may raise."""

KINDS = sdk.Text(
    "用本系统的种类（如 contract）、连接.种类（如 kingdee.receivable）或 delivery。",
    "Use a kind of ours (contract), connection.entity (kingdee.receivable), or delivery.",
)
NO_RECORD = sdk.Text("检查编号：对方系统的编号，或本系统的记录编号。", "Check the id: the one there, or our record's.")
NO_PAYLOAD = sdk.Text("改好后重放这次投递。", "Mend it, then replay the delivery.")
NO_DELIVERY = sdk.Text("检查投递编号。", "Check the delivery's id.")


class Explained(BaseModel):
    """Where a field's value comes from.

    `by`: "mapping"; "action" (worked out by the action the delivery gave its payload to); "edited" (a person wrote
    the payload); "api" (written with the API key in `edit`); "unknown" (by nobody who is recorded).
    `written`: the delivery with its source, event, mapping and inputs. `before`: what an earlier delivery had written.
    `overruled`: later deliveries that said something else and did not prevail.
    """

    kind: str
    id: str
    field: str
    value: Any
    by: str
    written: dict[str, Any] | None
    edit: dict[str, Any] | None
    before: dict[str, Any] | None
    overruled: list[str]


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains values. `inputs`: action → what it takes; `mappings`: those that run now, by pin."""

    database: Database
    home: sdk.HomeSystem
    inputs: Mapping[str, type[BaseModel]]
    mappings: Callable[[], Mapping[str, MappingFile]]

    async def explain(self, tenant: str, kind: str, record_id: str, field: str) -> dict[str, Any]:
        """What `Explained` shows. Raises Problem 404 for an unknown kind, record or field."""
        async with self.database.unit(tenant) as unit:
            if kind == "delivery":
                found = await lineage.writer(unit, record_id)
                if found is None:
                    raise sdk.Problem(404, "delivery-not-found", "no such delivery", hint=NO_DELIVERY)
                told = await self._sent(unit, [found], field)
            elif kind in self.home.kinds:
                told = await self._home(unit, kind, record_id, field)
            else:
                told = await self._sent(unit, await self._makers(unit, kind, record_id), field)
        return {"kind": kind, "id": record_id, "field": field, **told}

    async def _makers(self, unit: sdk.Unit, kind: str, record_id: str) -> Sequence[Writer]:
        connection, dot, entity = kind.rpartition(".")
        if not dot:
            raise sdk.Problem(404, "kind-not-found", unknown(kind, [*self.home.kinds, "delivery"]), hint=KINDS)
        found = await lineage.makers(unit, connection, entity, record_id)
        if not found:
            raise sdk.Problem(404, "record-not-found", f"no delivery made this {kind}", hint=NO_RECORD)
        return found

    async def _home(self, unit: sdk.Unit, kind: str, record_id: str, name: str) -> dict[str, Any]:
        """A field of a record of the home system, or of another record shown inside it."""
        seen = await self.home.kinds[kind].read(unit, record_id)
        inner, _, rest = name.partition(".")
        other = getattr(seen.values, inner, None) if inner in self.home.kinds and rest else None
        if other is not None:
            return await self._home(unit, inner, other.id, rest)
        field = find_field(self.home.kinds[kind], seen.values, name)
        actions = [f"{self.home.id}.{origin.action}" for origin in field.origins]
        deliveries = await lineage.writers(unit, seen.ids, actions) if actions else []
        found = writings(field, deliveries, self.inputs)
        by = standing(field, seen, found)
        later, earlier = _around(found, by)
        told = {"value": at(seen.values.model_dump(mode="json"), field.path), "written": None, "edit": None}
        if isinstance(by, Writing):
            told |= await self._written(unit, by.delivery, by.payload_path, derived=by.origin.derived)
        elif by is not None:
            names = await lineage.key_names(unit, [by.key_id])
            edit = {"at": by.at.isoformat(), "key_id": by.key_id, "key_name": names.get(by.key_id, "")}
            told |= {"by": "api", "edit": edit}
        else:
            told["by"] = "unknown"
        before = _before(earlier[0], field) if earlier else None
        return {**told, "before": before, "overruled": [each.delivery.id for each in later]}

    async def _sent(self, unit: sdk.Unit, deliveries: Sequence[Writer], name: str) -> dict[str, Any]:
        """A field of what was sent out, the newest of these deliveries first."""
        last, *earlier = deliveries
        path = path_of(name)
        if last.payload is None:
            raise sdk.Problem(404, "nothing-mapped", _unmapped(last), hint=NO_PAYLOAD)
        check_place(last.payload, path)
        told = await self._written(unit, last, path)
        before = _told_before(earlier[0], at(earlier[0].payload, path)) if earlier else None
        return {"value": excerpt(at(last.payload, path)), "edit": None, **told, "before": before, "overruled": []}

    async def _written(self, unit: sdk.Unit, by: Writer, path: Path, derived: bool = False) -> dict[str, Any]:
        """By whom, and the straight line of the delivery that wrote it."""
        edited = await lineage.edited(unit, by.id) if by.edited else None
        was = at(edited.was, path) if edited else None
        told = {**_line(by), "field": ".".join(map(str, path)), "payload": excerpt(by.payload), "edited": None}
        mapping = await self._mapping(unit, by, path) if path else {"pin": by.mapping}
        who = "action" if derived or not path else "mapping" if mapping.get("line") else "action"
        if edited:
            who = "edited" if was != at(by.payload, path) else who
            told["edited"] = {**_jsonable(asdict(edited)), "was": excerpt(was)}
        return {"by": who, "written": {**told, "mapping": mapping}}

    async def _mapping(self, unit: sdk.Unit, by: Writer, path: Path) -> dict[str, Any]:
        """The mapping's version and line, its expression and what that saw."""
        running = self.mappings()
        name = by.mapping.partition("@")[0]
        file = next((each.document.origin for each in running.values() if each.name == name), "")
        told = {"pin": by.mapping, "file": file, "runs_now": by.mapping in running}
        try:
            mapping = running.get(by.mapping) or pinned(await text_of(unit, by.mapping) or "", by.mapping)
        except OUTSIDE as error:
            return {**told, "problem": str(error)}
        told |= {"name": mapping.name, "version": mapping.version, "hash": mapping.hash}
        made = trace(mapping, path, await self._seen(unit, mapping, by))
        if made is None:
            return told
        inputs = [await self._input(unit, by.data, place, value) for place, value in made.inputs.items()]
        line = mapping.text.splitlines()[made.line - 1].strip()
        place = {"line": made.line, "column": made.column, "text": line, "rule": excerpt(made.rule)}
        return {**told, **place, "expression": made.expression, "within": made.within, "inputs": inputs}

    async def _seen(self, unit: sdk.Unit, mapping: MappingFile, by: Writer) -> sdk.Json:
        """The event's data, with the ids that the mapping asked for as they were then."""
        try:
            wanted = asked(mapping.refs, by.data)
        except sdk.HubError:
            return by.data
        return seeing(mapping.refs, by.data, await known(unit, wanted.values(), by.done_at))

    async def _input(self, unit: sdk.Unit, data: sdk.Json, place: str, value: sdk.Json) -> dict[str, Any]:
        """What an expression saw; with the record of ours that it stood in then, and what stands there now."""
        told = {"path": place, "value": excerpt(value)}
        parts = steps_of(place)
        for index, part in enumerate(parts[:-1]):
            record = at(data, parts[: index + 1])
            if part in self.home.kinds and isinstance(record, dict) and isinstance(record.get("id"), str):
                return {**told, **await self._now(unit, str(part), record["id"], parts[index + 1 :], value)}
        return told

    async def _now(self, unit: sdk.Unit, kind: str, record_id: str, path: Path, was: sdk.Json) -> dict[str, Any]:
        """The field of our record, what stands there now, and whether that is not what the expression saw."""
        try:
            seen = await self.home.kinds[kind].read(unit, record_id)
        except sdk.Problem:  # no record of ours after all
            return {}
        try:
            now = standing_at(seen.values.model_dump(mode="json"), path)
        except LookupError:  # the event told more than the record shows
            return {}
        record = {"kind": kind, "id": record_id, "field": spelled(path)}
        return {"record": record, "now": excerpt(now), "changed": digits(was) != digits(now)}


def _around(found: Sequence[Writing], by: Writing | sdk.Edit | None) -> tuple[list[Writing], list[Writing]]:
    """What was said after it and before it; nothing is after what nobody said."""
    if isinstance(by, Writing):
        place = found.index(by)
        return list(found[:place]), list(found[place + 1 :])
    later = [each for each in found if by is not None and each.news_at > by.at]
    return later, list(found[len(later) :])


def _line(by: Writer) -> dict[str, Any]:
    """Source, event and delivery."""
    payload = by.payload if isinstance(by.payload, dict) else {}
    external = payload.get("external_id") or payload.get("instance_id") or by.subject
    event = {"id": by.event_id, "type": by.type, "subject": by.subject, "receipt": by.receipt_id}
    times = {"occurred_at": by.occurred_at.isoformat(), "recorded_at": by.recorded_at.isoformat()}
    delivery = {name: getattr(by, name) for name in ("id", "state", "flow", "step", "connection", "action", "record")}
    attempt = {"attempt": by.attempts, "attempt_id": by.attempt_id, "replays": by.replays, "result": by.result}
    return {
        "at": by.done_at.isoformat() if by.done_at else None,
        "source": {"system": by.system or by.source, "connection": by.source, "external_id": external},
        "event": {**event, **times, "caused_by": by.caused_by},
        "delivery": {**delivery, **attempt},
    }


def _unmapped(by: Writer) -> str:
    """Why a delivery has no payload."""
    if not by.error:
        return str(sdk.Text("还没有内容", "nothing was mapped yet"))
    why = f"映射失败，{by.error}" if by.state == "dead" else by.error
    return str(sdk.Text(f"还没有内容：{why}", f"nothing was mapped: {by.error}"))


def _before(writing: Writing, field: Field) -> dict[str, Any]:
    says = at(writing.says, field.rest) if field.rest else writing.says
    return _told_before(writing.delivery, to_jsonable_python(says))


def _told_before(by: Writer, value: sdk.Json) -> dict[str, Any]:
    done_at = by.done_at.isoformat() if by.done_at else None
    return {"value": excerpt(value), "at": done_at, "delivery": by.id, "mapping": by.mapping}


def _jsonable(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if name == "at" else value for name, value in values.items()}


def excerpt(value: sdk.Json, depth: int = DEPTH) -> sdk.Json:
    """The same, shortened: long texts and lists are cut and say so."""
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:LONGEST]}…（共 {len(value)} 字 / {len(value)} characters）"
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        return {key: excerpt(each, depth - 1) for key, each in value.items()}
    if isinstance(value, list):
        more = [f"…（共 {len(value)} 项 / {len(value)} items）"] if len(value) > ITEMS else []
        return [excerpt(each, depth - 1) for each in value[:ITEMS]] + more
    return value


def router(explainer: Explainer) -> APIRouter:
    """/explain. The caller must be in `request.state.principal` already."""
    routes = APIRouter(prefix="/explain", tags=["explain"], responses=REFUSALS)

    @routes.get("/{kind}/{record_id}/{field}", responses={200: {"model": Explained}})
    async def explain(request: Request, kind: str, record_id: str, field: str) -> Response:
        """Where a field's value comes from. Needs deliveries:read."""
        who = permit(request, "deliveries:read")
        return Exact(await explainer.explain(who.tenant_id, clean(kind), clean(record_id), clean(field)))

    return routes
