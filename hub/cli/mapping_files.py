"""The mapping files that commands are told of, and those of the mappings' directory."""

from pathlib import Path

from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.flows import plain, read_files
from hub.mapping import MappingFile, read_mappings
from hub.settings import Settings

REAL = Text("检查路径和文件。", "Check the path and the file.")


def all_mappings() -> list[MappingFile]:
    """Every mapping of the directory, each way back after its way there. Raises ConfigError."""
    return read_mappings({name: text for name, text in shipped().items() if not name.startswith("flows/")})[1]


def shipped() -> dict[str, str]:
    directory = Settings().mappings_dir
    return {name: plain(text) for name, text in read_files(directory).items()} if directory.is_dir() else {}


def mappings_in(file: Path) -> list[MappingFile]:
    """The mapping of a file, and its way back where it has one, with the tables of the mappings' directory."""
    if not file.is_file():
        raise ConfigError(f"没有这个文件 / no file {file}", hint=REAL)
    tables = {name: text for name, text in shipped().items() if name.startswith("tables/")}
    try:
        return read_mappings({**tables, str(file): plain(file.read_bytes().decode())})[1]
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: 不是 UTF-8 / not UTF-8", hint=REAL) from error


def way_of(file: Path, back: bool) -> MappingFile:
    """The mapping of a file, or its way back."""
    found = mappings_in(file)
    way = found[0].back if found and back else found[0] if found else None
    if way is None:
        raise ConfigError(f"{file}: 没有这个方向的映射 / no mapping in this direction", hint=REAL)
    return way
