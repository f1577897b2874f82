"""`hub mappings backtest`: what a change of a mapping will do to what came in before."""

import asyncio
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import Progress

from hub.cli.mapping_files import shipped, way_of
from hub.cli.person import Tenant
from hub.cli.replays import moment
from hub.domain.errors import ConfigError
from hub.domain.event import Event
from hub.domain.text import Text
from hub.flows import Catalogue, Flow, plan
from hub.flows.plan import UNPLANNED
from hub.ledger.journal import pages, streams_of
from hub.ledger.refs import known
from hub.ledger.releases import files_of, newest_number
from hub.main import Hub, open_hub, reader
from hub.mapping import MappingFile
from hub.mapping.files.nearest import unknown
from hub.mapping.trials.backtest import Affected, BackTest
from hub.sdk.exact import Json, dumps
from hub.settings import Settings

DEPLOYED = "deployed"
TELL_S = 10.0
"""How often progress is told where it is not drawn."""

COUNTS = {"changed": "变了 / changed", "gone": "没了 / gone", "new": "新有 / new", "retyped": "换类型 / retyped"}
OUTCOMES = {
    "changed": "变了 / changed",
    "refused": "新拒绝 / refused",
    "mended": "不再拒绝 / mended",
    "refused_by_both": "都拒绝 / refused by both",
    "unsent": "没有流程发送、未计 / sent by no flow, not tried",
}
BUDGET = Text("写 0、20 或 0.5%。", "Write 0, 20 or 0.5%.")
NOTHING = Text("没有可比的事件，闸门不成立", "no events to compare: the gate proves nothing")
TENANTS = Text("用 --tenant 指明租户。", "Name a tenant with --tenant.")
NOT_DEPLOYED = Text(
    "先 hub apply，或用 --against 指向旧文件。", "Run `hub apply` first, or name the old file with --against."
)
ONE_TARGET = Text("比较同一个动作的两个映射。", "Compare two mappings of the same action.")
LATER = Text("--from 要早于 --to。", "Let --from be before --to.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A back-test as it was asked for. `against`: "deployed" or a file."""

    new: MappingFile
    against: str
    since: datetime
    until: datetime
    tenant: str
    samples: int
    back: bool


def backtest(
    file: Annotated[Path, typer.Argument(help="改过的映射文件 / the changed mapping file")],
    since: Annotated[str, typer.Option("--from", help="从何时收下的事件 / recorded since")] = "30d",
    until: Annotated[str, typer.Option("--to", help="到何时 / until")] = "",
    against: Annotated[str, typer.Option(help="与什么比：deployed 或文件 / deployed, or a file")] = DEPLOYED,
    budget: Annotated[str, typer.Option(help="最多影响几件，20 或 0.5%，超过以 1 结束 / most events affected")] = "",
    sample: Annotated[int, typer.Option(min=0, max=100, help="每个字段举几例 / samples of each field")] = 5,
    records: Annotated[Path | None, typer.Option(help="受影响的每一件写进这个文件 / every affected event")] = None,
    back: Annotated[bool, typer.Option("--back", help="文件里反方向的映射 / the file's way back")] = False,
    tenant: Tenant = "default",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """新旧映射跑一遍收下过的事件，不连对方，什么也不写 / old and new over what came in; offline, writes nothing."""
    most = _budget(budget)
    begin, end = moment(since), moment(until) or datetime.now(UTC)
    if begin is None or begin >= end:
        raise ConfigError(f"{since} – {until or 'now'}", hint=LATER)
    asked = Asked(way_of(file, back), against, begin, end, tenant, sample, back)
    done = asyncio.run(_recorded(asked, records))
    allowed = done.events if most is None else most(done.events)
    within = done.affected <= allowed and (most is None or done.events > 0)
    report = {**done.report(), "from": begin.isoformat(), "to": end.isoformat(), "within": within}
    if as_json:
        typer.echo(dumps(report))
    else:
        _show(report)
    if not report["within"]:
        beyond = f"超出预算 / beyond the budget: {done.affected} > {budget}"
        typer.echo(beyond if done.events else str(NOTHING), err=True)
        raise typer.Exit(1)


def _budget(text: str) -> Callable[[int], int] | None:
    """How many of so many events may be affected; None without a budget."""
    if not text:
        return None
    if not (found := re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,4}))?(%?)", text)) or (found[2] and not found[3]):
        raise ConfigError(f"{text!r} 不是预算 / is no budget", hint=BUDGET)
    if not found[3]:
        return lambda _: int(found[1])
    ten_thousandths = int(found[1] + (found[2] or "").ljust(4, "0"))
    return lambda events: events * ten_thousandths // 1_000_000


async def _recorded(asked: Asked, records: Path | None) -> BackTest:
    if records is None:
        return await _run(asked, lambda _: None)
    with records.open("w", encoding="utf-8") as out:
        return await _run(asked, lambda affected: _write(out, affected))


def _write(out: TextIO, affected: Affected) -> None:
    out.write(f"{dumps(asdict(affected))}\n")


async def _run(asked: Asked, tell: Callable[[Affected], None]) -> BackTest:
    async with open_hub(Settings(), loaded=False) as opened:
        tenants = await opened.database.tenants()
        if asked.tenant not in tenants:
            raise ConfigError(f"没有租户 / no tenant {asked.tenant}", hint=TENANTS)
        runs = await _running(opened)
        old = _deployed(runs, asked.new) if asked.against == DEPLOYED else way_of(Path(asked.against), asked.back)
        test = BackTest(old, asked.new, _target(opened, old, asked.new), asked.samples)
        flows = [flow for flow in runs.flows if any(step.using == f"{old.name}@{old.version}" for step in flow.steps)]
        streams = await streams_of(opened.database, asked.tenant, {*old.sources, *asked.new.sources})
        with _progress(asked) as at:
            async for page in pages(opened.database, asked.tenant, streams, asked.since, asked.until):
                if wanted := test.asked(page.events):
                    async with opened.database.unit(asked.tenant) as unit:
                        test.found = await known(unit, wanted)
                for event in page.events:
                    if not _is_sent(event, flows):
                        test.unsent += 1
                    elif affected := test.add(event):
                        tell(affected)
                at(page.reached, test)
    return test


async def _running(opened: Hub) -> Catalogue:
    """What runs: the newest release, or the files of the directory while there is none."""
    async with opened.database.unit("") as unit:
        number = await newest_number(unit)
        files = await files_of(unit, number) if number else shipped()
    return reader(opened.registry, checked=False)(files)


def _deployed(runs: Catalogue, new: MappingFile) -> MappingFile:
    """What runs under this name: the same version, else the newest."""
    found = [mapping for mapping in runs.mappings.values() if mapping.name == new.name]
    if not found:
        names = {mapping.name for mapping in runs.mappings.values()}
        raise ConfigError(f"没有上线 / not deployed: {unknown(new.name, names)}", hint=NOT_DEPLOYED)
    return max(found, key=lambda mapping: (mapping.version == new.version, mapping.version))


def _target(opened: Hub, old: MappingFile, new: MappingFile) -> Any:
    """The input of the action that both mappings make."""
    if old.target != new.target:
        raise ConfigError(f"{old.target} ≠ {new.target}", hint=ONE_TARGET)
    if new.target not in opened.registry.actions:
        raise ConfigError(unknown(new.target, opened.registry.actions), hint=ONE_TARGET)
    return opened.registry.actions[new.target].input


def _is_sent(event: Event, flows: Sequence[Flow]) -> bool:
    """Whether one of these flows makes a delivery of it; without any flow all events count."""
    return not flows or any(not owed.mapping.startswith(UNPLANNED) for owed in plan(event, flows))


@contextmanager
def _progress(asked: Asked) -> Iterator[Callable[[datetime, BackTest], None]]:
    """Tell on stderr how far it is: a bar on a terminal, else a line now and then."""
    length = asked.until - asked.since

    def words(test: BackTest) -> str:
        return f"已看 / seen {test.events} · 受影响 / affected {test.affected}"

    if sys.stderr.isatty():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=1.0)
            yield lambda at, test: bar.update(task, completed=(at - asked.since) / length, description=words(test))
        return
    last = time.monotonic()

    def line(at: datetime, test: BackTest) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_S:
            last = time.monotonic()
            typer.echo(f"{min(100, int(100 * ((at - asked.since) / length)))} % · {words(test)}", err=True)

    yield line


def _show(report: Json) -> None:
    for name, field in report["fields"].items():
        for line in _lines(name, field):
            typer.echo(line)
    for reason in report["reasons"]:
        sign = "✕ 新拒绝 / newly refused" if reason["outcome"] == "refused" else "✓ 不再拒绝 / mended"
        typer.echo(f"{sign} {reason['count']} × {reason['reason']} ({', '.join(reason['events'])})")
    typer.echo(f"{report['old']} → {report['new']}")
    typer.echo(
        f"{report['events']} 件事件，{report['affected']} 件受影响 / {report['events']} events, "
        f"{report['affected']} affected"
    )
    typer.echo(" · ".join(f"{words} {report[name]}" for name, words in OUTCOMES.items()))


def _lines(name: str, field: Json) -> Iterator[str]:
    counts = " · ".join(f"{words} {field[what]}" for what, words in COUNTS.items() if field[what])
    moved = f"合计 / sum {field['sum']['before']} → {field['sum']['after']}" if field["sum"] else ""
    yield f"{name or '*'}: {' · '.join(filter(None, (counts, moved)))}"
    for sample in field["samples"]:
        sides = " → ".join("—" if sample[side] is None else dumps(sample[side])[:200] for side in ("before", "after"))
        yield f"  {sample['path'] or '*'}: {sides}  ({sample['record']} {sample['event']})"
