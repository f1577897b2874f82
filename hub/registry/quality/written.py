"""Rules about what lies beside a connector's code: fixtures, README, tests."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hub.domain import errors
from hub.domain.errors import Unreadable, VendorError
from hub.domain.text import Text
from hub.registry.quality.folder import Folder, Gap
from hub.sdk.exact import loads

FACT = {"type", "subject", "dedupe_key", "occurred_at", "data"}
SECTIONS = ("准备", "字段", "能做什么", "出错", "未定之处", "English")
ORACLE = re.compile(r"official_.*sdk|oracle")
WRONG = re.compile(r"wrong_\w*(secret|password|token|key)")


def told_events(folder: Folder) -> set[str]:
    """Event types that come from outside: polls and callbacks."""
    hook = folder.connector.webhook
    return set(folder.connector.polls) | (set(hook.events) if hook else set())


def events_are_recorded(folder: Folder) -> Iterator[Gap]:
    """fixtures/events/<event with dots as _>__<case>.json: {"given", "expect": [facts]}; one for each event."""
    seen: set[str] = set()
    for path, case in _cases(folder, "events"):
        wrong = "JSON" if case is None else _wrong_event(folder, path, case)
        if wrong:
            yield _spoiled(folder, path, wrong)
        else:
            seen |= {fact["type"] for fact in case["expect"]}
    for event in sorted(told_events(folder) - seen):
        name = f"{event.replace('.', '_')}__<case>.json"
        yield _missing(folder, f"fixtures/events/{name}", f"{event} 的样例", f"a fixture of {event}")


def _wrong_event(folder: Folder, path: Path, case: Any) -> str:
    if not isinstance(case, dict) or "given" not in case or not isinstance(case.get("expect"), list):
        return '{"given", "expect": []}'
    for fact in case["expect"]:
        if not isinstance(fact, dict) or set(fact) != FACT:
            return ", ".join(sorted(FACT))
        if fact["type"] not in told_events(folder):
            return f"type {fact['type']}"
        if not _is_instant(fact["occurred_at"]):
            return f"occurred_at {fact['occurred_at']}"
    named = path.stem.partition("__")[0]
    return "" if named in {e.replace(".", "_") for e in told_events(folder)} else f"{named}__"


def _is_instant(text: Any) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except (ValueError, TypeError):
        return False


def actions_are_recorded(folder: Folder) -> Iterator[Gap]:
    """fixtures/actions/<action>__<case>.json: {"action", "input", "talk", "expect"}; a yes and a no for each action."""
    seen: set[tuple[str, bool]] = set()
    for path, case in _cases(folder, "actions"):
        wrong = "JSON" if case is None else _wrong_action(folder, path, case)
        if wrong:
            yield _spoiled(folder, path, wrong)
        else:
            seen.add((case["action"], "made" in case["expect"]))
    for name in folder.connector.actions:
        for yes, zh, en in ((True, "成功", "a yes"), (False, "拒绝", "a no")):
            if (name, yes) not in seen:
                yield _missing(folder, f"fixtures/actions/{name}__<case>.json", f"{name} {zh}的样例", f"{en} of {name}")


def _wrong_action(folder: Folder, path: Path, case: Any) -> str:
    if not isinstance(case, dict) or not {"action", "input", "talk", "expect"} <= set(case):
        return '{"action", "input", "talk", "expect"}'
    action, expect = folder.connector.actions.get(str(case["action"])), case["expect"]
    if action is None or path.stem.partition("__")[0] != action.name:
        return f"action {case['action']}"
    if not isinstance(expect, dict) or ("made" in expect) == ("error" in expect):
        return 'expect: {"made"} | {"error", "code"}'
    if "error" in expect and ("code" not in expect or not _is_vendor_error(str(expect["error"]))):
        return f"error {expect['error']}"
    try:
        action.input.model_validate(case["input"])
        if "made" in expect:
            action.output.model_validate(expect["made"])
    except ValidationError as error:
        return f"{error.title}: {error.errors()[0]['msg']}"
    return ""


def _is_vendor_error(name: str) -> bool:
    kind = getattr(errors, name, None)
    return isinstance(kind, type) and issubclass(kind, VendorError)


def _cases(folder: Folder, kind: str) -> Iterator[tuple[Path, Any]]:
    for path in sorted((folder.path / "fixtures" / kind).glob("*.json")):
        try:
            yield path, loads(path.read_bytes())
        except Unreadable:
            yield path, None


def _spoiled(folder: Folder, path: Path, wrong: str) -> Gap:
    return Gap(folder.told(path), Text(f"样例的形状不对：{wrong}", f"has another shape than agreed: {wrong}"))


def _missing(folder: Folder, name: str, zh: str, en: str) -> Gap:
    return Gap(f"{folder.told(folder.path)}/{name}", Text(f"补上{zh}", f"add {en}"))


def fixtures_are_proved(folder: Folder) -> Iterator[Gap]:
    """tests/connectors/<id>/test_fixtures.py runs the fixtures, actions and events alike."""
    path = folder.root / "tests" / "connectors" / folder.connector.id / "test_fixtures.py"
    text = path.read_text("utf-8") if path.is_file() else ""
    for kind, wanted in (("actions", folder.connector.actions), ("events", told_events(folder))):
        if wanted and f'"{kind}"' not in text:
            zh, en = f"写一个测试，重放 fixtures/{kind} 里的每个样例", f"add a test that runs every fixtures/{kind}"
            yield Gap(folder.told(path), Text(zh, en))


def readme_is_for_the_person(folder: Folder) -> Iterator[Gap]:
    """README.md has the agreed sections and names every config field, action and event."""
    path = folder.path / "README.md"
    text = path.read_text("utf-8") if path.is_file() else ""
    headings = [line for line in text.splitlines() if line.startswith("#")]
    for section in SECTIONS:
        if not any(section in heading for heading in headings):
            yield Gap(folder.told(path), Text(f"补上“{section}”一节", f"add the section {section}"))
    named = {*folder.connector.config.model_fields, *folder.connector.actions, *told_events(folder)}
    if missing := ", ".join(sorted(name for name in named if name not in text)):
        yield Gap(folder.told(path), Text(f"写明 {missing}", f"name and explain {missing}"))


def an_oracle_drives_the_sandbox(folder: Folder) -> Iterator[Gap]:
    """A test named …official_sdk… or …oracle…: somebody else's code speaks with our fake vendor."""
    return _wants(folder, ORACLE, "", "test_the_official_sdk_drives_our_sandbox…")


def our_client_drives_the_sandbox(folder: Folder) -> Iterator[Gap]:
    """A test of our client against our sandbox over a socket."""
    return _wants(folder, re.compile("our_client_drives_our_sandbox"), "", "test_our_client_drives_our_sandbox…")


def a_wrong_secret_is_refused(folder: Folder) -> Iterator[Gap]:
    """A test in which a wrong secret asks for a person."""
    return _wants(folder, WRONG, "NeedsReauth", "test_…_wrong_secret…: sdk.NeedsReauth")


def callbacks_are_mutated(folder: Folder) -> Iterator[Gap]:
    """Where the vendor calls us: a test that spoils good callbacks."""
    if folder.connector.webhook:
        yield from _wants(folder, re.compile("mutat"), "BadSignature", "test_…_mutated_…: sdk.BadSignature")


def _wants(folder: Folder, name: re.Pattern[str], word: str, example: str) -> Iterator[Gap]:
    if not any(name.search(test) and word in text for test, text in folder.tests.items()):
        at = f"tests/connectors/{folder.connector.id}"
        yield Gap(at, Text(f"写一个测试：{example}", f"write a test: {example}"))
