"""What the two registries have in common: a paid question, and how its answer is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

import httpx

from connectors.enrichment.company import Candidate, Company
from connectors.enrichment.config import Config
from hub import sdk

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """One paid call.

    Attributes:
        key: what is asked for, so that two spellings of one question are the same question.
        price: yuan. lasts: how long a full answer is used again; an empty one is for a day.
        read: what the answer says; empty (None or []) for "no data"; raises what Python raises for an odd shape.
        order_number: the provider's billing reference in the answer.
    """

    path: str
    params: Mapping[str, str]
    key: str
    price: Decimal
    lasts: timedelta
    read: Callable[[sdk.Json], T]
    order_number: Callable[[sdk.Json], str]


class Provider(Protocol):
    """One registry: its address, its sign-in, its two questions, and a refusal that costs nothing."""

    name: str
    url: str
    free: frozenset[str]

    def auth(self, config: Config, kit: sdk.AuthKit) -> httpx.Auth:
        """How a request is signed."""

    def search(self, config: Config, name: str) -> Query[list[Candidate]]:
        """Companies by name."""

    def detail(self, config: Config, keyword: str, special: bool = False) -> Query[Company | None]:
        """Base info by the provider's id or by credit code."""

    def free_call(self, config: Config) -> tuple[str, Mapping[str, str]]:
        """Path and parameters of a call that is refused with a code in `free` when the sign-in is good."""
