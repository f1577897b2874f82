"""A process loads what it needs: memory and the CPU of a start are paid by every worker that is started again."""

import json
import subprocess
import sys

import pytest

LOADED = """
import json, sys
from hub.cli import load
load({command!r})
from hub.registry import discover
discover()
print(json.dumps(sorted(sys.modules)))
"""
FOR_OTHERS = {
    "serve": ["aiohttp", "httpx_aiohttp", "hub.scheduler", "hub.sdk.client"],
    "work": ["click", "core_crm.api", "fastapi", "hub.api", "hub.console", "hub.inbound", "jinja2", "uvicorn"],
}
FOR_NOBODY = ["alembic", "hub.embedded", "hub.sdk.stage", "pygments", "pytest", "rich", "sqlalchemy"]
"""What commands, sandboxes, migrations and tests need."""


def loaded(command: str) -> set[str]:
    """Every module of a process that is about to start."""
    code = LOADED.format(command=command)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(ended.stdout))


@pytest.mark.parametrize("command", sorted(FOR_OTHERS))
def test_a_process_loads_nothing_that_only_others_need(command: str) -> None:
    modules = loaded(command)
    assert not modules.intersection(FOR_OTHERS[command] + FOR_NOBODY)
    assert not [name for name in modules if name.startswith("connectors.") and ".sandbox" in name]
    other = "work" if command == "serve" else "serve"
    assert {"asyncpg", "connectors.kingdee", f"hub.cli.{command}"} <= modules
    assert f"hub.cli.{other}" not in modules


@pytest.mark.parametrize("command", ["serve", "work"])
def test_what_is_left_out_is_there_again_for_the_help(command: str) -> None:
    ended = subprocess.run([sys.executable, "-m", "hub", command, "--help"], capture_output=True, text=True, check=True)
    assert f"hub {command}" in ended.stdout
