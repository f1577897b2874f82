"""The hub with one guard taken out. The fault runs must catch each of these, or they prove nothing."""

from collections.abc import Callable
from dataclasses import replace

from hub.ledger import claim, leases, settle
from hub.sdk import Effect
from tests.faults.bench_connector import connector

ALIVE = "alive"


def without_fence() -> None:
    """A worker that was superseded goes on as if it were not."""
    for module, name in ((claim, "INTEND"), (settle, "SETTLE")):
        sql: str = module.__dict__[name]
        fences = (" AND d.fence = i.fence", " AND d.fence = s.fence")
        bare = sql.replace(fences[0], "").replace(fences[1], "").replace("d.state = 'claimed'", "d.state <> 'done'")
        if bare == sql:
            raise LookupError(f"{name} has no fence to take out")
        module.__dict__[name] = bare
    setattr(leases.Lease, ALIVE, _always)


def _always(_lease: leases.Lease, _name: str) -> bool:
    return True


def with_resent_doubts() -> None:
    """An action that may not be repeated is repeated after doubt."""
    connector.actions["make_d"] = replace(connector.actions["make_d"], effect=Effect.A)


MUTANTS: dict[str, Callable[[], None]] = {"fence": without_fence, "class_d": with_resent_doubts}
