"""The contract of the home system (core_crm): its rows and the hub's ledger change in one transaction."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from hub.domain.errors import HubError
from hub.domain.event import Inbound
from hub.domain.text import Text
from hub.sdk.connector import Action, Effect, Made, add_action
from hub.sdk.exact import Json

Row = Any
F = TypeVar("F", bound=Callable[[Any, Any], Awaitable[Made]])


class Unit(Protocol):
    """One open transaction of one tenant. SQL parameters are $1, $2, …; row-level security is already set.

    JSON columns take and give exact Python values; numeric columns are Decimal.
    """

    @property
    def tenant_id(self) -> str:
        """Whose rows this transaction sees."""

    @property
    def source(self) -> str:
        """Name of the connection whose event is being applied; "crm" for our own API."""

    @property
    def now(self) -> datetime:
        """The instant of this transaction, aware UTC."""

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        """All rows."""

    async def fetchrow(self, sql: str, *values: Any) -> Row | None:
        """The first row, or None."""

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """The first column of the first row."""

    async def execute(self, sql: str, *values: Any) -> str:
        """Run a statement; its command tag."""

    async def emit(self, *facts: Inbound) -> None:
        """Record facts of the home system and the deliveries they owe, in this same transaction."""


class Work(Protocol):
    """Opens units of work. Bound by the composition root to the ledger."""

    def begin(self, tenant_id: str) -> AbstractAsyncContextManager[Unit]:
        """A transaction that commits when the block ends without an error, and then wakes what it owes."""

    async def once(
        self, tenant_id: str, key: str, fingerprint: str, do: Callable[[Unit], Awaitable[tuple[int, Json]]]
    ) -> tuple[int, Json]:
        """Run `do` at most once per (tenant, key) and return its (status, body); a repeat gets the first answer.

        An empty key means no such promise was asked for. Raises Problem 409 for the same key with another fingerprint.
        """


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls our API: an API key of a tenant, with its scopes."""

    tenant_id: str
    key_id: str
    scopes: frozenset[str]


class Problem(HubError):
    """A refusal of our own API, told as problem+json (RFC 9457).

    Attributes:
        status: HTTP status. code: stable machine name, such as "contract-not-found". fields: name → what is wrong.
    """

    def __init__(
        self, status: int, code: str, message: str, *, hint: Text, fields: dict[str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.fields = fields or {}


@dataclass(slots=True)
class HomeSystem:
    """The home system as the hub sees it: a name, the events it tells, the actions it takes."""

    id: str
    title: Text
    events: frozenset[str]
    actions: dict[str, Action] = field(default_factory=dict)

    def action(self, name: str, *, title: Text) -> Callable[[F], F]:
        """Register `async (unit: Unit, In) -> Made`; it runs inside the settling transaction, exactly once.

        Raise NotReady when the record it needs is not there yet, Rejected when it will never pass.
        """

        def register(run: F) -> F:
            add_action(self.actions, run, name, Effect.HOME, title)
            return run

        return register
