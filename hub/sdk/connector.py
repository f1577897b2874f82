"""A connector declares what a vendor product can do; the hub does it. One object per package: `connector`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Generic, TypeVar, get_type_hints

import httpx
from pydantic import BaseModel

from hub.domain.errors import ConfigError, HubError
from hub.domain.event import Inbound, Nudge
from hub.domain.text import Text
from hub.sdk.answers import ErrorTable
from hub.sdk.auth import AuthKit
from hub.sdk.callbacks import Callback, Verified
from hub.sdk.context import Context
from hub.sdk.exact import Json, loads
from hub.sdk.files import File

C = TypeVar("C", bound=BaseModel)
In = TypeVar("In", bound=BaseModel)


class Effect(Enum):
    """What repeating an action does, and so what follows after doubt.

    A: the vendor honours our idempotency key: resend. B: it has a unique number that we choose: resend,
    "already exists" → read back, compare. C: it can be found by a field we set: look, wait, look, send.
    D: neither: never resend, ask a person. HOME: runs inside our own transaction, exactly once.
    """

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    HOME = "home"


class Made(BaseModel):
    """What an action made there. `id` is the vendor's own id as text; `number` is what people call it."""

    id: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Item(Generic[In]):
    """One of several that go in one call: what its action is given, and the idempotency key of its delivery."""

    given: In
    key: str


Run = Callable[[Context[Any], Any], Awaitable[Made]]
BatchRun = Callable[[Context[Any], Sequence[Item[Any]]], Awaitable[Mapping[str, Made | HubError]]]
Look = Callable[[Context[Any], Any], Awaitable[Made | None]]
Parse = Callable[[Json], Iterable[Inbound | Nudge]]
Read = Callable[[bytes], Json]
Verify = Callable[[Any, Callback], Verified]
Find = Callable[[Context[Any], Sequence[Made]], Awaitable[Sequence[Made]]]
Pages = Callable[[Context[Any], datetime, datetime], AsyncIterator[Sequence[Made]]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a vendor account bears, over all workers: attempts at once, calls a second (0: as many as come)."""

    concurrency: int = 8
    calls_per_second: float = 0.0
    deadline: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Batch:
    """How several of an action go in one call: at most `most` of them, carried out by `run`."""

    most: int
    run: BatchRun


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a connector can be asked to do.

    Attributes:
        emits: type of the event the ledger records when it is done (data: payload, result, cause), or "".
        entity: what kind of record it makes there; the ledger keeps the external ref under it, or "" for none.
        look: finds what an unanswered write made; (ctx, input) → Made, or None when it is not there.
        settle: class C: how long after a silence the vendor may still bring what we sent to light.
        batch: the vendor's call for several, if it has one whose answer tells of each.
    """

    name: str
    title: Text
    effect: Effect
    input: type[BaseModel]
    output: type[Made]
    run: Run
    look: Look | None = None
    emits: str = ""
    entity: str = ""
    settle: timedelta = timedelta()
    batch: Batch | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a poll: the facts found, the cursor after them, whether more waits behind it, and their files."""

    events: Sequence[Inbound]
    cursor: str
    more: bool = False
    files: Sequence[File] = ()


@dataclass(frozen=True, slots=True)
class Poll:
    """A list to ask for news. `run`: (ctx, cursor text, "" at first) → Page."""

    event: str
    every: timedelta
    run: Callable[[Context[Any], str], Awaitable[Page]]


@dataclass(frozen=True, slots=True)
class Lister:
    """How reconciliation reads what stands at a vendor; changes nothing there.

    Attributes:
        find: (ctx, what we made, 200 at most) → those of them that are there, as they are called there now.
        pages: (ctx, since, until) → everything made there from `since` until before `until`, page by page, whoever
            made it; None where the vendor cannot list.
    """

    find: Find
    pages: Pages | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """How a vendor calls us: proof, a reader of the plaintext, and a pure parser of the message it gives."""

    events: frozenset[str]
    verify: Verify
    parse: Parse
    read: Read = loads


@dataclass(slots=True)
class Connector(Generic[C]):
    """A vendor product. `id` is the folder's name.

    Attributes:
        base_url: the server address out of a config; none for a vendor that does not speak HTTP.
        auth: an httpx.Auth without I/O of its own, out of (config, AuthKit).
        probe: a harmless call; returns one sentence of what it saw; raises VendorError.
    """

    id: str
    title: Text
    config: type[C]
    errors: ErrorTable
    base_url: Callable[[C], str] = lambda _config: ""
    auth: Callable[[C, AuthKit], httpx.Auth] | None = None
    limits: Limits = field(default_factory=Limits)
    actions: dict[str, Action] = field(default_factory=dict)
    polls: dict[str, Poll] = field(default_factory=dict)
    listers: dict[str, Lister] = field(default_factory=dict)
    webhook: Webhook | None = None
    probe: Callable[[Context[C]], Awaitable[str]] | None = None

    def action(
        self,
        name: str,
        *,
        effect: Effect,
        title: Text,
        look: Look | None = None,
        emits: str = "",
        entity: str = "",
        settle: timedelta | None = None,
    ) -> Callable[[Run], Run]:
        """Register `async (ctx, In) -> Out`; In is a pydantic model, Out a `Made`. Class C needs `look`.

        `settle` is three deadlines where it is not said.
        """

        def register(run: Run) -> Run:
            window = self.limits.deadline * 3 if settle is None else settle
            add_action(self.actions, run, name, effect, title, look, emits, entity, window)
            return run

        return register

    def batch(self, action: str, *, most: int) -> Callable[[BatchRun], BatchRun]:
        """Register `async (ctx, Sequence[Item]) -> {item.key: Made | HubError}`: up to `most` of an action in one call.

        Effect class, look and settle are the action's own, and the action still carries out whatever goes alone.
        An item that the answer leaves out is in doubt. What the run raises is said of every item; a `Rejected` says
        that nothing was done, and each is tried alone. `ctx.key` is "": each item has its own. What goes together is
        what one claim brought, and so never more than `limits.concurrency`.
        """

        def register(run: BatchRun) -> BatchRun:
            if action not in self.actions or most < 2:
                raise ConfigError(f"a batch needs an action, here {action!r}, and room for two, here {most}")
            self.actions[action] = replace(self.actions[action], batch=Batch(most, run))
            return run

        return register

    def poll(self, event: str, *, every: timedelta) -> Callable[[Callable[[Context[C], str], Awaitable[Page]]], Any]:
        """Register `async (ctx, cursor) -> Page`."""

        def register(run: Callable[[Context[C], str], Awaitable[Page]]) -> Any:
            self.polls[event] = Poll(event, every, run)
            return run

        return register

    def lister(self, entity: str, *, find: Find, pages: Pages | None = None) -> None:
        """Register how reconciliation reads an entity that an action of ours makes (see `Lister`)."""
        if entity not in {action.entity for action in self.actions.values()}:
            raise ConfigError(f"no action makes the entity {entity!r}")
        self.listers[entity] = Lister(find, pages)

    def callbacks(self, *, events: Iterable[str], verify: Verify, read: Read = loads) -> Callable[[Parse], Parse]:
        """Register the pure parser of this vendor's verified messages; `read` turns the plaintext into one."""

        def register(parse: Parse) -> Parse:
            self.webhook = Webhook(frozenset(events), verify, parse, read)
            return parse

        return register

    def harmless(self, run: Callable[[Context[C]], Awaitable[str]]) -> Callable[[Context[C]], Awaitable[str]]:
        """Register the probe."""
        self.probe = run
        return run

    @property
    def events(self) -> frozenset[str]:
        """Every event type that can come from a connection of this connector."""
        emitted = {a.emits for a in self.actions.values() if a.emits}
        return frozenset(emitted | set(self.polls) | (self.webhook.events if self.webhook else frozenset()))


def add_action(
    actions: dict[str, Action],
    run: Callable[[Any, Any], Awaitable[Made]],
    name: str,
    effect: Effect,
    title: Text,
    look: Look | None = None,
    emits: str = "",
    entity: str = "",
    settle: timedelta = timedelta(),
) -> None:
    """Check an action's shape and file it under its name; ConfigError says what is missing."""
    hints = get_type_hints(run)
    output = hints.pop("return", None)
    given = list(hints.values())
    if len(given) != 2 or not issubclass(given[1], BaseModel) or not issubclass(output or object, Made):
        raise ConfigError(f"action {name!r} must be `async (context, Input) -> Made`, all annotated")
    if effect is Effect.C and look is None:
        raise ConfigError(f"action {name!r} is class C and needs `look`")
    if name in actions:
        raise ConfigError(f"action {name!r} is registered twice")
    window = settle if effect is Effect.C else timedelta()
    actions[name] = Action(name, title, effect, given[1], output or Made, run, look, emits, entity, window)
