"""`hub …` as a person types it, against a real database and a real sandbox."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.cli import COMMANDS, load
from hub.credentials import Vault
from hub.embedded.postgres import Addresses
from hub.registry import load_connector
from hub.settings import Settings
from tests.connectors.sandboxes import sandbox


@pytest.fixture(autouse=True)
def _environment(migrated: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "HUB_DATABASE_URL": migrated.app,
        "HUB_OWNER_DATABASE_URL": migrated.owner,
        "HUB_REDIS_URL": "redis://127.0.0.1:1/0",
        "HUB_SECRET_KEY": Vault.new_key(),
        "HUB_EGRESS_ALLOW": "127.0.0.0/8",
        "HUB_MAPPINGS_DIR": str(Path(__file__).parents[3] / "mappings"),
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)


def hub(*words: str) -> Result:
    return CliRunner().invoke(load(words[0]), list(words))


def test_every_command_has_a_help_in_both_languages() -> None:
    for command in COMMANDS:
        told = hub(command, "--help")
        assert told.exit_code == 0, command
        assert any("一" <= letter <= "鿿" for letter in told.output), command


def test_the_settings_are_printed_with_secrets_masked() -> None:
    told = json.loads(hub("config", "--json").output)
    assert told["egress_allow"] == ["127.0.0.0/8"]
    secret = Settings().secret_key.get_secret_value()
    for words in (("config",), ("config", "--json")):
        assert secret not in hub(*words).output
        assert Settings().database_url.get_secret_value() not in hub(*words).output


def test_a_connection_is_probed_before_it_is_saved(tmp_path: Path) -> None:
    with sandbox("kingdee", tmp_path) as kingdee:
        given = {**kingdee.credentials, "app_secret": "0" * 32}
        refused = hub("connections", "add", "kingdee", "--tenant", "demo", *sets(given))
        assert refused.exit_code != 0
        assert json.loads(hub("connections", "list", "--tenant", "demo", "--json").output) == []
        saved = hub("connections", "add", "kingdee", "--tenant", "demo", *sets(kingdee.credentials))
        assert saved.exit_code == 0, saved.output
        (listed,) = json.loads(hub("connections", "list", "--tenant", "demo", "--json").output)
        assert (listed["name"], listed["state"]) == ("kingdee", "ok")
        (probed,) = json.loads(hub("connections", "probe", "kingdee", "--tenant", "demo", "--json").output)
        assert probed["ok"] is True


def test_a_connection_is_asked_for_field_by_field_and_a_wrong_one_again(tmp_path: Path) -> None:
    with sandbox("dingtalk", tmp_path) as dingtalk:
        fields = load_connector("dingtalk").config.model_fields
        right = [dingtalk.credentials.get(name, "") for name in fields]
        typed = [("not a number" if name == "dept_id" else value) for name, value in zip(fields, right, strict=True)]
        command = ["connections", "add", "dingtalk", "--tenant", "demo"]
        told = CliRunner().invoke(load("connections"), command, input="\n".join([*typed, "-1", ""]))
        assert told.exit_code == 0, told.output
        assert "✕" in told.output
        assert "/hooks/demo.dingtalk" in told.output
        assert dingtalk.credentials["app_secret"] not in told.output


def test_a_wrong_field_is_named_and_its_value_is_not_echoed() -> None:
    refused = hub("connections", "add", "kingdee", "--tenant", "demo", "--set", "app_secrett=canary-1")
    assert refused.exit_code != 0
    assert "app_secrett" in str(refused.exception)
    assert "canary-1" not in str(refused.exception)


def test_keys_are_made_and_ended() -> None:
    made = hub("keys", "create", "ci", "--scope", "crm:read", "--tenant", "demo").output.strip()
    assert made.startswith("hub_demo_")
    key_id = made.split("_")[2]
    assert "revoked" in hub("keys", "revoke", key_id, "--tenant", "demo").output
    assert "no such key" in hub("keys", "revoke", key_id, "--tenant", "demo").output


def test_an_unknown_delivery_is_told_as_such() -> None:
    assert json.loads(hub("deliveries", "list", "--tenant", "demo", "--json").output) == []
    for command in ("show", "replay", "cancel"):
        told = hub("deliveries", command, "dlv_nothing", "--tenant", "demo")
        assert told.exit_code != 0
        assert "dlv_nothing" in str(told.exception)


def sets(values: dict[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]
