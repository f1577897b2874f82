"""Child processes of the demo: started with one environment, their first line read, stopped together."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.domain.errors import ConfigError
from hub.domain.text import Text


@dataclass(slots=True)
class Processes:
    """`hub …` commands running beside us; what they log goes to files below `logs`."""

    logs: Path
    environment: dict[str, str]
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, name: str, *command: str, announces: bool = True) -> None:
        """Start `hub <command>` under a name; `told` gives the line it announces itself with."""
        with (self.logs / f"{name}.log").open("a", encoding="utf-8") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "hub", *command],
                env={**os.environ, **self.environment},
                stdout=subprocess.PIPE if announces else log,
                stderr=log,
                text=True,
            )

    def told(self, name: str) -> dict[str, Any]:
        """The line of JSON with which a process announces that it is ready; waits for it."""
        stdout = self.running[name].stdout
        line = stdout.readline() if stdout else ""
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError as error:
            path = self.logs / f"{name}.log"
            hint = Text(f"查看 {path}。", f"Look into {path}.")
            raise ConfigError(f"{name} did not start", hint=hint) from error
        return told

    def kill(self, name: str) -> None:
        """SIGKILL, as a crash would."""
        self.running[name].kill()
        self.running[name].wait(10)

    def stop(self) -> None:
        """End all of them."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
