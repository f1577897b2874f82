"""The contract of the home system (core_crm): its rows and the hub's ledger change in one transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from hub.domain.errors import HubError
from hub.domain.event import Inbound
from hub.domain.text import Text
from hub.sdk.connector import Action, Effect, Made, add_action
from hub.sdk.exact import Json, dumps

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


@dataclass(frozen=True, slots=True)
class Origin:
    """An action that writes a field of a record, and what of its input it writes there.

    Attributes:
        action: its name at the home system, such as "record_payment".
        fields: of its input, those that the value comes from, the leading one first, inner ones with a point.
            None when the action alone decides.
        value: input → what it writes, None when it leaves the field as it is; the leading field when not given.
        derived: the home system works the value out, so that what an input says cannot be compared with it.
        after: field of the input that tells how new its news are; older news change nothing.
        item: for a field inside a list, those of the input that must be the same in the item.
    """

    action: str
    fields: tuple[str, ...] = ()
    value: Callable[[Any], Any] | None = None
    derived: bool = False
    after: str = ""
    item: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person or program wrote through the home system's own API, and the API key it came with.

    `prints`: each field it wrote, with the `fingerprint` of what it wrote.
    """

    at: datetime
    key_id: str
    prints: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as the home system's API shows it; the ids of what makes it up (its own first); edits, newest first."""

    values: BaseModel
    ids: Sequence[str]
    edits: Sequence[Edit] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record. `read` raises Problem 404; `origins`: field → who writes it, "*" for a place in a list.

    A field that is not among them is written through the home system's own API alone.
    """

    read: Callable[[Unit, str], Awaitable[Seen]]
    origins: Mapping[str, Sequence[Origin]]


def fingerprint(value: Json) -> str:
    """By which a value is known again without being kept."""
    return sha256(dumps(value).encode()).hexdigest()[:16]


@dataclass(slots=True)
class HomeSystem:
    """The home system as the hub sees it: a name, the events it tells, the actions it takes, its kinds of records.

    `told`: event type → model of its data, by which mappings are checked; of others nothing is known.
    """

    id: str
    title: Text
    events: frozenset[str]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    told: Mapping[str, type[BaseModel]] = field(default_factory=dict)

    def action(self, name: str, *, title: Text) -> Callable[[F], F]:
        """Register `async (unit: Unit, In) -> Made`; it runs inside the settling transaction, exactly once.

        Raise NotReady when the record it needs is not there yet, Rejected when it will never pass.
        """

        def register(run: F) -> F:
            add_action(self.actions, run, name, Effect.HOME, title)
            return run

        return register
