"""What exists: connectors found by folder, the home system, and open connections."""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from hub.credentials import Vault
from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.ledger.connections import Stored
from hub.sdk.auth import AuthKit
from hub.sdk.clock import VendorClock
from hub.sdk.connector import Action, Connector
from hub.sdk.context import Context, always, at_once
from hub.sdk.home import HomeSystem
from hub.sdk.http import Egress, MakeClient, no_client
from hub.sdk.memory import LocalMemory, Memory
from hub.sdk.redaction import Redactor
from hub.sdk.sandbox import Sandbox

MemoryOf = Callable[[str, str], Memory]
"""(tenant, connection) → what it remembers."""

Pace = Callable[[], Awaitable[None]]
PaceOf = Callable[[str, str, float], Pace]
"""(tenant, connection, calls per second) → waits until one more call may go."""

NEVER = datetime.min.replace(tzinfo=UTC)


def discover(package: str = "connectors") -> dict[str, Connector[Any]]:
    """Every connector by id; ConfigError for a folder that holds none."""
    return {name: load_connector(name, package) for name in connector_names(package)}


def connector_names(package: str = "connectors") -> list[str]:
    """The folders there are, without loading any."""
    return sorted(entry.name for entry in pkgutil.iter_modules(importlib.import_module(package).__path__))


def load_connector(name: str, package: str = "connectors") -> Connector[Any]:
    """One connector; ConfigError names those there are, or says what its folder lacks."""
    if name not in (there := connector_names(package)):
        raise ConfigError(f"no connector {name!r}; there are: {', '.join(there)}")
    connector = getattr(importlib.import_module(f"{package}.{name}"), "connector", None)
    if not isinstance(connector, Connector) or connector.id != name:
        raise ConfigError(f"{package}/{name}/__init__.py must export `connector` with id {name!r}")
    return connector


def load_sandbox(name: str, package: str = "connectors") -> Sandbox | None:
    """A connector's fake vendor: what `sandbox/` in its folder exports as `sandbox`; None where there is none.

    It is no part of the connector: a process that serves loads no fake vendor. Raises ConfigError as `load_connector`.
    """
    load_connector(name, package)
    place = f"{package}.{name}.sandbox"
    found = getattr(importlib.import_module(place), "sandbox", None) if find_spec(place) else None
    return found if isinstance(found, Sandbox) else None


def wrong_fields(error: ValidationError) -> str:
    """Each wrong field and what is wrong with it; never its value."""
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection: its connector, config, client and what must be masked."""

    connector: Connector[Any]
    config: BaseModel
    http: httpx.AsyncClient
    redact: Redactor
    memory: Memory
    egress: Egress
    pace: Pace
    updated_at: datetime
    clock: VendorClock

    def context(self, key: str = "", alive: Callable[[], bool] = always) -> Context[Any]:
        """A context for one attempt, poll or probe."""
        return Context(
            config=self.config,
            http=self.http,
            errors=self.connector.errors,
            key=key,
            redact=self.redact,
            memory=self.memory,
            egress=self.egress,
            deadline=self.connector.limits.deadline,
            pace=self.pace,
            alive=alive,
            vendor_clock=self.clock,
        )


class Registry:
    """Connectors, the home system, one open client per connection; actions by full name ("kingdee.book_receivable").

    Without `make_client` it calls no vendor.
    """

    def __init__(
        self,
        connectors: Mapping[str, Connector[Any]],
        home: HomeSystem,
        vault: Vault,
        egress: Egress,
        make_client: MakeClient = no_client,
    ) -> None:
        self.connectors = connectors
        self.home = home
        self.vault = vault
        self._egress = egress
        self._make_client = make_client
        self._open: dict[tuple[str, str], Connection] = {}
        self._memory_of: MemoryOf = lambda _tenant, _connection: LocalMemory()
        self._pace_of: PaceOf = lambda _tenant, _connection, _rate: at_once
        owners: tuple[Connector[Any] | HomeSystem, ...] = (*connectors.values(), home)
        self.actions: Mapping[str, Action] = {
            f"{owner.id}.{name}": action for owner in owners for name, action in owner.actions.items()
        }

    def share(self, memory_of: MemoryOf, pace_of: PaceOf) -> None:
        """Where stored connections remember and count their calls from now on; before, each for itself in here."""
        self._memory_of, self._pace_of = memory_of, pace_of

    @property
    def events(self) -> dict[str, frozenset[str]]:
        """Every event type by where it comes from."""
        return {**{c.id: c.events for c in self.connectors.values()}, self.home.id: self.home.events}

    def connector(self, name: str) -> Connector[Any]:
        """The connector of this id; ConfigError names those there are."""
        if name not in self.connectors:
            raise ConfigError(f"no connector {name!r}; there are: {', '.join(sorted(self.connectors))}")
        return self.connectors[name]

    def read_config(self, connector: str, values: Mapping[str, Any]) -> BaseModel:
        """Validate a connection's values; ConfigError names each wrong field, never its value."""
        try:
            config: BaseModel = self.connector(connector).config.model_validate(dict(values))
        except ValidationError as error:
            hint = Text("请改正这些字段后重试。", "Correct these fields and try again.")
            raise ConfigError(f"connection to {connector}: {wrong_fields(error)}", hint=hint) from error
        return config

    def seal(self, tenant: str, name: str, config: BaseModel) -> tuple[dict[str, Any], dict[str, str]]:
        """Split a config into its plain part and its sealed secrets."""
        plain, sealed = {}, {}
        for field in type(config).model_fields:
            value = getattr(config, field)
            if isinstance(value, SecretStr):
                sealed[field] = self.vault.seal(value.get_secret_value(), tenant, name, field)
            else:
                plain[field] = config.model_dump(mode="json", include={field})[field]
        return plain, sealed

    def open(self, stored: Stored) -> Connection:
        """The open connection of a stored one; the same client until it is changed."""
        place = (stored.tenant_id, stored.name)
        known = self._open.get(place)
        if known is None or known.updated_at != stored.updated_at:
            known = self._open[place] = self._reopen(stored)
        return known

    def _reopen(self, stored: Stored) -> Connection:
        secrets = {f: self.vault.open(s, stored.tenant_id, stored.name, f) for f, s in stored.secrets.items()}
        config = self.read_config(stored.connector, {**stored.config, **secrets})
        memory = self._memory_of(stored.tenant_id, stored.name)
        rate = self.connector(stored.connector).limits.calls_per_second
        pace = self._pace_of(stored.tenant_id, stored.name, rate) if rate else at_once
        return self.connect(stored.connector, config, memory, pace, stored.updated_at)

    def connect(
        self,
        name: str,
        config: BaseModel,
        memory: Memory | None = None,
        pace: Pace = at_once,
        updated_at: datetime = NEVER,
    ) -> Connection:
        """Open a connection that is not stored, for a probe before it is saved. The caller closes its client."""
        connector = self.connector(name)
        redact = Redactor.of(config)
        memory, clock = memory or LocalMemory(), VendorClock()
        auth = connector.auth(config, AuthKit(clock, redact.learn, memory)) if connector.auth else None
        http = self._make_client(
            base_url=connector.base_url(config),
            auth=auth,
            egress=self._egress,
            concurrency=connector.limits.concurrency,
            clock=clock,
        )
        return Connection(connector, config, http, redact, memory, self._egress, pace, updated_at, clock)

    async def close(self) -> None:
        """Close every client."""
        for connection in self._open.values():
            await connection.http.aclose()
        self._open.clear()
