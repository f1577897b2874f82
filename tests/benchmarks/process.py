"""The hub's own processes, as they are: `python -m tests.benchmarks.process serve|work …`.

They are `hub serve` and `hub work` with every connector there is, and the benchmark's sink twice: `bench`, and `stuck`,
the same with a deadline of 2 s. `work N` sends up to N bills in a call. Nothing else is loaded: memory is measured.
"""

import sys

from hub import main
from hub.cli import load
from hub.registry import discover
from tests.benchmarks.sink_connector import CONNECTORS, book_several, connector
from tests.faults.ending import end_with_parent


def run(role: str, *words: str) -> None:
    """Be one of them."""
    end_with_parent()
    main.__dict__["discover"] = lambda: {**discover(), **CONNECTORS}
    if words:
        connector.batch("book", most=int(words[0]))(book_several)
    load(role)([role])


if __name__ == "__main__":
    run(*sys.argv[1:])
