"""docs/howto/write-a-mapping.md, followed literally: its files beside those that are shipped."""

import json
import re
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from core_crm.shapes import NewContract, NewCustomer
from hub.cli import load
from hub.cli.fields import offline
from hub.credentials import Vault
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.flows import Catalogue
from hub.mapping.expressions.expression import Expression
from hub.registry.told import told_streams

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "write-a-mapping.md").read_text("utf-8")
FILES = dict(re.findall(r"`mappings/(\S+\.yaml)`\n\n```yaml\n(.*?)```", PAGE, re.DOTALL))
HOWTOS = sorted((ROOT / "docs" / "howto").glob("*.md"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped mappings, with the page's own files written among them."""
    made = Path(shutil.copytree(ROOT / "mappings", tmp_path / "mappings"))
    for name, text in FILES.items():
        assert not (made / name).exists(), f"{name} is shipped already"
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return made


def hub(*words: str) -> Result:
    return CliRunner().invoke(load(words[0]), list(words))


def test_every_file_of_the_page_can_be_copied() -> None:
    assert {Path(name).parts[0] for name in FILES} == {"crm", "tables", "flows"}
    assert PAGE.count("```yaml") == len(FILES)
    for command in ("test", "check"):
        done = hub("mappings", command)
        assert done.exit_code == 0, done.output
    assert "✕" not in done.output


def test_the_page_can_be_planned(migrated: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"DATABASE_URL": migrated.app, "REDIS_URL": "redis://127.0.0.1:1/0", "SECRET_KEY": Vault.new_key()}
    for name, value in told.items():
        monkeypatch.setenv(f"HUB_{name}", value)
    done = hub("plan", "--json")
    assert done.exit_code == 2, (done.output, done.exception)
    assert set(FILES) <= {change["name"] for change in json.loads(done.stdout)["changes"]}


def test_the_flow_of_the_page_owes_what_the_page_says(folder: Path) -> None:
    registry = offline()
    actions = {name: action.input for name, action in registry.actions.items()}

    catalogue = Catalogue.load(folder, actions, registry.events, told_streams(registry))

    data = {"contract": {"id": "ctr_1", "amount": Decimal("0.30")}, "customer": {"id": "cus_1"}}
    event = Event("evt_1", "demo", "crm", "contract.approved", "ctr_1", datetime(2026, 11, 28, tzinfo=UTC), data)
    (owed,) = [each for each in catalogue.plan(event) if each.connection == "invoices"]
    assert (owed.action, owed.lane, owed.record) == ("webhook.send_event", "cus_1", "ctr_1")
    assert catalogue.mapping(owed.mapping).name == "crm.contract__webhook.invoice"


def test_the_rule_of_quoting_is_true() -> None:
    (line,) = re.findall(r"`` (take: \"tax_out.*?) ``", PAGE)
    assert Expression(yaml.safe_load(line)["take"]).search({"amount": Decimal("113.00")}) == Decimal("100.00")


def test_the_bodies_of_the_page_are_taken() -> None:
    bodies = re.findall(r"^post (/\S+) '(.*?)'$", PAGE, re.DOTALL | re.MULTILINE)
    assert [path for path, _ in bodies] == ["/customers", "/contracts", "/contracts/合同ID/submit"]
    NewCustomer.model_validate(json.loads(bodies[0][1]))
    assert NewContract.model_validate(json.loads(bodies[1][1])).total == Decimal("200.00")


@pytest.mark.parametrize("page", HOWTOS, ids=lambda page: page.stem)
def test_every_howto_says_where_hub_is(page: Path) -> None:
    head = page.read_text("utf-8").partition("```")[0]
    assert "先执行 `export PATH=$PWD/.venv/bin:$PATH` / first put .venv/bin on PATH。" in head
