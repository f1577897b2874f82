"""Sealed secrets open only where they were sealed."""

import pytest

from hub.credentials import Vault
from hub.domain.errors import ConfigError


def test_a_secret_opens_in_its_own_place_only() -> None:
    vault = Vault(Vault.new_key())
    sealed = vault.seal("应用密钥", "demo", "kingdee", "app_secret")
    assert "应用密钥" not in sealed
    assert vault.open(sealed, "demo", "kingdee", "app_secret") == "应用密钥"
    for place in (("other", "kingdee", "app_secret"), ("demo", "dingtalk", "app_secret"), ("demo", "kingdee", "x")):
        with pytest.raises(ConfigError):
            vault.open(sealed, *place)
    with pytest.raises(ConfigError):
        Vault(Vault.new_key()).open(sealed, "demo", "kingdee", "app_secret")


@pytest.mark.parametrize("key", ["", "short", "c2hvcnQ="])
def test_a_missing_or_short_key_refuses_the_start(key: str) -> None:
    with pytest.raises(ConfigError, match="HUB_SECRET_KEY"):
        Vault(key)
