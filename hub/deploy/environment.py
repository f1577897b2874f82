"""Environment files: the connections of each tenant, with secrets only as the place they are read from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SecretStr

from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.mapping.files.nearest import unknown
from hub.mapping.files.schema import Strict, shaped
from hub.mapping.files.yaml_text import Document, read
from hub.registry import Registry
from hub.sdk.exact import Json

Place = tuple[str, str]
"""(tenant, connection)."""

Look = Callable[[str, str], str]
"""("env" or "file", where) → what stands there; LookupError, OSError or ValueError when nothing does."""

WRITTEN_OUT = "a secret is not written here: say { env: NAME } or { file: path }"


class Declared(Strict):
    """A connection as it is declared; a value of the config may be { env: NAME } or { file: path }."""

    connector: str
    config: dict[str, Any] = Field(default_factory=dict)


class Shape(Strict):
    """An environment file as it is written: tenant → connection → what it is."""

    tenants: dict[str, dict[str, Declared]]


@dataclass(frozen=True, slots=True)
class Environment:
    """Declared connections, where they stand, and how their references are read."""

    declared: Mapping[Place, Declared]
    document: Document
    look: Look


@dataclass(frozen=True, slots=True)
class Wanted:
    """A connection as it shall be. `references` says for each field that is not written out where it stands."""

    place: Place
    connector: str
    config: BaseModel
    references: Mapping[str, str]


def read_environment(file: Path, variables: Mapping[str, str]) -> Environment:
    """Read an environment file; a { file: path } is found from its folder. ConfigError "file:line:column: what"."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"没有环境文件 {file} / no such environment file", hint=_there(file.parent)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {type(error).__name__}") from error
    document = read(text, file.name)
    shape = shaped(document, Shape)
    declared = {(tenant, name): each for tenant, all_of in shape.tenants.items() for name, each in all_of.items()}
    return Environment(declared, document, from_outside(variables, file.parent))


def _there(folder: Path) -> Text:
    names = ", ".join(sorted(each.name for each in folder.glob("*.yaml")))
    return Text(f"{folder} 里有：{names or '没有文件'}。", f"There are: {names or 'none'}.")


def from_outside(variables: Mapping[str, str], folder: Path) -> Look:
    """Reads references: a variable, or a file without the line end behind its last line."""

    def look(kind: str, where: str) -> str:
        return variables[where] if kind == "env" else (folder / where).read_text("utf-8").removesuffix("\n")

    return look


def want(registry: Registry, environment: Environment, place: Place, now: Mapping[str, Json]) -> Wanted:
    """A declared connection with its references read; those of the fields in `now` have these values.

    Raises ConfigError at its place in the file: unknown connector or field, a secret written out, a reference to
    nothing, a value the connector refuses. It never holds a value.
    """
    declared, path = environment.declared[place], ("tenants", *place)

    def refuse(what: str, *inner: str) -> ConfigError:
        return environment.document.refuse((*path, *inner), what)

    if declared.connector not in registry.connectors:
        raise refuse(unknown(declared.connector, registry.connectors), "connector")
    fields = registry.connectors[declared.connector].config.model_fields
    values: dict[str, Any] = {}
    references: dict[str, str] = {}
    for name, value in declared.config.items():
        if name not in fields:
            raise refuse(unknown(name, fields), "config", name, "")
        reference = _reference(value)
        if reference is None:
            if fields[name].annotation is SecretStr:
                raise refuse(WRITTEN_OUT, "config", name)
            values[name] = _typed(value)
            continue
        references[name] = " ".join(reference)
        try:
            values[name] = now[name] if name in now else environment.look(*reference)
        except (LookupError, OSError, ValueError) as error:
            raise refuse(f"{references[name]} is not there, or cannot be read", "config", name) from error
    try:
        config = registry.read_config(declared.connector, values)
    except ConfigError as error:
        raise refuse(error.message, "config") from error
    return Wanted(place, declared.connector, config, references)


def _reference(value: Json) -> tuple[str, str] | None:
    """("env", NAME) or ("file", path), when a value is one."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, where),) = value.items()
        if kind in ("env", "file") and isinstance(where, str) and where:
            return kind, where
    return None


def _typed(value: Json) -> Json:
    """A number goes as it would be typed at `hub connections add`: the connector's field says what it is."""
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value
