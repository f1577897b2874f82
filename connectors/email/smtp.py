"""One talk with an SMTP server: signed in, and every refusal by the next move."""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import aiosmtplib

from connectors.email import errors
from connectors.email.config import Config
from connectors.email.session import certified
from connectors.email.tokens import access_token
from hub import sdk

METHODS = ("plain", "login", "cram-md5")
FAST = re.compile(
    r"frequen|too many (connections|mail|message)|too fast|rate ?limit|throttl|频繁|频率|超限", re.IGNORECASE
)
SENDER = re.compile(r"mail ?from|sender|authori[sz](ed|ation) user|发件", re.IGNORECASE)
SLOW_DOWN = timedelta(minutes=10)
MOST_LINES = 300
LONGEST_LINE = 300
UNHEARD = (aiosmtplib.SMTPException, OSError)


class Line(aiosmtplib.SMTP):
    """The library's client; keeps what was said, without the sign-in and without the mail."""

    said: list[str]
    hush = False

    async def execute_command(self, *args: bytes, **given: Any) -> aiosmtplib.SMTPResponse:
        """Send a command; keep it and its answer."""
        answer = await super().execute_command(*args, **given)
        self.keep("(sign-in)" if self.hush else b" ".join(args).decode("utf-8", "replace"), answer)
        return answer

    async def data(self, message: str | bytes, /, **given: Any) -> aiosmtplib.SMTPResponse:
        """Hand in the mail; keep the answer."""
        answer = await super().data(message, **given)
        self.keep(f"DATA ({len(message)})", answer)
        return answer

    def keep(self, ours: str, answer: aiosmtplib.SMTPResponse) -> None:
        """Keep a line and its answer, cut to 300 characters; after 300 lines nothing more."""
        if len(self.said) < MOST_LINES:
            self.said.append(f"{ours} → {answer.code} {answer.message}"[:LONGEST_LINE])


@asynccontextmanager
async def post_office(ctx: sdk.Context[Config]) -> AsyncIterator[Line]:
    """A signed-in line; a refused access token is renewed once. The talk is kept with `ctx.note`.

    Raises before the block, when nothing was sent: Transient, Throttled, or NeedsReauth for a person.
    """
    config, began, said = ctx.config, ctx.clock(), list[str]()
    if not config.smtp_host:
        raise sdk.NeedsReauth("smtp_host is empty", code="smtp_host", hint=errors.NO_SMTP)
    try:
        line = await _signed_in(ctx, said)
        try:
            yield line
        finally:
            with suppress(*UNHEARD):
                await line.quit(timeout=2)
            line.close()
    finally:
        ms = round((ctx.clock() - began) * 1000)
        ctx.note("SMTP", f"smtp://{config.smtp_host}:{config.smtp_port}", "", 0, "\n".join(said), ms)


async def check_in(ctx: sdk.Context[Config]) -> None:
    """Sign in and say NOOP: sends nothing."""
    async with post_office(ctx) as line:
        try:
            await line.noop()
        except UNHEARD as error:
            raise sdk.Transient(f"smtp_host: NOOP: {error}", code="connection", hint=errors.BUSY) from error


async def _signed_in(ctx: sdk.Context[Config], said: list[str]) -> Line:
    if not ctx.config.token_url:
        return await _open(ctx, said, "")
    token = await access_token(ctx)
    try:
        return await _open(ctx, said, token)
    except sdk.NeedsReauth as error:
        if not error.code.startswith("5"):
            raise
    return await _open(ctx, said, await access_token(ctx, refused=token))


async def _open(ctx: sdk.Context[Config], said: list[str], token: str) -> Line:
    config = ctx.config
    sock = await ctx.dial(config.smtp_host, config.smtp_port)
    here = sock.getsockname()[0]
    line = Line(
        hostname=config.smtp_host,
        sock=sock,
        use_tls=config.smtp_security == "tls",
        start_tls=config.smtp_security == "starttls",
        tls_context=None if config.smtp_security == "plain" else certified(config),
        local_hostname=f"[IPv6:{here}]" if ":" in here else f"[{here}]",
        timeout=ctx.deadline.total_seconds(),
    )
    line.said = said
    try:
        await line.connect()
        await _sign_in(line, config, token)
    except UNHEARD as error:
        line.close()
        sock.close()
        raise _not_signed_in(ctx, error) from error
    return line


async def _sign_in(line: Line, config: Config, token: str) -> None:
    """One way only: a wrong password tried three ways counts as three."""
    if not line.esmtp_extensions:
        await line.ehlo()
    line.hush = True
    user, password = config.login, config.password.get_secret_value()
    method = next((each for each in METHODS if each in line.server_auth_methods), "")
    if token:
        await line.auth_xoauth2(user, token)
    elif method == "plain":
        await line.auth_plain(user, password)
    elif method == "login":
        await line.auth_login(user, password)
    elif method:
        await line.auth_crammd5(user, password)
    else:
        raise aiosmtplib.SMTPNotSupported("AUTH is not offered")
    line.hush = False


def _not_signed_in(ctx: sdk.Context[Config], error: Exception) -> sdk.VendorError:
    config = ctx.config
    words = ctx.redact(f"smtp_host {config.smtp_host}: {type(error).__name__}: {error}")
    if isinstance(error.__cause__ or error, ssl.SSLCertVerificationError):
        return sdk.NeedsReauth(words, code="certificate", hint=errors.CERTIFICATE)
    if isinstance(error, aiosmtplib.SMTPNotSupported) or "STARTTLS" in words:
        return sdk.NeedsReauth(f"smtp_security: {words}", code="plain", hint=errors.PLAIN)
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return sdk.Transient(words, code="connection", hint=errors.BUSY)
    if FAST.search(error.message):
        return sdk.Throttled(words, code=str(error.code), hint=errors.SLOW, retry_after=SLOW_DOWN)
    if not isinstance(error, aiosmtplib.SMTPAuthenticationError) or error.code < 500:
        return sdk.Transient(words, code=str(error.code), hint=errors.BUSY)
    hint = errors.OAUTH if config.token_url else errors.where(config.smtp_host)
    return sdk.NeedsReauth(f"smtp {config.login}: {words}", code=str(error.code), hint=hint)


def refusal(ctx: sdk.Context[Config], code: int, message: str, *, recipient: bool = False) -> sdk.VendorError:
    """A NO to a mail, in the server's words; `recipient`: it was said to a recipient's address."""
    words, told = ctx.redact(f"{code} {message}"), str(code)
    if code in (530, 534, 535, 538):
        return sdk.NeedsReauth(words, code=told, hint=errors.where(ctx.config.smtp_host))
    if FAST.search(message):
        return sdk.Throttled(words, code=told, hint=errors.SLOW, retry_after=SLOW_DOWN)
    if code < 500:
        return sdk.Transient(words, code=told, hint=errors.BUSY)
    sender = not recipient and (code in (501, 553) or SENDER.search(message))
    return sdk.Rejected(words, code=told, hint=errors.SENDER if sender else errors.CONTENT)
