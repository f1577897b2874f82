"""Rules about what a connector declares: its config, its words, its probe, its actions, its sandbox."""

import ast
import inspect
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from hub.domain.errors import ODD_SHAPES, ConfigError
from hub.domain.text import Text
from hub.registry.quality.folder import Folder, Gap
from hub.sdk.connector import Effect
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit

SECRETS = {"secret", "password", "passwd", "token", "key"}
PLAIN_ENDS = {"url", "host", "number", "label", "name", "version", "id", "hours", "minutes", "seconds"}
FOR_A_PERSON = {"NeedsReauth", "Rejected"}


def is_chinese(text: str) -> bool:
    """Whether there is a Chinese character in it."""
    return any("一" <= letter <= "鿿" for letter in text)


def is_english(text: str) -> bool:
    """Whether there is a Latin letter in it."""
    return any(letter.isascii() and letter.isalpha() for letter in text)


def config_is_told(folder: Folder) -> Iterator[Gap]:
    """Every field has a Chinese title, and a description in English that says in Chinese where to find it."""
    for name, field in folder.connector.config.model_fields.items():
        if not is_chinese(field.title or ""):
            yield _field(folder, name, "缺中文 title", "has no Chinese title: add title=")
        if not (is_english(field.description or "") and is_chinese(field.description or "")):
            zh = "description 要有英文，并用中文写明在对方后台哪里找"
            yield _field(folder, name, zh, "needs a description: English, and in Chinese where to find it")


def secrets_are_secret(folder: Folder) -> Iterator[Gap]:
    """A field that is named like a secret is a SecretStr, or says `json_schema_extra={"public": True}`."""
    for name, field in folder.connector.config.model_fields.items():
        if _sounds_secret(name, field) and SecretStr not in (field.annotation, *get_args(field.annotation)):
            zh = '像密钥却不是 SecretStr；公开的写 json_schema_extra={"public": True}'
            yield _field(folder, name, zh, 'make it SecretStr, or json_schema_extra={"public": True} if it is none')


def _sounds_secret(name: str, field: FieldInfo) -> bool:
    parts = name.lower().split("_")
    extra = field.json_schema_extra
    public = isinstance(extra, dict) and extra.get("public") is True
    return bool(SECRETS & set(parts)) and parts[-1] not in PLAIN_ENDS and field.annotation is str and not public


def _field(folder: Folder, name: str, zh: str, en: str) -> Gap:
    config = folder.connector.config
    at = next((s.path for s in folder.client if s.module == config.__module__), folder.path)
    return Gap(folder.told(at), Text(f"{name}：{zh}", f"{name}: {en}"))


def probe_is_there(folder: Folder) -> Iterator[Gap]:
    """A harmless call is registered."""
    if folder.connector.probe is None or not inspect.iscoroutinefunction(folder.connector.probe):
        yield Gap(
            folder.place_of("Connector("), Text("登记 @connector.harmless", "register one with @connector.harmless")
        )


def hints_are_there(folder: Folder) -> Iterator[Gap]:
    """Rows, titles, every Text, and each no that a person must settle: said in both languages."""
    connector = folder.connector
    rows = {**connector.errors.rows, "default": connector.errors.default}
    yield from _speaks(folder, "ErrorTable(", ((code, row.hint) for code, row in rows.items()))
    titles = [("title", connector.title), *((name, action.title) for name, action in connector.actions.items())]
    yield from _speaks(folder, "Connector(", titles)
    for source in folder.client:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and (lacks := _lacks(node)):
                yield Gap(f"{folder.told(source.path)}:{node.lineno}", lacks)


def _speaks(folder: Folder, word: str, texts: Iterable[tuple[str, Text]]) -> Iterator[Gap]:
    for name, text in texts:
        if not is_chinese(text.zh) or not is_english(text.en):
            told = Text(f"{name}：补上中文和英文", f"{name}: say it in Chinese and in English")
            yield Gap(folder.place_of(word), told)


def _lacks(call: ast.Call) -> Text | None:
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="sdk"), attr="Text"), args=[zh, en]):
            if not _literal(zh, is_chinese) or not _literal(en, is_english):
                return Text("sdk.Text 要先中文后英文", "sdk.Text speaks Chinese first and English second")
        case ast.Call(func=ast.Attribute(value=ast.Name(id="sdk"), attr=kind), keywords=given) if kind in FOR_A_PERSON:
            if "hint" not in {each.arg for each in given}:
                return Text(f"给 sdk.{kind} 加 hint=", f"give sdk.{kind} a hint=")
    return None


def _literal(node: ast.expr, fits: Callable[[str], bool]) -> bool:
    """Whether some constant part of a literal fits; what is computed is given the benefit of the doubt."""
    if not isinstance(node, ast.Constant | ast.JoinedStr):
        return True
    return any(fits(str(part.value)) for part in ast.walk(node) if isinstance(part, ast.Constant))


def actions_are_classed(folder: Folder) -> Iterator[Gap]:
    """Each action has an effect class of a vendor's; class C looks."""
    for action in folder.connector.actions.values():
        at, name = folder.place_of(f'"{action.name}"'), action.name
        if action.effect is Effect.HOME:
            yield Gap(at, Text(f"{name}：效果类要是 A、B、C 或 D", f"{name}: choose effect class A, B, C or D"))
        if action.effect is Effect.C and action.look is None:
            yield Gap(at, Text(f"{name}：C 类要有 look", f"{name}: class C needs look="))


class _Kit(SandboxKit):
    """A kit whose extra sockets are closed again."""

    opened: list[socket.socket]

    def listen(self) -> socket.socket:
        """See SandboxKit."""
        self.opened.append(super().listen())
        return self.opened[-1]


def sandbox_builds(folder: Folder) -> Iterator[Gap]:
    """The sandbox can be built, and its credentials make a connection."""
    at, sandbox = f"{folder.told(folder.path)}/sandbox", folder.vendor
    if sandbox is None:
        yield Gap(at, Text("从 sandbox/ 导出 sandbox", "export `sandbox` from sandbox/"))
        return
    kit = _Kit(EffectLedger(None), Faults(), url="http://127.0.0.1:1")
    kit.opened = []
    try:
        sandbox.build(kit)
        folder.connector.config.model_validate(dict(sandbox.credentials(kit)))
    except (ConfigError, OSError, *ODD_SHAPES) as error:
        words = f"{type(error).__name__}: {str(error)[:200]}"
        yield Gap(at, Text(f"沙箱建不起来：{words}", f"does not build: {words}"))
    finally:
        for opened in kit.opened:
            opened.close()
