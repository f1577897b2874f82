"""The poll: a page of records through the library, opened, consented, with their files, and the checkpoint after them.

The checkpoint is {"seq"} of the last record told. Whatever stops a page leaves it where it stood or after what was
told, so nothing is lost; what is told twice has the same key, so nothing is kept twice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import simplejson

from connectors.wecom.archive.consent import Consent
from connectors.wecom.archive.keys import Keys, misfit, unlock
from connectors.wecom.archive.library import CrashedError, Library
from connectors.wecom.archive.media import fetch, wanted
from connectors.wecom.archive.messages import FILES, Said, read_message, tell, tell_unreadable
from connectors.wecom.archive.refusals import NETWORK, TOO_LARGE, returned, told
from connectors.wecom.config import Config
from hub import sdk

PAGE_BYTES = 40 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One sealed message. `seq` grows, with gaps; `key_version` says which private key opens it."""

    seq: int
    msgid: str
    key_version: int
    sealed_key: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A record and what it says, or why it cannot be opened; `fits`: our private key opened its message key."""

    record: Record
    said: Said | None = None
    reason: str = ""
    fits: bool = False


async def pull_messages(ctx: sdk.Context[Config], cursor: str) -> sdk.Page:
    """Tell the archive's messages after the cursor; an empty page when the connection has no archive. Safe to repeat.

    Raises Transient when the library dies, hangs or finds no network, NeedsReauth when a person must give a secret,
    a library or a private key; then the checkpoint stays before what could not be told.
    """
    if not ctx.config.archive_library:
        return sdk.Page((), cursor)
    seq = max(ctx.config.archive_since, int(sdk.loads(cursor)["seq"]) if cursor else 0)
    async with Library(ctx.config, ctx.deadline.total_seconds()) as library:
        records = await _records(ctx, library, seq)
        keys = Keys(ctx.config.archive_private_keys.get_secret_value())
        readable = _with_keys(keys, records)
        opened = [await _open(library, keys, record) for record in readable]
        await _doubt_keys(ctx, keys, opened)
        page, files, last = await _tell(ctx, library, opened)
    after = sdk.dumps({"seq": last.seq}) if last else cursor
    return sdk.Page(page, after, more=bool(records), files=files)


async def _records(ctx: sdk.Context[Config], library: Library, seq: int) -> list[Record]:
    """The records after `seq`; half as many at once as long as WeCom says that it is too much."""
    limit = ctx.config.archive_page
    while True:
        code, content = await library.messages(seq, limit)
        if code != 0:
            raise await _refused(ctx, code)
        answer = _slice(content)
        errcode = str(answer.get("errcode"))
        if errcode == "0":
            return _read_records(answer)
        if errcode != TOO_LARGE or limit == 1:
            raise told(errcode, ctx.redact(str(answer.get("errmsg") or errcode)))
        limit //= 2


async def _refused(ctx: sdk.Context[Config], code: int) -> sdk.VendorError:
    """The library says 10001 for a refused secret too: a call of our own tells them apart."""
    if code == 10001:
        await Consent(ctx).check()
    return returned(code, "GetChatData")


def _slice(content: bytes) -> dict[str, sdk.Json]:
    """The library hands on whatever it got, even no JSON."""
    try:
        answer = simplejson.loads(content.decode("utf-8", "replace"), cls=simplejson.JSONDecoder, strict=False)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise sdk.Transient("the archive's answer is no JSON object", code="shape", hint=NETWORK)
    return answer


def _read_records(answer: dict[str, sdk.Json]) -> list[Record]:
    try:
        rows = [
            Record(int(row["seq"]), str(row["msgid"]), int(row["publickey_ver"]), *map(str, _sealed(row)))
            for row in answer["chatdata"]
        ]
    except (LookupError, TypeError, ValueError) as error:
        raise sdk.Transient(f"archive records: {type(error).__name__}: {error}", code="shape", hint=NETWORK) from error
    return sorted(rows, key=lambda record: record.seq)


def _sealed(row: dict[str, sdk.Json]) -> tuple[sdk.Json, sdk.Json]:
    return row["encrypt_random_key"], row["encrypt_chat_msg"]


def _with_keys(keys: Keys, records: Sequence[Record]) -> list[Record]:
    """The records before the first whose key we do not have; NeedsReauth when that is the very first."""
    for place, record in enumerate(records):
        try:
            keys.find(record.key_version)
        except sdk.NeedsReauth:
            if place == 0:
                raise
            return list(records[:place])
    return list(records)


async def _open(library: Library, keys: Keys, record: Record) -> Opened:
    """Open one record; only our process uses the private key, only the child the library."""
    key = await asyncio.to_thread(unlock, keys.find(record.key_version), record.sealed_key)
    if key is None:
        return Opened(record, reason="key")
    try:
        code, content = await library.decrypt(key, record.sealed)
    except CrashedError as error:
        return Opened(record, reason=str(error), fits=True)
    if code != 0:
        return Opened(record, reason=str(code), fits=True)
    try:
        return Opened(record, read_message(record.msgid, content), fits=True)
    except sdk.Unreadable as error:
        return Opened(record, reason=error.message, fits=True)


async def _doubt_keys(ctx: sdk.Context[Config], keys: Keys, opened: Sequence[Opened]) -> None:
    """A private key that opens nothing now and never did before is the wrong one: NeedsReauth, nothing is told."""
    for version in dict.fromkeys(each.record.key_version for each in opened):
        name = f"key {keys.fingerprint(version)}"
        if await ctx.memory.recall(name):
            continue
        if not any(each.fits for each in opened if each.record.key_version == version):
            raise misfit(version)
        await ctx.memory.keep(name, True)


async def _tell(
    ctx: sdk.Context[Config], library: Library, opened: Sequence[Opened]
) -> tuple[list[sdk.Inbound], list[sdk.File], Record | None]:
    """The events in order, their files, and the last record told: a page ends early when its files grow heavy."""
    consent = Consent(ctx)
    await consent.ask([each.said for each in opened if each.said])
    events: list[sdk.Inbound] = []
    files: list[sdk.File] = []
    last: Record | None = None
    for each in opened:
        if sum(len(file.content) for file in files) > PAGE_BYTES:
            break
        events.append(await _event(ctx, library, consent, each, files))
        last = each.record
    return events, files, last


async def _event(
    ctx: sdk.Context[Config], library: Library, consent: Consent, each: Opened, files: list[sdk.File]
) -> sdk.Inbound:
    said = each.said
    if said is None:
        return tell_unreadable(each.record.msgid, each.record.seq, each.reason, ctx.now)
    given = consent.given(said)
    if not given or said.kind not in FILES:
        return tell(said, given)
    file = wanted(said)
    got = await fetch(ctx, library, said.msgid, file)
    if isinstance(got, str):
        return tell(said, given, missing=[file.missing(got)])
    files.append(got)
    return tell(said, given, files=[got.about])
