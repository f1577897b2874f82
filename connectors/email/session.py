"""A mailbox for the length of one piece of work: dialled, signed in, and every way it can fail by its name."""

import asyncio
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from socket import SHUT_RDWR, socket
from typing import TypeVar

from connectors.email import errors
from connectors.email.config import Config
from connectors.email.imap import BROKEN, Mailbox, RefusedError, Said, Wire, words_of
from connectors.email.tokens import access_token
from hub import sdk

T = TypeVar("T")
LONGEST_S = 300.0
PASSING = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]")


async def with_mailbox(ctx: sdk.Context[Config], work: Callable[[Mailbox], T]) -> T:
    """Do blocking work in a signed-in mailbox, in a thread of its own; a refused access token is renewed once.

    Cancelling closes the socket, which ends the thread. The talk is kept with `ctx.note`, without the sign-in.

    Raises Transient when the server cannot be reached or breaks off, NeedsReauth when a person must correct the
    connection. RefusedError of a fetch is the work's own.
    """
    if not ctx.config.token_url:
        return await _talk(ctx, "", work)
    token = await access_token(ctx)
    try:
        return await _talk(ctx, token, work)
    except sdk.NeedsReauth as error:
        if error.code != "login":
            raise
    return await _talk(ctx, await access_token(ctx, refused=token), work)


async def _talk(ctx: sdk.Context[Config], token: str, work: Callable[[Mailbox], T]) -> T:
    config, said, began = ctx.config, Said(), ctx.clock()
    sock = await ctx.dial(config.imap_host, config.imap_port)
    line = sock.dup()  # TLS takes the socket over; closing this one ends the talk all the same
    sock.settimeout(ctx.deadline.total_seconds())
    pool = ThreadPoolExecutor(1, "imap")
    try:
        async with asyncio.timeout(LONGEST_S):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(pool, _work, config, sock, said, token, work)
    except RefusedError as error:
        raise _refused(ctx, error) from error
    except BROKEN as error:
        raise _broken(ctx, error) from error
    finally:
        with suppress(OSError):
            line.shutdown(SHUT_RDWR)
        line.close()
        pool.shutdown(wait=False)
        place = f"imap://{config.imap_host}:{config.imap_port}"
        ms = round((ctx.clock() - began) * 1000)
        ctx.note("IMAP", place, "\n".join(said.ours), 0, "\n".join(said.theirs), ms)


def _work(config: Config, sock: socket, said: Said, token: str, work: Callable[[Mailbox], T]) -> T:
    with sock:
        if config.imap_security == "tls":
            sock = certified(config).wrap_socket(sock, server_hostname=config.imap_host)
        with sock:
            mailbox = Mailbox(Wire(sock, config.imap_host, said))
            if config.imap_security == "starttls":
                mailbox.encrypt(certified(config))
            mailbox.sign_in(config.login, config.password.get_secret_value(), token)
            done = work(mailbox)
            with suppress(*BROKEN):
                mailbox.logout()
            return done


def certified(config: Config) -> ssl.SSLContext:
    """TLS that checks certificate and host name, against the connection's own CA if it has one."""
    return _trusting(config.ca_certificate)


@lru_cache(maxsize=16)
def _trusting(ca_certificate: str) -> ssl.SSLContext:
    """Kept: reading the system's certificates takes 50 ms."""
    return ssl.create_default_context(cadata=ca_certificate or None)


def _refused(ctx: sdk.Context[Config], error: RefusedError) -> sdk.VendorError:
    words, config = ctx.redact(error.words), ctx.config
    if error.what == "fetch" or any(mark in words.upper() for mark in PASSING):
        return sdk.Transient(words, code=error.what, hint=errors.BUSY)
    if error.what == "plain":
        return sdk.NeedsReauth(f"imap_security: {words}", code="plain", hint=errors.PLAIN)
    if "unsafe login" in words.lower():
        return sdk.NeedsReauth(words, code="unsafe", hint=errors.UNSAFE)
    if error.what == "folder":
        return sdk.NeedsReauth(f"folder: {words}", code="folder", hint=errors.FOLDER)
    hint = errors.OAUTH if config.token_url else errors.where(config.imap_host)
    return sdk.NeedsReauth(f"imap {config.login}: {words}", code="login", hint=hint)


def _broken(ctx: sdk.Context[Config], error: Exception) -> sdk.VendorError:
    """No NO, but no talk either."""
    words = ctx.redact(f"imap_host {ctx.config.imap_host}: {type(error).__name__}: {words_of(error)}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return sdk.NeedsReauth(words, code="certificate", hint=errors.CERTIFICATE)
    if "authenticated but not connected" in words:
        return sdk.NeedsReauth(words, code="permission", hint=errors.OAUTH)
    return sdk.Transient(words, code="connection", hint=errors.BUSY)
