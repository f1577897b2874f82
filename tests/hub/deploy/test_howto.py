"""The environment file of docs/howto/deploy.md is read, and its connections are what the connectors take."""

import re
from pathlib import Path

from hub.credentials import Vault
from hub.deploy import read_environment
from hub.deploy.environment import Environment, want
from hub.registry import Registry, discover
from hub.sdk import Text
from hub.sdk.home import HomeSystem
from hub.sdk.http import LOOPBACK

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "deploy.md"
GIVEN = {"KINGDEE_APP_SECRET": "s" * 32, "/run/secrets/partner": "whsec_" + "YWJj" * 10}


def test_the_environment_of_the_page_is_taken(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "prod.yaml").write_text(text, "utf-8")
    read = read_environment(tmp_path / "prod.yaml", {})
    registry = Registry(
        discover(), HomeSystem("crm", Text("客户", "CRM"), frozenset()), Vault(Vault.new_key()), LOOPBACK
    )
    environment = Environment(read.declared, read.document, lambda _, where: GIVEN[where])
    wanted = [want(registry, environment, place, {}) for place in environment.declared]
    assert [(each.place, each.references) for each in wanted] == [
        (("default", "kingdee"), {"app_secret": "env KINGDEE_APP_SECRET"}),
        (("default", "partner"), {"in_secret": "file /run/secrets/partner"}),
    ]
