"""App messages (应用消息): a text to members, sent once; what is in doubt is asked of a person."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from connectors.wecom.config import Config
from connectors.wecom.errors import RECEIVERS
from hub import sdk

SEND = "/cgi-bin/message/send"
MARGIN = timedelta(minutes=5)
BUSY = ("-1", "6000")


class Notice(BaseModel):
    """Who is told what. `to`: user ids, or "@all" alone; `content`: at most 2 048 bytes, longer texts are cut there."""

    model_config = ConfigDict(extra="forbid")

    to: list[str] = Field(min_length=1, max_length=1000)
    content: str = Field(min_length=1)


class Sent(sdk.Made):
    """`id` is WeCom's msgid; `unreached` are the user ids that got nothing (unknown, out of sight, unlicensed)."""

    unreached: list[str]


async def send_text(ctx: sdk.Context[Config], notice: Notice) -> Sent:
    """Send a text from the app.

    Class D: WeCom takes no idempotency key. Its duplicate check (same text, same receivers) makes a repeat harmless
    for at most four hours (`duplicate_check_hours`); so a doubt within that time is told as Transient and repeated,
    and a doubt that outlives it is Ambiguous: never repeated by itself, a person says whether it arrived. The first
    doubt's instant is kept in the connection's memory; it is forgotten when it is handed over, so that a person's
    "send it" is heard. A hub that dies in mid-send asks a person at once.

    The same check makes WeCom drop a second, intended notice of the same text within that time: put a number in it.

    Raises Rejected when nobody can be reached, or the content is refused.
    """
    await _stop_in_old_doubt(ctx)
    try:
        answer = await ctx.call("POST", SEND, json=_message(ctx.config, notice))
    except sdk.VendorError as error:
        raise await _weighed(ctx, error) from error
    unreached = [who for key in ("invaliduser", "unlicenseduser") for who in _listed(answer.get(key))]
    if notice.to != ["@all"] and not set(notice.to) - set(unreached):
        raise sdk.Rejected(f"nobody reached: {', '.join(unreached)}", code="nobody", hint=RECEIVERS)
    return Sent(id=str(answer.get("msgid", "")), unreached=list(dict.fromkeys(unreached)))


def _message(config: Config, notice: Notice) -> sdk.Json:
    hours = config.duplicate_check_hours
    check = {"enable_duplicate_check": 1, "duplicate_check_interval": hours * 3600} if hours else {}
    return {
        "touser": "|".join(notice.to),
        "msgtype": "text",
        "agentid": config.agent_id,
        "text": {"content": notice.content},
        "safe": 0,
        **check,
    }


def _listed(joined: str | None) -> list[str]:
    return [who for who in (joined or "").split("|") if who]


async def _stop_in_old_doubt(ctx: sdk.Context[Config]) -> None:
    since = await ctx.memory.recall(_doubt(ctx))
    if since and ctx.now - datetime.fromisoformat(since) >= _harmless_for(ctx.config):
        await ctx.memory.forget(_doubt(ctx))
        raise sdk.Ambiguous(f"in doubt since {since}", code="doubt", hint=ASK)


async def _weighed(ctx: sdk.Context[Config], error: sdk.VendorError) -> sdk.VendorError:
    """The error as it is, or Transient when the message may be out and sending it again is harmless."""
    if not isinstance(error, sdk.Ambiguous) and error.code not in BUSY:
        return error
    doubt = sdk.Ambiguous(error.message, code=error.code, hint=ASK, answer=error.answer)
    if _harmless_for(ctx.config) <= timedelta(0):
        return doubt
    try:
        since = await ctx.memory.recall(_doubt(ctx)) or ctx.now.isoformat()
        await ctx.memory.keep(_doubt(ctx), since)
    except sdk.Transient:
        return doubt
    return sdk.Transient(error.message, code=error.code, hint=AGAIN, answer=error.answer)


def _harmless_for(config: Config) -> timedelta:
    return timedelta(hours=config.duplicate_check_hours) - MARGIN


def _doubt(ctx: sdk.Context[Config]) -> str:
    return f"doubt:{ctx.key}"


ASK = sdk.Text(
    "消息可能已经发出：问一下收件人。收到了就标记完成，没收到就重发。",
    "It may have been sent: ask a receiver, then mark it done or send it again.",
)
AGAIN = sdk.Text(
    "没有得到回答：会自动重发，企业微信的重复消息检查保证只到一次。",
    "No answer came: it is sent again by itself, and WeCom's duplicate check lets it arrive once.",
)
