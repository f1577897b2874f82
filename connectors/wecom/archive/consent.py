"""Did the customer agree to be archived? Asked of WeCom before anything that was said is stored.

A chat of two: check_single_agree for its pairs; a room with customers: check_room_agree, and every customer who
takes part in the message must have agreed. Between members no consent is needed. "Agree" is a yes; whether
"Default_Agree" occurs is uncertain, and whether it counts is a setting (by default it does not). Answers are
remembered for five minutes; a message that says "agree" or "disagree" makes them forgotten.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from connectors.wecom.archive.messages import Said
from connectors.wecom.archive.refusals import REJECTS_SECRET, SECRET
from connectors.wecom.config import Config
from connectors.wecom.tokens import AppToken
from hub import sdk

PERMITTED = "/cgi-bin/msgaudit/get_permit_user_list"
SINGLE, ROOM = "/cgi-bin/msgaudit/check_single_agree", "/cgi-bin/msgaudit/check_room_agree"
MOST = 100
UNKNOWN_PERSON = "301061"
LASTS = timedelta(minutes=5)
Pair = tuple[str, str]


class ArchiveToken(AppToken):
    """The archive has a secret of its own, and so a token of its own beside the app's."""

    kept = "archive token"


def sign_in(ctx: sdk.Context[Config]) -> ArchiveToken:
    """The archive's sign-in, its token shared through the connection's memory."""
    config = ctx.config.model_copy(update={"secret": ctx.config.archive_secret})
    return ArchiveToken(config, sdk.AuthKit(lambda: ctx.now.timestamp(), ctx.redact.learn, ctx.memory))


class Consent:
    """What is known of the messages of one page."""

    def __init__(self, ctx: sdk.Context[Config]) -> None:
        self._ctx = ctx
        self._auth = sign_in(ctx)
        self._agreed: dict[Pair, bool] = {}

    async def ask(self, page: Sequence[Said]) -> None:
        """Learn all that this page needs; a customer's own yes or no in it makes older answers forgotten."""
        for said in page:
            if said.kind in ("agree", "disagree"):
                for pair in pairs(said):
                    await self._ctx.memory.forget(_name(pair))
        wanted = dict.fromkeys(pair for said in page if _needs(said) for pair in pairs(said))
        unknown = [pair for pair in wanted if not await self._recall(pair)]
        singles = [pair for pair in unknown if not pair[0].startswith("room ")]
        for first in range(0, len(singles), MOST):
            await self._single(singles[first : first + MOST])
        for room in dict.fromkeys(pair[0] for pair in unknown if pair[0].startswith("room ")):
            await self._room(room, [pair for pair in unknown if pair[0] == room])

    def given(self, said: Said) -> bool:
        """Whether what was said may be stored; after `ask`."""
        if said.kind in ("agree", "disagree"):
            return said.kind == "agree"
        if not said.customers:
            return not said.outside
        asked = pairs(said)
        return bool(asked) and all(self._agreed.get(pair, False) for pair in asked)

    async def check(self) -> None:
        """A harmless call with the archive's secret; NeedsReauth when it is not good."""
        await self._post(PERMITTED, {})

    async def _recall(self, pair: Pair) -> bool:
        known = await self._ctx.memory.recall(_name(pair))
        if known is not None:
            self._agreed[pair] = bool(known)
        return known is not None

    async def _single(self, asked: list[Pair]) -> None:
        info = [{"userid": member, "exteranalopenid": customer} for member, customer in asked]
        try:
            rows = await self._call(SINGLE, {"info": info})
        except sdk.Rejected as error:
            if error.code != UNKNOWN_PERSON:
                raise
            if len(asked) > 1:  # one stranger spoils them all
                for pair in asked:
                    await self._single([pair])
                return
            rows = []
        await self._learn(asked, {(str(row["userid"]), str(row["exteranalopenid"])) for row in rows if self._yes(row)})

    async def _room(self, room: str, asked: list[Pair]) -> None:
        rows = await self._call(ROOM, {"roomid": room.removeprefix("room ")})
        await self._learn(asked, {(room, str(row["exteranalopenid"])) for row in rows if self._yes(row)})

    async def _learn(self, asked: Iterable[Pair], agreed: set[Pair]) -> None:
        for pair in asked:
            self._agreed[pair] = pair in agreed
            await self._ctx.memory.keep(_name(pair), pair in agreed, LASTS)

    def _yes(self, row: dict[str, sdk.Json]) -> bool:
        status = row.get("agree_status")
        return status == "Agree" or (status == "Default_Agree" and self._ctx.config.archive_default_agree)

    async def _call(self, path: str, body: sdk.Json) -> list[dict[str, sdk.Json]]:
        return list((await self._post(path, body))["agreeinfo"])

    async def _post(self, path: str, body: sdk.Json) -> sdk.Json:
        try:
            return await self._ctx.call("POST", path, json=body, reads=True, auth=self._auth)
        except sdk.NeedsReauth as error:
            if error.code not in REJECTS_SECRET:
                raise
            raise sdk.NeedsReauth(error.message, code=error.code, hint=SECRET, answer=error.answer) from error


def pairs(said: Said) -> list[Pair]:
    """Whom to ask about: (member, customer) in a chat of two, ("room …", customer) in a room."""
    places = [f"room {said.room}"] if said.room else said.ours
    return [(place, customer) for place in places for customer in said.customers]


def _needs(said: Said) -> bool:
    return said.kind not in ("agree", "disagree")


def _name(pair: Pair) -> str:
    return f"agreed {pair[0]} {pair[1]}"
