"""The independent checker: from the sender's journal and the vendor's ledger alone, was the promise kept?

`python -m tests.faults.check JOURNAL LEDGER [--shown FILE] [--kills FILE]` prints JSON and ends with 1 when it was
not. `--shown` names the events that the hub's public API shows as uncertain or parked ({event id: state}): those may
lack their effect. `--kills` is the killer's own log, for the recovery times.

I1 lost: accepted, no effect, not shown. I2 doubled: effects beyond the first. I3 cents_off: fen by which effects differ
from what was sent. I4 out_of_order: first effects before that of an earlier event of their lane. I7 wrong_tenant:
effects in another tenant's account, or of events nobody sent.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import simplejson

Row = dict[str, Any]
Lane = tuple[str, str]


@dataclass(slots=True)
class Told:
    """One event as its sender knows it."""

    tenant: str
    lane: str
    n: int
    fen: int
    sent_at: float
    accepted_at: float | None = None
    effects: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; `numbers` is the JSON that is printed, `broken` the lanes with a fault in them."""

    numbers: dict[str, Any]
    broken: list[Lane]

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return not self.broken and not self.numbers["wrong_tenant"]


def rows(path: Path) -> list[Row]:
    """The JSON lines of a file; a last line cut off by a crash is left out."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").splitlines(keepends=True)
    return [simplejson.loads(line, use_decimal=True) for line in lines if line.endswith("\n")]


def check(
    journal: Iterable[Row], ledger: Iterable[Row], shown: Mapping[str, str], kills: Iterable[Row] = ()
) -> Verdict:
    """Judge a run. Rows as the sender, the vendor and the killer write them."""
    told = _read(journal)
    wrong = 0
    broken: set[Lane] = set()
    effects = 0
    for effects, row in enumerate(ledger, 1):
        event = told.get(row["event"])
        if event is None or row["account"] != event.tenant or row["tenant"] != event.tenant:
            wrong += 1
            broken.add((row["account"], row["lane"]))
        if event is not None:
            event.effects.append({**row, "place": effects})
    lost = [e for i, e in told.items() if e.accepted_at and not e.effects and i not in shown]
    doubled = [e for e in told.values() if len(e.effects) > 1]
    cents = {i: sum(abs(_fen(row) - e.fen) for row in e.effects) for i, e in told.items()}
    swapped = _swapped(told.values())
    off = [told[i] for i, fen in cents.items() if fen]
    broken |= {(e.tenant, e.lane) for e in (*lost, *doubled, *swapped, *off)}
    numbers = {
        "accepted": sum(1 for e in told.values() if e.accepted_at),
        "effects": effects,
        "lost": len(lost),
        "doubled": sum(len(e.effects) - 1 for e in doubled),
        "out_of_order": len(swapped),
        "cents_off": sum(cents.values()),
        "wrong_tenant": wrong,
        "uncertain": sum(1 for state in shown.values() if state == "uncertain"),
        "parked": sum(1 for state in shown.values() if state != "uncertain"),
        **_times(list(told.values()), [row["at"] for row in kills]),
    }
    return Verdict(numbers, sorted(broken))


def timeline(lane: Lane, journal: Iterable[Row], ledger: Iterable[Row], kills: Iterable[Row] = ()) -> list[str]:
    """Everything that is known of one lane, and the kills meanwhile, in the order it happened."""
    mine = {row["id"]: row["n"] for row in journal if row["what"] == "sent" and (row["tenant"], row["lane"]) == lane}
    lines = [(row["at"], f"{row['what']} {row['id']}") for row in journal if row["id"] in mine]
    lines += [
        (row["at"], f"effect {row['event']} {row.get('amount', '')} in account {row['account']} key {row.get('key')}")
        for row in ledger
        if row["event"] in mine or (row["account"], row["lane"]) == lane
    ]
    if lines:
        first, last = min(lines)[0], max(lines)[0]
        lines += [(r["at"], f"-- {r['act']} {r['who']}") for r in kills if first <= r["at"] <= last]
    return [f"{at:.3f} {what}" for at, what in sorted(lines)]


def smallest(broken: Iterable[Lane], journal: Iterable[Row]) -> Lane | None:
    """The broken lane with the fewest events."""
    sizes: dict[Lane, int] = defaultdict(int)
    for row in journal:
        if row["what"] == "sent":
            sizes[row["tenant"], row["lane"]] += 1
    return min(broken, key=lambda lane: (sizes[lane], lane), default=None)


def _read(journal: Iterable[Row]) -> dict[str, Told]:
    told: dict[str, Told] = {}
    for row in journal:
        if row["what"] == "sent":
            told[row["id"]] = Told(row["tenant"], row["lane"], row["n"], row["fen"], _seconds(row["at"]))
        elif told[row["id"]].accepted_at is None:
            told[row["id"]].accepted_at = _seconds(row["at"])
    return told


def _swapped(told: Iterable[Told]) -> list[Told]:
    """Events whose first effect stands in the ledger before that of an earlier event of their lane."""
    lanes: dict[Lane, list[Told]] = defaultdict(list)
    for event in told:
        if event.effects:
            lanes[event.tenant, event.lane].append(event)
    found = []
    for lane in lanes.values():
        latest = 0
        for event in sorted(lane, key=lambda e: e.n):
            place = event.effects[0]["place"]
            if place < latest:
                found.append(event)
            latest = max(latest, place)
    return found


def _times(told: list[Told], killed_at: list[Any]) -> dict[str, Any]:
    """Seconds: from a kill to the next effect of each lane that had work waiting then; and the longest wait of any."""
    waits: list[tuple[float, float]] = []
    latest: dict[Lane, float] = defaultdict(float)
    for event in sorted(told, key=lambda e: e.n):
        if event.accepted_at and event.effects:
            at = _seconds(event.effects[0]["at"])
            since = max(event.sent_at, latest[event.tenant, event.lane])
            latest[event.tenant, event.lane] = max(at, latest[event.tenant, event.lane])
            waits.append((since, at))
    recovery = sorted(at - kill for kill in map(_seconds, killed_at) for since, at in waits if since <= kill < at)
    return {
        "recovery_p50_s": _share(recovery, 0.5),
        "recovery_p99_s": _share(recovery, 0.99),
        "longest_stuck_s": round(max((at - since for since, at in waits), default=0.0), 2),
    }


def _share(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else 0.0


def _fen(row: Row) -> int:
    return int(Decimal(str(row["amount"])) * 100)


def _seconds(at: Any) -> float:
    return float(at)


def main() -> None:
    """Judge the files named on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("journal", type=Path)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--shown", type=Path)
    parser.add_argument("--kills", type=Path)
    told = parser.parse_args()
    journal, ledger = rows(told.journal), rows(told.ledger)
    kills = rows(told.kills) if told.kills else []
    shown = simplejson.loads(told.shown.read_text("utf-8")) if told.shown else {}
    verdict = check(journal, ledger, shown, kills)
    sys.stdout.write(simplejson.dumps(verdict.numbers, use_decimal=True) + "\n")
    if not verdict.kept:
        lane = smallest(verdict.broken, journal)
        sys.stderr.write("\n".join(timeline(lane, journal, ledger, kills) if lane else []) + "\n")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
