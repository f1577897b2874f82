"""The same over what processes really share: the sealed memory in PostgreSQL."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from hub import sdk
from hub.credentials import Vault
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.registry.memory import StoredMemory
from tests.connectors.enrichment.registry import HENGRUI, Registry

CODES = ("91310115MA1HR0004U", "91440300MA1HR0005L", "92320505MA1HR00068", "91330200MA1HR0008X")


@pytest.fixture
async def registry(database: Database, tmp_path: Path) -> Registry:
    async with database.unit("demo") as unit:
        await save(unit, "registry", "enrichment", {}, {})
    made = Registry(tmp_path, "qichacha")
    made.memory = StoredMemory(database, Vault(Vault.new_key()), "demo", "registry")
    return made


async def test_many_processes_pay_once_for_one_company_and_read_what_one_bought(registry: Registry) -> None:
    await registry.desk(slow_ms=100)
    told = await asyncio.gather(*(registry.find(f"dlv_{n}", **HENGRUI) for n in range(8)), return_exceptions=True)
    (bought,) = [each for each in told if not isinstance(each, BaseException)]
    assert sum(isinstance(each, sdk.NotReady) for each in told) == 7
    again = await registry.find("dlv_9", **HENGRUI)
    assert again == bought.model_copy(update={"cost": Decimal(0)})
    assert len(registry.effects()) == 1


async def test_the_budget_is_one_for_all_and_what_was_not_billed_comes_back(registry: Registry) -> None:
    await registry.desk(say=["120"] * 3)
    for _ in range(3):
        with pytest.raises(sdk.Throttled, match="120"):
            await registry.find(config={"daily_budget": "0.40"}, **HENGRUI)
    finds = (registry.find(f"dlv_{n}", {"daily_budget": "0.40"}, credit_code=code) for n, code in enumerate(CODES))
    told = await asyncio.gather(*finds, return_exceptions=True)
    assert sorted(str(e.code) for e in told if isinstance(e, sdk.Throttled)) == ["budget", "budget"]
    assert sum(each["price"] for each in registry.effects()) == Decimal("0.40")


async def test_a_lost_answer_is_counted_over_processes(registry: Registry) -> None:
    registry.wire.lose = 2
    with pytest.raises(sdk.Ambiguous):
        await registry.find(**HENGRUI)
    with pytest.raises(sdk.Rejected, match="unanswered"):
        await registry.find(**HENGRUI)
