"""`hub …` as a person types it, against a real database and a real sandbox."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.cli import COMMANDS, load
from hub.cli.demo import write_environment
from hub.cli.sandbox import words_of
from hub.credentials import Vault
from hub.domain.errors import ConfigError
from hub.embedded.postgres import Addresses
from hub.ledger.database import Unavailable
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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("/test_", "/nosuch_"), "没有数据库 nosuch_"),
        (("hub_app", "hub_nobody"), "refuses the login"),
        (("hub_owner", "hub_nobody"), "refuses the login"),
        (("host=/", "host=/nosuch/"), "cannot reach the database"),
        (("postgresql:", "http:"), "not the address of a database"),
    ],
)
def test_a_database_that_is_not_there_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], words: str
) -> None:
    commands = {"HUB_DATABASE_URL": ["plan", "releases"]}
    commands["HUB_OWNER_DATABASE_URL"] = ["db upgrade", "db tenant acme Acme"]
    for name, several in commands.items():
        changed = os.environ[name].replace(*change)
        if changed == os.environ[name]:
            continue
        monkeypatch.setenv(name, changed)
        for command in several:
            error = hub(*command.split()).exception
            assert isinstance(error, Unavailable)
            assert words in error.message
            assert name in error.hint.en


def test_a_database_without_tables_is_said_in_one_sentence_with_what_to_run(addresses: Addresses) -> None:
    program = [sys.executable, "-m", "hub"]
    empty = {"HUB_DATABASE_URL": addresses.app, "HUB_OWNER_DATABASE_URL": addresses.owner}
    for command in ("serve", "work", "plan", "deliveries list", "db tenant acme Acme"):
        ended = subprocess.run(
            [*program, *command.split()], env={**os.environ, **empty}, capture_output=True, text=True, timeout=60
        )
        said = (
            "数据库里还没有表 / the database has no tables yet 先运行 hub db upgrade。 / Run `hub db upgrade` first.\n"
        )
        assert (ended.returncode, ended.stderr, ended.stdout) == (1, said, ""), command


def test_an_installation_is_made_as_the_page_says(addresses: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs/howto/deploy.md").read_text("utf-8")
    monkeypatch.setenv("HUB_DATABASE_URL", addresses.app)
    monkeypatch.setenv("HUB_OWNER_DATABASE_URL", addresses.owner)
    monkeypatch.setenv("HUB_TENANT", "acme")
    first, further = ("db upgrade", "db tenant acme 示例公司"), ("keys create ops --scope admin", "plan")
    for command in (*first, *first, *further):
        assert f"hub {command}" in page
        assert hub(*command.split()).exit_code in (0, 2), command


def test_the_tenant_of_a_command_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    made = hub("keys", "create", "ci", "--scope", "crm:read", "--tenant", "demo").output
    key_id = made.split("_")[2]
    assert "no such key" in hub("keys", "revoke", key_id).output
    monkeypatch.setenv("HUB_TENANT", "demo")
    assert "HUB_TENANT=demo" in hub("config").output
    assert "revoked" in hub("keys", "revoke", key_id).output


def test_no_setting_names_a_command_that_is_not_there() -> None:
    named = re.findall(r"`hub ([a-z-]+)", hub("config").output)
    assert set(named) <= set(COMMANDS)
    assert "postgresql://role:password@host:port/database" in hub("config").output


def test_a_system_that_runs_is_pointed_at_by_a_file_for_the_shell(tmp_path: Path) -> None:
    file = tmp_path / "a folder" / "env"
    file.parent.mkdir()
    file.write_text("old", "utf-8")
    file.chmod(0o644)
    source = write_environment(file, {"HUB_TENANT": "demo", "HUB_SECRET_KEY": "it's a $secret"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shell = ["sh", "-c", f'{source.replace("source", ".")} && printf "%s|%s" "$HUB_TENANT" "$HUB_SECRET_KEY"']
    assert subprocess.run(shell, capture_output=True, text=True, check=True).stdout == "demo|it's a $secret"


def test_the_command_a_sandbox_prints_is_taken_by_a_hub_that_dials_no_inner_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HUB_EGRESS_ALLOW")
    with sandbox("kingdee", tmp_path) as kingdee:
        told = words_of("kingdee", {"url": kingdee.url, "credentials": kingdee.credentials})
        setting, program, *words = shlex.split(told.splitlines()[-1])
        refused = hub(*words, "--tenant", "demo")
        assert isinstance(refused.exception, ConfigError)
        assert "EgressDenied" in refused.exception.message
        assert "HUB_EGRESS_ALLOW" in refused.exception.hint.zh
        assert "重试" not in refused.exception.hint.zh
        assert program == "hub"
        monkeypatch.setenv(*setting.split("="))
        assert hub(*words, "--tenant", "demo").exit_code == 0


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
