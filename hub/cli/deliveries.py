"""`hub deliveries`: list, show, replay, edit, answer, force, cancel."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.api.acts import told as told_of
from hub.api.lab import MENDED, Lab
from hub.cli.person import Key, Tenant, person
from hub.cli.replays import dry_run, moment, open_lab, run, tell_report
from hub.cli.tell import detailed, done, told
from hub.domain.delivery import State
from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.ledger import forces
from hub.ledger.batches import Choice
from hub.ledger.queries import Wanted, newest, whole
from hub.ledger.replay import cancel, replay
from hub.ledger.selection import Candidate, Selection, candidate
from hub.main import open_hub
from hub.sdk.connector import Made
from hub.sdk.exact import dumps, loads
from hub.settings import Settings

group = typer.Typer(no_args_is_help=True, help="投递 / deliveries")
Json = Annotated[bool, typer.Option("--json")]
Why = Annotated[str, typer.Option(help="原因，会记录 / why; recorded")]

NEWER = Text("当前映射已改：加 --mapping current", "the current mapping differs: add --mapping current")
LOOK_FIRST = Text("先用 --dry-run 看差别。", "See the differences with --dry-run first.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(group, name="deliveries")


@group.command("list")
def show_all(
    state: Annotated[list[str] | None, typer.Option(help="状态 / state")] = None,
    flow: str = "",
    record: str = "",
    limit: int = 50,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """最新的在前 / newest first."""
    told(asyncio.run(_list(Wanted(states=state or (), flow=flow, record=record, limit=limit), tenant)), as_json)


async def _list(wanted: Wanted, tenant: str) -> list[dict[str, Any]]:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        columns = ("id", "state", "flow", "record", "connection", "action", "attempts", "error", "hint_zh")
        return [{name: getattr(row, name) for name in columns} for row in await newest(unit, wanted)]


@group.command("show")
def show(delivery_id: str, tenant: Tenant = "default", as_json: Json = False) -> None:
    """一次投递的全部：事件、载荷、每次尝试 / one delivery: event, payload, every attempt."""
    found = asyncio.run(_show(delivery_id, tenant))
    if as_json:
        told([found], as_json)
    else:
        detailed(found)


async def _show(delivery_id: str, tenant: str) -> dict[str, Any]:
    async with open_lab() as lab:
        async with lab.database.unit(tenant) as unit:
            found, was = await whole(unit, delivery_id), await candidate(unit, delivery_id)
        if found is None or was is None:
            raise _unknown(delivery_id)
        _tell_newer(lab, was)
    listed = {name: getattr(found.listed, name) for name in found.listed.__slots__}
    rest = {"waiting_behind": found.behind, "payload": dumps(found.payload)}
    rest |= {"attempts_made": found.attempts, "refs": found.refs}
    return {**listed, **rest}


@group.command("replay")
def put_back(
    delivery_id: Annotated[str, typer.Argument()] = "",
    since: Annotated[str, typer.Option("--from", help="从何时起：2h、7d 或时刻 / since")] = "",
    until: Annotated[str, typer.Option("--to", help="到何时止 / until")] = "",
    state: Annotated[list[State] | None, typer.Option(help="状态，可多个 / states")] = None,
    flow: str = "",
    connection: str = "",
    record: str = "",
    text: Annotated[str, typer.Option(help="出现在编号、错误或内容里的文字 / text anywhere in it")] = "",
    where: Annotated[str, typer.Option(help="JMESPath: payload.amount > `100`")] = "",
    mapping: Annotated[Choice, typer.Option(help="原来的或现在的映射版本 / version")] = "pinned",
    dry: Annotated[
        bool, typer.Option("--dry-run", help="只看会发什么、差在哪里 / only show what would be sent")
    ] = False,
    now: Annotated[bool, typer.Option("--run", help="真的重放，要写 --why / do it")] = False,
    why: Annotated[str, typer.Option(help="原因，会记录 / why; recorded")] = "",
    key: Key = "",
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """重放：同一幂等键，不会重复生效；一条，或按条件一批 / replay under the same key: one, or all that is selected."""
    if delivery_id and not dry and not now:
        pin = asyncio.run(_again(delivery_id, mapping, why.strip(), key, tenant))
        facts = {"id": delivery_id, "state": State.PENDING.value, "mapping": pin}
        done(facts, f"已重放 / replayed: {facts['state']}  {pin}", as_json)
        return
    if dry == now or (now and not why.strip()):
        raise ConfigError("--dry-run，或 --run 加 --why / either --dry-run, or --run with --why", hint=LOOK_FIRST)
    ids = (delivery_id,) if delivery_id else ()
    begin, end = moment(since), moment(until)
    wanted = Selection(ids, begin, end, tuple(state or ()), flow, connection, record, text, where)
    asyncio.run(_replay(wanted, mapping, why.strip() if now else "", key, tenant, as_json))


async def _again(delivery_id: str, choice: Choice, why: str, key: str, tenant: str) -> str:
    """Put one back; the pin of its mapping."""
    async with open_lab() as lab:
        async with lab.database.unit(tenant) as unit:
            was, who = await candidate(unit, delivery_id), await person(unit, key)
        if was is None:
            raise _unknown(delivery_id)
        if choice == "current":
            return await lab.renew(tenant, (who, why or MENDED), was)
        async with lab.database.unit(tenant) as unit:
            if await replay(unit, delivery_id) is None:
                raise _unknown(delivery_id)
        _tell_newer(lab, was)
        return was.mapping


def _tell_newer(lab: Lab, was: Candidate) -> None:
    if pin := lab.newer(was):
        typer.echo(f"{NEWER} ({was.mapping} → {pin})", err=True)


async def _replay(wanted: Selection, choice: Choice, why: str, key: str, tenant: str, as_json: bool) -> None:
    async with open_lab() as lab:
        if why:
            await run(lab, tenant, wanted, choice, why, key, as_json)
        else:
            await dry_run(lab, tenant, wanted, choice, as_json)


@group.command("edit")
def edit(
    delivery_id: str,
    payload: Annotated[Path, typer.Option(help="JSON 文件 / JSON file", exists=True, dir_okay=False)],
    why: Why,
    key: Key = "",
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """改内容后发送：同一幂等键，新旧都记录 / send an edited payload under the same key; old and new are kept."""
    asyncio.run(_edit(delivery_id, payload.read_bytes(), why, key, tenant, as_json))


async def _edit(delivery_id: str, payload: bytes, why: str, key: str, tenant: str, as_json: bool) -> None:
    async with open_lab() as lab:
        async with lab.database.unit(tenant) as unit:
            who = await person(unit, key)
        replay_id = await lab.edit(tenant, who, why, delivery_id, loads(payload))
        await tell_report(lab.database, tenant, replay_id, as_json)


@group.command("answer")
def answer(
    delivery_id: str,
    there: Annotated[bool, typer.Option("--there/--not-there", help="对方有 / 没有 · it is there, or not")],
    external_id: Annotated[str, typer.Option("--id", help="对方的编号 / its id there")] = "",
    number: Annotated[str, typer.Option(help="对方的单号 / its number there")] = "",
    why: Annotated[str, typer.Option(help="怎么知道的，会记录 / how you know; recorded")] = "",
    key: Key = "",
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """回答待确认的投递：对方有就算完成，没有就再发 / answer a doubt: done, or sent again."""
    made = Made(id=external_id, number=number) if external_id else None
    state = asyncio.run(_answer(delivery_id, there, made, why, key, tenant))
    done({"id": delivery_id, "state": state}, f"已记录 / recorded: {state}", as_json)


async def _answer(delivery_id: str, there: bool, made: Made | None, why: str, key: str, tenant: str) -> str:
    async with open_lab() as lab, lab.database.unit(tenant) as unit:
        return await lab.answer(unit, delivery_id, there, made, (await person(unit, key), why))


@group.command("force")
def force(
    delivery_id: str,
    why: Annotated[str, typer.Option(help="原因，会记录 / why; recorded")] = "",
    confirm: Annotated[
        bool, typer.Option("--confirm", help="由另一个人确认 / confirm what another one asked for")
    ] = False,
    key: Key = "",
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """再生效一次：换新的幂等键，要第二个人确认 / a new effect under a new key; a second person confirms."""
    if confirm == bool(why.strip()):
        raise ConfigError("--why 申请，或 --confirm 确认 / ask with --why, or --confirm", hint=forces.ASK_FIRST)
    facts = asyncio.run(_force(delivery_id, why.strip(), key, tenant))
    words = (
        "已确认，马上发送 / confirmed, due now"
        if confirm
        else f"等另一个人确认 / waits for another person: {facts['until']}"
    )
    done(facts, words, as_json)


async def _force(delivery_id: str, why: str, key: str, tenant: str) -> dict[str, Any]:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        who = await person(unit, key)
        if not why:
            return {"id": delivery_id, "effect_no": await forces.confirm(unit, delivery_id, who)}
        return told_of(await forces.ask(unit, delivery_id, who, why))


@group.command("cancel")
def give_up(delivery_id: str, tenant: Tenant = "default", as_json: Json = False) -> None:
    """放弃：同一记录后面的投递继续 / give it up; its lane goes on."""
    asyncio.run(_give_up(delivery_id, tenant))
    done({"id": delivery_id, "state": "cancelled"}, "已放弃 / cancelled", as_json)


async def _give_up(delivery_id: str, tenant: str) -> None:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        if await cancel(unit, delivery_id) is None:
            raise _unknown(delivery_id)


def _unknown(delivery_id: str) -> ConfigError:
    hint = Text("用 hub deliveries list 查看编号与状态。", "See ids and states with `hub deliveries list`.")
    return ConfigError(f"{delivery_id}: 不存在，或状态不允许 / unknown, or its state does not allow it", hint=hint)
