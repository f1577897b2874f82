"""`hub reconcile` as a person types it, against a vendor that has less than we made."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hub.cli import load
from hub.domain.errors import ConfigError
from hub.embedded.postgres import Addresses
from hub.ledger.database import Database
from tests.connectors.sandboxes import sandbox

MADE = (
    "INSERT INTO events (tenant_id, id, connection, type, subject, dedupe_key, occurred_at, data)"
    " VALUES ('demo', 'e', 'crm', 't', 's', 'k', now(), '{}')",
    "INSERT INTO deliveries (tenant_id, id, event_id, flow, step, connection, action, mapping, lane, record, state)"
    " VALUES ('demo', 'dlv_1', 'e', 'f', 0, 'kingdee', 'a', 'm', 'l', 'ctr_1', 'done')",
    "INSERT INTO external_refs (tenant_id, connection, entity, external_id, number, record, delivery_id)"
    " VALUES ('demo', 'kingdee', 'receivable', '999', 'AR-999', 'ctr_1', 'dlv_1')",
)

pytestmark = pytest.mark.usefixtures("hub_of_this_test")


def hub(*words: str) -> Result:
    return CliRunner().invoke(load(words[0]), [*words, "--tenant", "demo"])


def made(*words: str) -> Any:
    told = hub(*words, "--json")
    assert told.exit_code == 0, (told.output, told.exception)
    return json.loads(told.stdout)


async def lose(addresses: Addresses) -> None:
    """One receivable that we made and Kingdee never had."""
    database = await Database.open(addresses.app, 1)
    async with database.unit("demo") as unit:
        for statement in MADE:
            await unit.execute(statement)
    await database.close()


def test_what_is_missing_is_named_with_its_delivery_and_stays_to_be_read(migrated: Addresses, tmp_path: Path) -> None:
    with sandbox("kingdee", tmp_path) as kingdee:
        values = [word for name, value in kingdee.credentials.items() for word in ("--set", f"{name}={value}")]
        assert hub("connections", "add", "kingdee", *values).exit_code == 0
        asyncio.run(lose(migrated))
        customer, receivable = made("reconcile", "--connection", "kingdee")
        assert [each["delivery_id"] for each in receivable["missing"]] == ["dlv_1"]
        assert (receivable["ours"], receivable["theirs"], receivable["error"]) == (1, 0, "")
        assert customer["unknown"] is None
    assert made("reconcile", "--last") == [customer, receivable], "no vendor is asked"
    words = hub("reconcile", "--last").output
    assert "AR-999  ctr_1  dlv_1" in words
    assert "hub deliveries force" in words


def test_a_connection_that_is_not_there_is_said_so() -> None:
    assert isinstance(hub("reconcile", "--connection", "nobody").exception, ConfigError)
