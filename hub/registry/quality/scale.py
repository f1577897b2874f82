"""The scale: which rules make which level, what quality.yaml claims, and what comes of both."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum
from typing import Any

import yaml

from hub.domain.text import NOTHING, Text
from hub.registry.quality import apart, declared, written
from hub.registry.quality.folder import Folder, Gap

CLAIMS = "quality.yaml"
EXEMPT = "exempt-because"
KINDS = {"done", "todo", EXEMPT}


class Level(IntEnum):
    """How far a connector can be trusted. OWN: a rule that a connector sets itself, beside the scale."""

    NONE = 0
    BRONZE = 1
    SILVER = 2
    GOLD = 3
    OWN = 4


class State(Enum):
    """What is known of a rule: RED is a gap that quality.yaml does not admit."""

    DONE = "done"
    TODO = "todo"
    EXEMPT = "exempt"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `see` yields what it does not find. `excusable`: a vendor may give a reason for doing without."""

    name: str
    level: Level
    see: Callable[[Folder], Iterator[Gap]]
    excusable: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one rule; `place` and `words` say where and what to do when it is not done."""

    rule: str
    level: Level
    state: State
    place: str = ""
    words: Text = NOTHING


@dataclass(frozen=True, slots=True)
class Report:
    """A connector's level and the state of every rule, in the scale's order."""

    connector: str
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The highest level of which, and below which, nothing is missing."""
        lacking = [f.level for f in self.findings if f.state in (State.TODO, State.RED) and f.level is not Level.OWN]
        return Level(min(lacking, default=Level.OWN) - 1)

    @property
    def red(self) -> tuple[Finding, ...]:
        """What makes the check fail."""
        return tuple(f for f in self.findings if f.state is State.RED)

    @property
    def missing(self) -> tuple[Finding, ...]:
        """What stands between this connector and its next level."""
        return tuple(f for f in self.findings if f.state in (State.TODO, State.RED) and f.level == self.level + 1)


def _checked_against_a_real_account(folder: Folder) -> Iterator[Gap]:
    """quality.yaml names the day, and fixtures recorded that day say `"recorded_from": "a real account"`."""
    claim, _ = read_claims(folder)
    day = (claim.get(REAL) or {}).get("done")
    files = (folder.path / "fixtures").rglob("*.json")
    if not isinstance(day, date):
        yield Gap(_claims_at(folder), Text(f"{REAL}: {{done: 日期}}", f"{REAL}: {{done: <date>}}"))
    if not any(b'"a real account"' in path.read_bytes() for path in files):
        zh, en = '录制真实账号的样例，写上 "recorded_from": "a real account"', "record fixtures from a real account"
        yield Gap(f"{folder.told(folder.path)}/fixtures", Text(zh, en))


REAL = "checked-against-a-real-account"
RULES = (
    Rule("config-is-told-in-both-languages", Level.BRONZE, declared.config_is_told),
    Rule("secrets-are-secret", Level.BRONZE, declared.secrets_are_secret),
    Rule("probe-is-harmless", Level.BRONZE, declared.probe_is_there),
    Rule("errors-have-hints-in-both-languages", Level.BRONZE, declared.hints_are_there),
    Rule("actions-have-effect-class", Level.BRONZE, declared.actions_are_classed),
    Rule("fixtures-for-each-event", Level.BRONZE, written.events_are_recorded),
    Rule("fixtures-yes-and-no-for-each-action", Level.BRONZE, written.actions_are_recorded),
    Rule("fixtures-are-proved", Level.BRONZE, written.fixtures_are_proved),
    Rule("readme-is-for-the-person", Level.BRONZE, written.readme_is_for_the_person),
    Rule("imports-stay-at-the-door", Level.BRONZE, apart.imports_stay_at_the_door),
    Rule("sandbox-builds", Level.BRONZE, declared.sandbox_builds),
    Rule("client-and-sandbox-share-no-protocol-code", Level.SILVER, apart.sandbox_stands_apart),
    Rule("our-client-drives-the-sandbox", Level.SILVER, written.our_client_drives_the_sandbox),
    Rule("official-sdk-or-oracle-drives-the-sandbox", Level.SILVER, written.an_oracle_drives_the_sandbox, True),
    Rule("wrong-secret-is-refused", Level.SILVER, written.a_wrong_secret_is_refused, True),
    Rule("mutated-callbacks-are-refused", Level.SILVER, written.callbacks_are_mutated),
    Rule("files-are-short", Level.SILVER, apart.files_are_short),
    Rule(REAL, Level.GOLD, _checked_against_a_real_account),
)
LOADS = "exports-connector"


def unloadable(name: str, error: Exception) -> Report:
    """The report of a folder that does not load."""
    words = f"{type(error).__name__}: {error}"
    text = Text(f"加载不了：{words}", f"does not load: {words}")
    return Report(name, (Finding(LOADS, Level.BRONZE, State.RED, f"connectors/{name}/__init__.py", text),))


def examine(folder: Folder) -> Report:
    """See every rule, then hold quality.yaml against it."""
    claims, spoiled = read_claims(folder)
    findings = [Finding(LOADS, Level.BRONZE, State.DONE), *spoiled]
    for rule in RULES:
        findings += _judge(folder, rule, claims.pop(rule.name, {}))
    findings += [_own(folder, name, claim) for name, claim in claims.items()]
    return Report(folder.connector.id, tuple(findings))


def read_claims(folder: Folder) -> tuple[dict[str, dict[str, Any]], list[Finding]]:
    """Rule → {done | todo | exempt-because: reason}; a file that cannot be read so is red."""
    path = folder.path / CLAIMS
    try:
        told = yaml.safe_load(path.read_text("utf-8"))
        good = told["connector"] == folder.connector.id
        claims = {str(name): {claim: None} if claim == "done" else claim for name, claim in told["rules"].items()}
    except (OSError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        good, claims = False, {}
    clear = {name: claim for name, claim in claims.items() if isinstance(claim, dict) and set(claim) <= KINDS}
    unclear = [name for name in claims if name not in clear or len(clear[name]) != 1 or not _reasoned(clear[name])]
    if not good or unclear:
        zh = f"写成 connector: {folder.connector.id} 与 rules: 规则: done 或 {{todo: 原因}} 或 {{{EXEMPT}: 原因}}"
        text = Text(f"{zh} {', '.join(unclear)}", f"each rule is done, or todo or {EXEMPT} with a reason")
        return {}, [Finding("claims-are-clear", Level.BRONZE, State.RED, _claims_at(folder), text)]
    return clear, []


def _reasoned(claim: Mapping[str, Any]) -> bool:
    return all(kind == "done" or (isinstance(reason, str) and reason.strip()) for kind, reason in claim.items())


def _claims_at(folder: Folder) -> str:
    return folder.told(folder.path / CLAIMS)


def _judge(folder: Folder, rule: Rule, claim: Mapping[str, Any]) -> list[Finding]:
    """The lower of what is claimed and what is seen. Bronze is the floor: no todo there."""
    reason = next((str(why) for kind, why in claim.items() if kind != "done"), "")
    if EXEMPT in claim and rule.excusable:
        return [Finding(rule.name, rule.level, State.EXEMPT, _claims_at(folder), Text(reason, reason))]
    if "todo" in claim and rule.level > Level.BRONZE:
        return [Finding(rule.name, rule.level, State.TODO, _claims_at(folder), Text(reason, reason))]
    if reason:
        text = Text("这条规则不能用原因代替", "a reason does not stand for this rule")
        return [Finding(rule.name, rule.level, State.RED, _claims_at(folder), text)]
    gaps = list(rule.see(folder))
    red = [Finding(rule.name, rule.level, State.RED, gap.place, gap.words) for gap in gaps]
    return red or [Finding(rule.name, rule.level, State.DONE)]


def _own(folder: Folder, name: str, claim: Mapping[str, Any]) -> Finding:
    """A rule of the connector's own: done names the test that shows it."""
    ((kind, told),) = claim.items()
    if kind != "done":
        state = State.TODO if kind == "todo" else State.EXEMPT
        return Finding(name, Level.OWN, state, _claims_at(folder), Text(str(told), str(told)))
    if told in folder.tests:
        return Finding(name, Level.OWN, State.DONE)
    text = Text("写明证明它的测试：done: test_…", "name the test that shows it: done: test_…")
    return Finding(name, Level.OWN, State.RED, _claims_at(folder), text)
