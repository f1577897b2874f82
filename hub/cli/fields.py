"""`hub mappings fields`: what the data of an event holds, and what an action takes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

import core_crm
from core_crm.shapes import ONE_LINE
from hub.cli.tell import told
from hub.credentials import Vault
from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.mapping.checks.types import Type, of_model, said
from hub.mapping.files.nearest import unknown
from hub.registry import Registry, discover
from hub.registry.told import told_streams
from hub.sdk.exact import dumps
from hub.sdk.http import Egress

PAGE = Path("docs/reference/events-and-actions.md")
NAMES = Text("hub mappings fields 列出全部名字。", "`hub mappings fields` lists every name.")
UNTOLD = "没有声明，也没有样例；收到后看 `hub streams show` / not declared, no sample: see `hub streams show`"
SAMPLES = "从样例看到的，真实数据可能不同 / seen in samples; real data may differ"

HEAD = """# 事件有哪些字段，动作接受哪些字段 · Fields of events and actions

本页由代码生成：`hub mappings fields --write`。`from` 写事件，`to` 写动作；只看一个：`hub mappings fields 名字`。

* 缩进的是里面的字段；`list of object` 里的字段属于每一项。`decimal` 是精确小数，从不是浮点数。
* 动作：标“必填”的映射必须给出，别的可以省略。
* 事件：标“可能没有”“可能为空”的，映射里写 `when`、`default` 或 `x && …`。
* 事件有的是声明的，有的只见过样例：样例里没有的字段，真实数据里可能有；接上以后用 `hub streams show` 看真实的。
* 动作完成后的事件：`payload` 是发出的，`result` 是得到的，`cause` 是引起它的事件的数据，`record` 是本系统记录的编号。

*This page is written from the code. A mapping's `from` names an event, its `to` an action. Indented fields are inside
the one above. Of an action, what is required must be made; of an event, what may be missing or empty needs `when`,
`default` or `x && …`. Events are declared, or known from samples only: real data may hold more. The event of an action
that was done has the `payload` sent, the `result`, the data of the event that caused it (`cause`), and our `record`.*
"""


def fields(
    name: Annotated[str, typer.Argument(help="事件或动作；不写就列出名字 / an event or action; else all names")] = "",
    write: Annotated[bool, typer.Option("--write", help=f"写进 {PAGE} / write all into it")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """事件有哪些字段，动作接受哪些字段 / the fields that an event has, or an action takes."""
    known = {each["name"]: each for each in events_and_actions()}
    if write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(fields_page(), "utf-8")
    elif not name:
        told([{key: each[key] for key in ("what", "name", "title")} for each in known.values()], as_json)
    elif name not in known:
        raise ConfigError(unknown(name, known), hint=NAMES)
    else:
        typer.echo(dumps(known[name]) if as_json else _listing(known[name]))


def fields_page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([HEAD, *(_section(each) for each in events_and_actions())])


def offline() -> Registry:
    """Every connector and the home system, to look at; its key opens no connection."""
    return Registry(discover(), core_crm.home, Vault(Vault.new_key()), Egress())


def events_and_actions() -> list[dict[str, Any]]:
    """Each with name, what it is, title, and nested fields; events first, each by name. No connection is needed."""
    registry = offline()
    streams = told_streams(registry)
    names = sorted(f"{owner}.{event}" for owner, events in registry.events.items() for event in events)
    titles = {event: f"{registry.actions[action].title.zh} / after {action}" for event, action in streams.made.items()}
    events = [_told("event", name, titles.get(name, ""), streams.told.get(name)) for name in names]
    actions = [
        _told("action", name, f"{action.title.zh} / {action.title.en}", of_model(action.input))
        for name, action in sorted(registry.actions.items())
    ]
    return [*events, *actions]


def _told(what: str, name: str, title: str, known: Type | None) -> dict[str, Any]:
    return {
        "name": name,
        "what": what,
        "title": title,
        "sure": known is not None and known.sure,
        "fields": [] if known is None else list(_inner(known)),
    }


def _inner(known: Type) -> Iterator[dict[str, Any]]:
    """The fields inside an object, or of the items of a list; "*" is any key."""
    inside = known
    while inside.items is not None and "list" in inside.kinds:
        inside = inside.items
    rest = {} if inside.rest is None or inside.rest.anything else {"*": inside.rest}
    for name, each in {**inside.fields, **rest}.items():
        yield {
            "name": name,
            "type": _kind(each),
            "required": not each.anything and "null" not in each.kinds,
            "empty": not each.anything and each.empty and re.search(each.pattern, "") is not None,
            "longest": each.longest if each.sure and each.values is None else None,
            "values": sorted((each.values or frozenset()) - {""}),
            "pattern": each.pattern,
            "fields": list(_inner(each)),
        }


def _kind(known: Type) -> str:
    if known.anything:
        return "any"
    kind = said(known.present).en
    return f"{kind} of {_kind(known.items)}" if kind == "list" and known.items is not None else kind


def _section(each: dict[str, Any]) -> str:
    title = f"{each['title']}\n\n" if each["title"] else ""
    return f"## {each['name']}\n\n{title}```text\n{_listing(each)}\n```\n"


def _listing(each: dict[str, Any]) -> str:
    rows = list(_rows(each["fields"], each["what"] == "action"))
    if not rows:
        return UNTOLD
    wide, wider = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{name:{wide}}  {kind:{wider}}  {more}".rstrip() for name, kind, more in rows]
    return "\n".join(lines if each["sure"] else [f"# {SAMPLES}", *lines])


def _rows(found: list[dict[str, Any]], taken: bool, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    for each in found:
        yield "  " * depth + each["name"], each["type"], " · ".join(_remarks(each, taken))
        yield from _rows(each["fields"], taken, depth + 1)


def _remarks(each: dict[str, Any], taken: bool) -> Iterator[str]:
    """What else is known of a field; `taken`: it is an action's."""
    if taken and each["required"]:
        yield "必填 required"
    if not taken and not each["required"] and each["type"] != "any":
        yield "可能没有 may be missing"
    elif not taken and each["empty"]:
        yield "可能为空 may be empty"
    if each["longest"] is not None:
        yield f"最长 longest {each['longest']}"
    if each["values"]:
        yield f"取值 one of {', '.join(each['values'])}"
    if each["pattern"]:
        yield "单行 one line" if each["pattern"] == ONE_LINE else f"格式 pattern {each['pattern']}"
