"""The how-to's own mapping and flow load and do what the page says."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hub.domain.event import Event
from hub.flows import Catalogue

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "write-a-mapping.md"


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    amount: Decimal


class Invoice(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: str
    buyer: str
    tax_id: str = ""
    currency: str
    total: str
    words: str
    kind: str
    lines: list[Line]


def test_the_files_of_the_page_load_and_plan(tmp_path: Path) -> None:
    files = re.findall(r"`mappings/(\S+\.yaml)`\n\n```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for name, text in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")

    catalogue = Catalogue.load(tmp_path, {"acme.invoice": Invoice}, {"crm": frozenset({"contract.approved"})})

    data = {"contract": {"id": "ctr_1", "amount": Decimal("0.30")}, "customer": {"id": "cus_1"}}
    event = Event("evt_1", "demo", "crm", "contract.approved", "ctr_1", datetime(2026, 11, 28, tzinfo=UTC), data)
    (owed,) = catalogue.plan(event)
    assert (owed.connection, owed.lane, owed.record) == ("acme-shanghai", "cus_1", "ctr_1")
    assert catalogue.mapping(owed.mapping).target == "acme.invoice"
