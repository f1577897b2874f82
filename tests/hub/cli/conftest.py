"""What every command's test needs: settings that point at this test's database."""

from pathlib import Path

import pytest

from hub.credentials import Vault
from hub.embedded.postgres import Addresses

MAPPINGS = Path(__file__).parents[3] / "mappings"


@pytest.fixture
def hub_of_this_test(migrated: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped mappings over this test's database, without Redis; loopback may be called."""
    told = {
        "HUB_DATABASE_URL": migrated.app,
        "HUB_REDIS_URL": "redis://127.0.0.1:1/0",
        "HUB_SECRET_KEY": Vault.new_key(),
        "HUB_MAPPINGS_DIR": str(MAPPINGS),
        "HUB_EGRESS_ALLOW": "127.0.0.0/8",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HUB_API_KEY", raising=False)
