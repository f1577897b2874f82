"""`hub explain`: where a value comes from."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from hub.cli.person import Tenant
from hub.main import open_hub
from hub.main.lab import explainer_of
from hub.sdk.exact import dumps
from hub.settings import Settings

BY = {
    "mapping": "映射 / a mapping",
    "action": "动作自己得出 / worked out by the action",
    "edited": "有人改了投递内容 / a person edited the payload",
    "api": "经 CRM 接口写入 / written through the CRM's API",
    "unknown": "没有记录 / not recorded",
}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("explain")(explain)


def explain(
    kind: Annotated[str, typer.Argument(help="contract、kingdee.receivable、delivery …")],
    record_id: Annotated[str, typer.Argument(help="编号 / id")],
    field: Annotated[str, typer.Argument(help="字段：amount、lines.0.amount / field")],
    tenant: Tenant = "default",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """一个值从哪里来：来源、事件、投递、映射的哪一行、谁改过 / where a value comes from."""
    found = asyncio.run(_explain(tenant, kind, record_id, field))
    if as_json:
        typer.echo(dumps(found))
    else:
        typer.echo("\n".join(f"{name}: {value}" for name, value in _story(found) if value))


async def _explain(tenant: str, kind: str, record_id: str, field: str) -> dict[str, Any]:
    async with open_hub(Settings()) as opened:
        return await explainer_of(opened).explain(tenant, kind, record_id, field)


def _story(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a person reads, line by line."""
    yield "值 / value", _shown(found["value"])
    yield "由谁 / by", BY[found["by"]]
    if edit := found["edit"]:
        yield "密钥 / API key", f"{edit['key_name']} ({edit['key_id']}) {edit['at']}"
    if written := found["written"]:
        yield from _writing(written)
    if before := found["before"]:
        yield "之前的值 / before", f"{_shown(before['value'])} · {before['delivery']} · {before['mapping']}"
    yield "没有采用 / overruled", ", ".join(found["overruled"])


def _writing(written: dict[str, Any]) -> Iterator[tuple[str, str]]:
    source, event, delivery, mapping = (written[name] for name in ("source", "event", "delivery", "mapping"))
    yield "来源 / source", f"{source['system']} · {source['connection']} · {source['external_id']}"
    yield "事件 / event", f"{event['type']} · {event['id']} · {event['occurred_at']}"
    attempt = f"第 {delivery['attempt']} 次 / attempt {delivery['attempt']}"
    yield "投递 / delivery", f"{delivery['id']} · {delivery['flow']} · {attempt} · {written['at'] or delivery['state']}"
    made = delivery["result"] or {}
    yield "写成了 / made", " ".join(str(made[name]) for name in ("id", "number") if made.get(name))
    yield "映射 / mapping", f"{mapping.get('file') or ''}:{mapping.get('line', '')} · {mapping['pin']}"
    yield "这一行 / the line", mapping.get("text", "")
    yield "问题 / problem", mapping.get("problem", "")
    for each in mapping.get("inputs", ()):
        changed = f" · 现在 / now {_shown(each['now'])}" if each.get("changed") else ""
        yield f"它看到 / saw {each['path']}", f"{_shown(each['value'])}{changed}"
    yield "载荷 / payload", dumps(written["payload"])
    if edited := written["edited"]:
        yield "有人改过 / edited", f"{edited['who']} · {edited['at']} · {edited['why']} · {_shown(edited['was'])}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)
