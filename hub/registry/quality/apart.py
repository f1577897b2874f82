"""Rules about imports and lengths: one door to the hub, a fake vendor that shares nothing with the client."""

from collections.abc import Iterator

from hub.domain.text import Text
from hub.registry.quality.folder import Folder, Gap, Source

LINES = 400
DOOR = "hub.sdk"
FOR_CLIENTS = {"SealedBox", "TokenAuth", "credit_code"}
ROOMS = ("hub", "connectors", "core_crm", "tests")


def imports_stay_at_the_door(folder: Folder) -> Iterator[Gap]:
    """Of our own code a connector imports `from hub import sdk` and itself."""
    for source in (*folder.client, *folder.sandbox):
        for name in source.imports():
            own = name == folder.package or name.startswith(f"{folder.package}.")
            if name.partition(".")[0] in ROOMS and name != DOOR and not own:
                yield _stray(folder, source, name, "只用 from hub import sdk", "use `from hub import sdk` only")


def sandbox_stands_apart(folder: Folder) -> Iterator[Gap]:
    """Client and sandbox import nothing of each other: the hub finds a sandbox by its folder.

    What `hub.sdk` gives clients to speak a vendor's protocol with is not for the sandbox either.
    """
    inside = f"{folder.package}.sandbox"
    for source in folder.sandbox:
        for name in source.imports():
            if name.startswith(folder.package) and not name.startswith(inside):
                yield _stray(folder, source, name, "在 sandbox/ 里另写一份", "write it apart, inside sandbox/")
        for name in sorted(source.sdk_names() & FOR_CLIENTS):
            yield _stray(folder, source, f"sdk.{name}", "在 sandbox/ 里另写一份", "write it apart, inside sandbox/")
    for source in folder.client:
        for name in source.imports():
            if name.startswith(inside):
                yield _stray(folder, source, name, "不引入 sandbox/", "take nothing out of sandbox/")


def _stray(folder: Folder, source: Source, name: str, zh: str, en: str) -> Gap:
    return Gap(folder.told(source.path), Text(f"引入了 {name}：{zh}", f"imports {name}: {en}"))


def files_are_short(folder: Folder) -> Iterator[Gap]:
    """No file is longer than 400 lines."""
    for source in (*folder.client, *folder.sandbox):
        if (lines := len(source.text.splitlines())) > LINES:
            yield Gap(folder.told(source.path), Text(f"{lines} 行：按业务拆开", f"{lines} lines: split it by topic"))
