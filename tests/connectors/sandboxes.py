"""Start a connector's sandbox as a person does, `hub sandbox …`, and read its ledger."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simplejson


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox: its address, the credentials it printed, its ledger file."""

    url: str
    credentials: dict[str, str]
    ledger: Path

    def effects(self) -> list[dict[str, Any]]:
        """Every line of the ledger, amounts as Decimal."""
        return [simplejson.loads(line, use_decimal=True) for line in self.ledger.read_text("utf-8").splitlines()]


@contextmanager
def sandbox(connector: str, folder: Path, *options: str) -> Iterator[Running]:
    """A sandbox in a process of its own, for the length of a block."""
    ledger = folder / f"{connector}.jsonl"
    command = [sys.executable, "-m", "hub", "sandbox", connector, "--json", "--ledger", str(ledger), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Running(told["url"], told["credentials"], ledger)
    finally:
        process.terminate()
        process.wait(10)
