"""Customers (客户联系): who is behind an external user id, seen by the member who follows them."""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from connectors.wecom.config import Config
from connectors.wecom.errors import UNCLEAR
from hub import sdk

GET = "/cgi-bin/externalcontact/get"
KINDS = {1: "wechat", 2: "wecom"}
GENDERS = {1: "male", 2: "female"}
PAGES = 20
ODD = (LookupError, TypeError, ValueError, AttributeError, OverflowError, OSError)


class Asked(BaseModel):
    """Whose card is wanted, and whose remark on it: without `user_id` the earliest follower's."""

    model_config = ConfigDict(extra="forbid")

    external_user_id: str = Field(min_length=1)
    user_id: str = ""


class Contact(sdk.Made):
    """A customer as one member knows them; `id` is the external user id, what is not told is empty.

    Attributes:
        company: the WeCom customer's own company, else the member's remark of it.
        kind: "wechat" or "wecom".
        gender: "male", "female" or "".
        owner: user id of the member whose remark, mobiles and tags these are; "" when nobody follows any more.
        added_at: ISO 8601 in UTC, when that member added them.
    """

    name: str
    company: str
    kind: str
    gender: str
    position: str
    owner: str
    remark: str
    mobiles: list[str]
    tags: list[str]
    added_at: str


async def fetch_contact(ctx: sdk.Context[Config], asked: Asked) -> Contact:
    """Read a customer's card. Reads only, so repeating is always safe (class A).

    Source: document 92114. A customer has up to 500 followers on a page; pages are turned until the wanted one is
    there. Raises Rejected for an id that is not this app's (84061, 40096), NeedsReauth without the right to customers.
    """
    card, follower, cursor = None, None, ""
    for _ in range(PAGES):
        page = await _page(ctx, asked.external_user_id, cursor)
        card = card or page.get("external_contact")
        follower = _nearer(follower, page.get("follow_user") or [], asked.user_id)
        cursor = page.get("next_cursor") or ""
        if not cursor or (asked.user_id and follower and follower.get("userid") == asked.user_id):
            break
    try:
        return _contact(card, follower or {})
    except ODD as error:
        raise sdk.Transient(f"{type(error).__name__}: {error}", code="shape", hint=UNCLEAR) from error


async def _page(ctx: sdk.Context[Config], customer: str, cursor: str) -> sdk.Json:
    more = {"cursor": cursor} if cursor else {}
    return await ctx.call("GET", GET, params={"external_userid": customer, **more})


def _nearer(found: sdk.Json, followers: sdk.Json, wanted: str) -> sdk.Json:
    """The wanted member if there, else whoever added the customer first."""
    known = [*([found] if found else []), *followers]
    return min(known, key=lambda each: (each.get("userid") != wanted, each.get("createtime", 0)), default=None)


def _contact(card: sdk.Json, follower: sdk.Json) -> Contact:
    added = follower.get("createtime")
    return Contact(
        id=card["external_userid"],
        name=card.get("name", ""),
        company=card.get("corp_full_name") or card.get("corp_name") or follower.get("remark_corp_name") or "",
        kind=KINDS.get(card.get("type"), ""),
        gender=GENDERS.get(card.get("gender"), ""),
        position=card.get("position", ""),
        owner=follower.get("userid", ""),
        remark=follower.get("remark", ""),
        mobiles=[mobile for mobile in follower.get("remark_mobiles") or [] if mobile],
        tags=[tag["tag_name"] for tag in follower.get("tags") or []],
        added_at=datetime.fromtimestamp(added, UTC).isoformat() if added else "",
    )
