"""What is known of every event before any came: by models, by actions, by fixtures."""

from core_crm import home
from hub.credentials import Vault
from hub.mapping.checks.types import said
from hub.mapping.shapes.shape import EMPTY, learn
from hub.registry import Registry, discover
from hub.registry.told import told_streams
from hub.sdk.http import LOOPBACK

STREAMS = told_streams(Registry(discover(), home, Vault(Vault.new_key()), LOOPBACK))


def kind(event: str, *path: str) -> str:
    found = STREAMS.told[event]
    for step in path:
        inner = found.items if step == "[]" else found.child(step)
        assert inner is not None
        found = inner
    return said(found).en


def test_what_is_known_of_events() -> None:
    assert kind("crm.contract.approved", "contract", "lines", "[]", "amount") == "decimal"
    assert kind("kingdee.receivable.audited", "payload", "lines", "[]", "amount") == "decimal"
    assert kind("enrichment.company.read", "result", "registered_capital") == "decimal or null"
    assert kind("kingdee.receipt.booked", "amount") == "decimal"
    assert kind("wecom.message.archived", "consent") == "boolean"


def test_what_is_declared_is_certain_and_what_was_seen_is_not() -> None:
    assert STREAMS.told["crm.contract.approved"].sure
    assert STREAMS.told["kingdee.receivable.audited"].sure
    assert not STREAMS.told["kingdee.receipt.booked"].sure


def test_what_came_since_is_learned_beside_the_fixtures() -> None:
    shape = learn(EMPTY, {"amount": 1, "extra": "x"})
    learned = STREAMS.learned({"kingdee.receipt.booked": shape, "crm.contract.approved": shape}).told
    assert said(learned["kingdee.receipt.booked"].fields["amount"]).en == "decimal or integer"
    assert said(learned["kingdee.receipt.booked"].fields["extra"]).en == "text or null"
    assert learned["crm.contract.approved"] == STREAMS.told["crm.contract.approved"]
