"""The corp behind the fake WeCom: its members, its customers and who follows them, the notices it got."""

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

AGENT, AGENT_NAME = 1000002, "连枢"
MEMBERS = ("zhangsan", "lisi")
UNLICENSED = ("wangwu",)
Json = dict[str, Any]


class RefusedError(Exception):
    """A refusal: errcode and errmsg, under HTTP 200."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(slots=True)
class Customer:
    """One external contact: its card, and by member what that member wrote about it."""

    card: Json
    followers: dict[str, Json] = field(default_factory=dict)


@dataclass(slots=True)
class Office:
    """All customers and notices. `page` is how many followers are told at once."""

    page: int = 500
    customers: dict[str, Customer] = field(default_factory=dict)
    notices: list[Json] = field(default_factory=list)

    def add(self, asked: Json) -> str:
        """A member adds a customer, a new one or one that others follow; returns its external user id."""
        customer_id = asked.get("external_user_id") or f"wm{uuid4().hex[:30]}"
        card = {"external_userid": customer_id, "name": asked["name"], "avatar": "", "type": 1, "gender": 1}
        customer = self.customers.setdefault(customer_id, Customer(card))
        customer.followers[asked["user_id"]] = {
            "userid": asked["user_id"],
            "remark": asked.get("remark", ""),
            "description": "",
            "createtime": asked.get("createtime", int(time.time())),
            "tags": [{"group_name": "客户等级", "tag_name": t, "tag_id": f"et{t}", "type": 1} for t in _tags(asked)],
            "remark_corp_name": asked.get("corp_name", ""),
            "remark_mobiles": [asked["mobile"]] if asked.get("mobile") else [],
            "oper_userid": asked["user_id"],
            "add_way": 1,
            "state": asked.get("state", ""),
        }
        return customer_id

    def follower(self, asked: Json) -> Json:
        """What a member wrote about a customer, to be changed in place."""
        return self.find(asked["external_user_id"]).followers[asked["user_id"]]

    def part(self, asked: Json) -> None:
        """Member and customer part; whoever has no follower left is no customer any more."""
        self.find(asked["external_user_id"]).followers.pop(asked["user_id"])

    def find(self, customer_id: str) -> Customer:
        """The customer of an id."""
        if customer_id not in self.customers:
            raise RefusedError(40096, "invalid external userid")
        return self.customers[customer_id]

    def card(self, customer_id: str, cursor: str) -> Json:
        """One page of GET externalcontact/get; the cursor is opaque to clients."""
        customer = self.find(customer_id)
        if not customer.followers:
            raise RefusedError(84061, "not external contact")
        first = _opened(cursor)
        followers = list(customer.followers.values())
        told: Json = {"external_contact": customer.card, "follow_user": followers[first : first + self.page]}
        if first + self.page < len(followers):
            told["next_cursor"] = f"c{first + self.page:x}"
        return told

    def of(self, member: str) -> list[str]:
        """The customers of a member."""
        if member not in MEMBERS:
            raise RefusedError(60111, "userid not found")
        found = [customer_id for customer_id, customer in self.customers.items() if member in customer.followers]
        if not found:
            raise RefusedError(84061, "not external contact")
        return found

    def post(self, asked: Json) -> tuple[Json, bool]:
        """POST message/send: the answer, and whether it went out (a repeat within its interval does not)."""
        if asked.get("agentid") != AGENT:
            raise RefusedError(40056, "invalid agentid")
        if asked.get("msgtype") != "text":
            raise RefusedError(40008, "invalid message type")
        content = (asked.get("text") or {}).get("content", "")
        if not content:
            raise RefusedError(44004, "text content is empty")
        to = [*MEMBERS] if asked.get("touser") == "@all" else str(asked.get("touser") or "").split("|")
        answer = {
            "invaliduser": "|".join(who for who in to if who not in (*MEMBERS, *UNLICENSED)),
            "invalidparty": "",
            "invalidtag": "",
            "unlicenseduser": "|".join(who for who in to if who in UNLICENSED),
        }
        reached = [who for who in to if who in MEMBERS]
        if not reached:
            raise RefusedError(81013, "user & party & tag all invalid")
        return self._sent(answer, asked, reached, content)

    def _sent(self, answer: Json, asked: Json, reached: list[str], content: str) -> tuple[Json, bool]:
        since = time.time() - int(asked.get("duplicate_check_interval", 1800))
        if asked.get("enable_duplicate_check") == 1:
            for notice in self.notices:
                if (notice["to"], notice["content"]) == (reached, content) and notice["at"] >= since:
                    return {**answer, "msgid": notice["msgid"]}, False
        notice = {"msgid": uuid4().hex, "to": reached, "content": content, "at": int(time.time())}
        self.notices.append(notice)
        return {**answer, "msgid": notice["msgid"]}, True


def _tags(asked: Json) -> list[str]:
    return list(asked.get("tags", []))


def _opened(cursor: str) -> int:
    try:
        return int(cursor.removeprefix("c"), 16) if cursor else 0
    except ValueError as error:
        raise RefusedError(50100, "invalid cursor") from error
