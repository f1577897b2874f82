"""What happens around the demo's main job: a registry, a chat, a mail and a second finance system."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from hub.cli.story import ADDRESS, BUYER, CREDIT_CODE, CUSTOMER, MOBILE, PATIENCE_S, Office
from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.sdk.exact import Json, dumps

STAFF = "zhangsan"
MAIL = {
    "from": f"{BUYER} <{ADDRESS}>",
    "subject": "关于数控设备采购合同",
    "text": "您好：\n\n合同条款已确认，附件是盖章页。\n\n李工",
    "attachments": [{"name": "盖章页.txt", "content_type": "text/plain", "text": "（盖章）"}],
}
CHAT = "合同收到了，这周安排付款。"


@dataclass(slots=True)
class Scenery:
    """What the CRM shows of these scenes: the customer with its registry facts, and its timeline."""

    customer: Json = None
    timeline: list[Json] = field(default_factory=list)

    @property
    def kinds(self) -> set[str]:
        """Kinds of interactions on the timeline."""
        return {each["kind"] for each in self.timeline}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The people behind the other vendors' screens."""

    wecom: httpx.AsyncClient
    email: httpx.AsyncClient


async def play_scenes(office: Office, neighbours: Neighbours, tell: Callable[[str], None]) -> Scenery:
    """The customer's buyer is added in WeCom, chats and mails; wait until all of it is on the customer.

    Raises ConfigError when it does not come within a minute.
    """
    added = {"name": BUYER, "remark": f"采购{BUYER}", "user_id": STAFF, "corp_name": CUSTOMER, "mobile": MOBILE}
    known = await _act(neighbours.wecom, "/_sandbox/add_customer", added)
    buyer = known["external_user_id"]
    await _act(neighbours.wecom, "/_sandbox/agree", {"external_user_id": buyer, "user_id": STAFF})
    said = {"kind": "text", "from": buyer, "to": [STAFF], "text": CHAT}
    await _act(neighbours.wecom, "/_sandbox/archive", {"say": [said]})
    await _act(neighbours.email, "/_sandbox/deliver", MAIL)
    scenery = await _seen(office, tell)
    await _quiet(office)
    return scenery


async def _quiet(office: Office) -> None:
    """Wait until nothing is owed any more."""
    ends = time.monotonic() + PATIENCE_S
    while await office.all("/deliveries", state=["pending", "claimed", "sending", "waiting"]):
        if time.monotonic() > ends:
            return  # the report names what is not done
        await asyncio.sleep(0.2)


async def _seen(office: Office, tell: Callable[[str], None]) -> Scenery:
    scenery, ends = Scenery(), time.monotonic() + PATIENCE_S
    (first,) = [c for c in await office.all("/customers") if c["credit_code"] == CREDIT_CODE]
    while time.monotonic() < ends:
        scenery.customer = await office.get(f"/customers/{first['id']}")
        scenery.timeline = await office.all("/interactions", customer_id=first["id"])
        tell(f"登记 / registry: {scenery.customer['registry']}, 时间线 / timeline: {sorted(scenery.kinds)}")
        if scenery.customer["registry"] and scenery.kinds >= {"chat", "email"}:
            return scenery
        await asyncio.sleep(0.2)
    hint = Text("用 hub deliveries list 查看停在哪里。", "See where it stands with `hub deliveries list`.")
    raise ConfigError(f"registry, chat and mail did not all come: {sorted(scenery.kinds)}", hint=hint)


async def _act(vendor: httpx.AsyncClient, path: str, body: Json) -> Json:
    """Somebody does something on the vendor's own screens."""
    answer = await vendor.post(path, content=dumps(body).encode(), headers={"content-type": "application/json"})
    if answer.status_code >= 300:
        raise ConfigError(f"{path}: http {answer.status_code} {answer.text[:300]}")
    return answer.json()
