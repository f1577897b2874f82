"""The action: a mail handed in once, and how it is found again when nobody heard the answer."""

from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import aiosmtplib
from imap_tools.errors import ImapToolsError

from connectors.email import errors
from connectors.email.compose import Letter, compose, message_id
from connectors.email.config import Config
from connectors.email.ids import read_ids
from connectors.email.imap import Mailbox, RefusedError, day
from connectors.email.mime import read_part
from connectors.email.session import with_mailbox
from connectors.email.smtp import UNHEARD, Line, post_office, refusal
from hub import sdk

SETTLED = timedelta(minutes=2)
LOOK_BACK = timedelta(days=2)
KEPT = timedelta(days=90)
MOST_HEADERS = 50
LAST_ANSWER_S = 60


class Sent(sdk.Made):
    """A mail the server took; `id` is its Message-ID without brackets.

    Attributes:
        refused: recipients the server did not take while it took others.
        at: ISO 8601 in UTC, when it was sent, or when it was found in the Sent folder.
    """

    refused: list[str]
    at: str


async def send_mail(ctx: sdk.Context[Config], letter: Letter) -> Sent:
    """Send one mail from the connection's address.

    Class C: the Message-ID is made of the delivery's key, so after doubt the mail is looked for in the Sent folder
    before it is sent again. A recipient who is refused is told in `refused`; when all are, the mail is Rejected.

    Raises Transient or Throttled when the server did not take it, Rejected when it never will, NeedsReauth when it
    refuses the login, Ambiguous when its last answer was not heard.
    """
    if await ctx.memory.recall(_doubt(ctx)) and (found := await find_mail(ctx, letter)):
        return found
    known = message_id(ctx.key, ctx.config.address)
    raw = compose(ctx.config, letter, known, ctx.now)
    async with post_office(ctx) as line:
        refused = await _address(ctx, line, letter, raw)
        await _hand_in(ctx, line, raw)
    if ctx.config.save_sent == "append" and ctx.config.imap_host:
        await _file(ctx, raw)
    return Sent(id=known, refused=refused, at=ctx.now.isoformat())


async def _address(ctx: sdk.Context[Config], line: Line, letter: Letter, raw: bytes) -> list[str]:
    """Name sender and recipients; the refused ones. Nothing is sent yet, so a passing no to one of them waits."""
    refused: list[aiosmtplib.SMTPRecipientRefused] = []
    everyone = list(dict.fromkeys((*letter.to, *letter.cc)))
    try:
        size = [f"size={len(raw)}"] if line.supports_extension("size") else []
        await line.mail(ctx.config.address, options=size)
        for each in everyone:
            try:
                await line.rcpt(each)
            except aiosmtplib.SMTPRecipientRefused as error:
                refused.append(error)
    except aiosmtplib.SMTPResponseException as error:
        raise refusal(ctx, error.code, error.message) from error
    except UNHEARD as error:
        words = f"smtp_host {ctx.config.smtp_host}: {type(error).__name__}: {error}"
        raise sdk.Transient(words, code="connection", hint=errors.BUSY) from error
    noes = [refusal(ctx, each.code, f"{each.recipient}: {each.message}", recipient=True) for each in refused]
    for no in noes:
        if len(noes) == len(everyone) or not isinstance(no, sdk.Rejected):
            raise no
    return [each.recipient for each in refused]


async def _hand_in(ctx: sdk.Context[Config], line: Line, raw: bytes) -> None:
    if not ctx.alive():
        raise sdk.NotReady("the lease lapsed before anything was sent", code="lease", hint=errors.BUSY)
    try:
        await line.data(raw, timeout=LAST_ANSWER_S)
    except aiosmtplib.SMTPDataError as error:
        raise refusal(ctx, error.code, error.message) from error
    except UNHEARD as error:
        with suppress(sdk.Transient):
            await ctx.memory.keep(_doubt(ctx), ctx.now.isoformat(), KEPT)
        hint = errors.LATER if ctx.config.imap_host else errors.UNKNOWN
        raise sdk.Ambiguous(f"no answer to the mail: {error}", code="unheard", hint=hint) from error


async def _file(ctx: sdk.Context[Config], raw: bytes) -> None:
    """Put a copy into the Sent folder; when that fails the mail is sent all the same, and the attempt says so."""

    def append(mailbox: Mailbox) -> None:
        mailbox.append(raw, mailbox.sent_folder(ctx.config.sent_folder) or "Sent", flag_set="\\Seen")

    try:
        await with_mailbox(ctx, append)
    except sdk.VendorError as error:
        ctx.note("IMAP", "append", answer=f"已发出，但没能存入已发送 / sent, but not filed: {error}")


async def find_mail(ctx: sdk.Context[Config], _letter: Letter) -> Sent | None:
    """The mail of this delivery, if it is in the Sent folder; None when it may be sent (again). Reads only.

    It is taken for not sent when the folder lacks it two minutes after the first doubt. Where the Sent folder tells
    nothing (there is none, or only we file mail there), a person is asked: Rejected, and sent when it is replayed two
    minutes later or more.

    Raises Ambiguous while it is not known.
    """
    try:
        return await _found(ctx)
    except (sdk.Transient, sdk.Throttled, sdk.NotReady) as error:
        raise sdk.Ambiguous(error.message, code=error.code, hint=errors.LATER) from error


async def _found(ctx: sdk.Context[Config]) -> Sent | None:
    if asked := await ctx.memory.recall(_asked(ctx)):
        await _answered(ctx, asked)
        return None
    since = await ctx.memory.recall(_doubt(ctx))
    if since is None:
        since = ctx.now.isoformat()
        await ctx.memory.keep(_doubt(ctx), since, KEPT)
    known = message_id(ctx.key, ctx.config.address)
    found = await _search(ctx, known) if ctx.config.imap_host else None
    if found:
        await _forget(ctx)
        return Sent(id=known, refused=[], at=ctx.now.isoformat())
    if found is None or ctx.config.save_sent == "append":
        await ctx.memory.keep(_asked(ctx), ctx.now.isoformat(), KEPT)
        raise _question()
    if ctx.now - datetime.fromisoformat(since) < SETTLED:
        raise sdk.Ambiguous(f"not in the Sent folder yet; in doubt since {since}", code="doubt", hint=errors.LATER)
    await _forget(ctx)
    return None


async def _answered(ctx: sdk.Context[Config], asked: str) -> None:
    """A replay is a person's answer: send it. Within two minutes it may be ourselves, after a crash: ask again."""
    if ctx.now - datetime.fromisoformat(asked) < SETTLED:
        raise _question()
    await _forget(ctx)


def _question() -> sdk.Rejected:
    return sdk.Rejected("nobody can tell whether it was sent", code="doubt", hint=errors.UNKNOWN)


async def _search(ctx: sdk.Context[Config], known: str) -> bool | None:
    """Whether it is in the Sent folder; None when there is no such folder."""
    since = day((ctx.now - LOOK_BACK).date())
    return await with_mailbox(ctx, partial(_in_sent, ctx.config.sent_folder, known, since))


def _in_sent(named: str, known: str, since: str, mailbox: Mailbox) -> bool | None:
    """By the server's search, else by reading the newest headers: not every server searches them."""
    folder = mailbox.sent_folder(named)
    if not folder:
        return None
    try:
        mailbox.open(folder)
    except RefusedError:
        return None
    with suppress(ImapToolsError):
        if mailbox.search(f'HEADER Message-ID "{known}"'):
            return True
    newest = mailbox.search(f"SINCE {since}")[-MOST_HEADERS:]
    return any(known in read_ids(read_part(block).raw("message-id")) for block in mailbox.headers(newest))


async def _forget(ctx: sdk.Context[Config]) -> None:
    await ctx.memory.forget(_asked(ctx))
    await ctx.memory.forget(_doubt(ctx))


def _doubt(ctx: sdk.Context[Config]) -> str:
    return f"doubt {ctx.key}"


def _asked(ctx: sdk.Context[Config]) -> str:
    return f"asked {ctx.key}"
