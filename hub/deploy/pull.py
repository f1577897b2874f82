"""The files of a release, written to a directory."""

from pathlib import Path

from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.flows import Files

FORCE = Text(
    "先保存你的改动，或加 --force 覆盖。", "Keep your changes elsewhere first, or overwrite them with --force."
)


def pull(files: Files, directory: Path, force: bool) -> list[str]:
    """Write every file that is not there byte for byte; their paths. Other files in the directory stay.

    Raises ConfigError, and writes nothing, when a file there differs and `force` is not said.
    """
    to_write = {path: text.encode() for path, text in files.items() if _bytes(_below(directory, path)) != text.encode()}
    differing = [path for path in to_write if _below(directory, path).exists()]
    if differing and not force:
        raise ConfigError(f"有改动 / changed here: {', '.join(differing)}", hint=FORCE)
    for path, content in to_write.items():
        target = _below(directory, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return list(to_write)


def _below(directory: Path, path: str) -> Path:
    target = directory / path
    if not target.resolve().is_relative_to(directory.resolve()):
        raise ConfigError(f"{path} leads out of {directory}")
    return target


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
