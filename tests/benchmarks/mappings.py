"""What a mapping costs: the jmespath library, Python written by hand, and ours make the same bill; one JSON.

`python -m tests.benchmarks.mappings --rounds 7`. Microseconds of CPU on this machine; compare the ratios.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import jmespath

from hub.mapping import MappingFile, parse_mapping
from hub.mapping.engine import Engine, Step
from hub.mapping.expressions.amounts import money, plain
from hub.mapping.expressions.functions import ExactFunctions
from hub.sdk.exact import loads
from tests.benchmarks.contract import contract

FILE = Path(__file__).parent / "mappings" / "bench" / "contract__bench_bill.yaml"
COPIED = (
    *("currency", "signed_on", "due_on", "title", "department", "salesman", "org", "bank", "account", "address"),
    *("phone", "contact", "email", "terms", "kind", "source", "remark", "rate"),
)
OPTIONS = jmespath.Options(custom_functions=ExactFunctions())
FINISHERS: dict[str, Callable[[Any], Any]] = {"strip": str.strip, "upper": str.upper, "money": money}


def by_hand(data: dict[str, Any]) -> dict[str, Any]:
    """The bill as one would write it for this contract alone."""
    customer = data.get("customer") or {}
    made = {
        "number": f"AR-{data.get('number') or ''}",
        "contract": data.get("contract"),
        "customer": customer.get("number"),
        "customer_name": (customer.get("name") or "").strip(),
        "credit_code": (data.get("credit_code") or "").strip().upper(),
        "amount": money(data.get("amount")),
        **{name: data.get(name) for name in COPIED},
        "lines": [_line_by_hand(line or {}) for line in data.get("lines") or []],
    }
    return _complete(made)


def _line_by_hand(line: dict[str, Any]) -> dict[str, Any]:
    made = {
        "product": line.get("product"),
        "spec": line.get("spec"),
        "unit": line.get("unit"),
        "quantity": money(line.get("quantity")),
        "unit_price": money(line.get("unit_price")),
        "amount": money(line.get("amount")),
        "tax_rate": plain(line.get("tax_rate") or 0),
    }
    return _complete(made)


def _complete(made: dict[str, Any]) -> dict[str, Any]:
    for name, value in made.items():
        if value is None or value in ("", []):
            raise ValueError(f"{name} is required")
    return made


class Library:
    """Each field read by the library's interpreter, compiled beforehand; finished with the same functions."""

    def __init__(self, steps: Mapping[str, Step]) -> None:
        self._fields = [(name, *self._prepared(step)) for name, step in steps.items()]

    def _prepared(self, step: Step) -> tuple[Any, list[Callable[[Any], Any]], "Library | None"]:
        compiled = jmespath.compile(step.rule.each or step.rule.take or "")
        finishers = [FINISHERS[name] for name in (*step.rule.clean, step.rule.format) if name]
        return compiled, finishers, Library(step.inner) if step.inner else None

    def __call__(self, data: Any) -> dict[str, Any]:
        made = {}
        for name, expression, finishers, inner in self._fields:
            value = expression.search(data, OPTIONS)
            for finisher in finishers:
                value = finisher(value)
            made[name] = [inner(item) for item in value] if inner else value
        return made


def cpu_us(work: Callable[[], Any], times: int) -> float:
    """Microseconds of CPU for one call."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1e6


def told(values: list[float]) -> dict[str, float]:
    """Median with minimum and maximum."""
    return {"median": round(median(values), 2), "min": round(min(values), 2), "max": round(max(values), 2)}


def load_files(text: str, files: int, prove: bool) -> float:
    """Seconds of CPU to read so many files, and to compile and try their first examples as well."""
    began = time.process_time()
    for number in range(files):
        mapping = parse_mapping(text.replace("bench.contract__bench.bill", f"bench.contract__bench.bill{number}"), "f")
        if prove and mapping.disprove(mapping.examples[0]):
            raise RuntimeError("the example is not true")
    return time.process_time() - began


def bare(steps: Mapping[str, Step]) -> dict[str, Step]:
    """The same fields, only read: nothing is cleaned or formatted."""
    made = {}
    for name, step in steps.items():
        rule = step.rule.model_copy(update={"clean": [], "format": None})
        made[name] = Step(rule, step.expression, bare(step.inner) if step.inner else None)
    return made


def measure(mapping: MappingFile, rounds: int, times: int) -> dict[str, Any]:
    """All, interleaved; those that make the bill must agree."""
    data = loads(contract("1"))
    library, reader = Library(mapping.steps), Library(bare(mapping.steps))
    reading = Engine(bare(mapping.steps), {})
    ways: dict[str, Callable[[], Any]] = {
        "library_us": lambda: library(data),
        "by_hand_us": lambda: by_hand(data),
        "ours_us": lambda: mapping.apply(data),
        "library_reads_us": lambda: reader(data),
        "ours_reads_us": lambda: reading.apply(data),
    }
    if not library(data) == by_hand(data) == mapping.apply(data) or reader(data) != reading.apply(data):
        raise RuntimeError("they do not make the same")
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        once = {name: cpu_us(way, times) for name, way in ways.items()}
        once["times_faster_than_library"] = once["library_us"] / once["ours_us"]
        once["reads_times_faster_than_library"] = once["library_reads_us"] / once["ours_reads_us"]
        once["to_by_hand"] = once["ours_us"] / once["by_hand_us"]
        for name, value in once.items():
            found.setdefault(name, []).append(value)
    return {name: told(values) for name, values in found.items()}


def main() -> None:
    """Read the options, run, print JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--times", type=int, default=500)
    options.add_argument("--files", type=int, default=250)
    chosen = options.parse_args()
    text = FILE.read_text("utf-8")
    found = measure(parse_mapping(text, FILE.name), chosen.rounds, chosen.times)
    share = 500 / chosen.files
    found["load_500_files_s"] = told([load_files(text, chosen.files, False) * share for _ in range(5)])
    found["load_and_prove_500_files_s"] = told([load_files(text, chosen.files, True) * share for _ in range(5)])
    sys.stdout.write(json.dumps({"rounds": chosen.rounds, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
