"""The poll: new mail of one folder in bounded pages, and the checkpoint after it.

The checkpoint is {"uidvalidity", "uid", "since", "on"}: everything up to `uid` is told; with `since` only mail that
arrived from that day on is wanted, until the folder has been read to its end; `on` is the day of the last poll. When
UIDVALIDITY changes all UIDs are void: the folder is read again from the day before `on`, and what was told already has
the same key, so nothing is lost and nothing is kept twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from connectors.email.config import Config
from connectors.email.imap import BROKEN, Folder, Listed, Mailbox, RefusedError, day
from connectors.email.mails import Fetched, tell
from connectors.email.session import with_mailbox
from hub import sdk

MOST_MAILS = 50
PAGE_BYTES = 20 * 1024 * 1024
LARGEST = 25 * 1024 * 1024
TRIES = Decimal(5)
LESS = (("BODY", "HEADER"), ("HEADER", "NOTHING"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where we are in a folder."""

    uidvalidity: int
    uid: int
    since: str = ""
    on: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look into the folder gave; `pushes`: the server tells of new mail by itself."""

    place: Place
    told: Sequence[tuple[sdk.Inbound, list[sdk.File]]]
    more: bool
    pushes: bool


async def pull_mail(ctx: sdk.Context[Config], cursor: str) -> sdk.Page:
    """Tell the mail that came after the cursor; an empty page when nothing is received here. Safe to repeat.

    Where the server pushes and nothing is new, it waits up to `idle_seconds` for it; elsewhere it looks every
    `poll_seconds`. A mail that breaks the talk off five times is told by its headers, after five more without them.

    Raises Transient when the talk breaks off, NeedsReauth when a person must act; then the checkpoint stands.
    """
    config = ctx.config
    if not config.imap_host or await ctx.memory.recall("resting"):
        return sdk.Page((), cursor)
    seen = await _look(ctx, Place(**sdk.loads(cursor)) if cursor else None)
    waits = seen.pushes and config.idle_seconds
    if not (seen.told or seen.more or waits) and config.poll_seconds:
        await ctx.memory.keep("resting", True, timedelta(seconds=config.poll_seconds))
    files = [file for _, files in seen.told for file in files]
    return sdk.Page([event for event, _ in seen.told], sdk.dumps(asdict(seen.place)), seen.more, files)


async def _look(ctx: sdk.Context[Config], before: Place | None) -> Seen:
    """Look into the folder, asking less of a mail that cannot be had whole."""
    looking = Looking(ctx.config, before, ctx.now)
    for what, less in LESS:
        try:
            return await with_mailbox(ctx, looking)
        except sdk.Transient:
            if not looking.at or await ctx.memory.spend(f"{what} {looking.at}", Decimal(1), TRIES):
                raise
            looking = Looking(ctx.config, before, ctx.now, {looking.at: less})
    return await with_mailbox(ctx, looking)


@dataclass(slots=True)
class Looking:
    """One look: where the folder is taken up, and what is left out of which mail. `at`: the mail it stopped at."""

    config: Config
    before: Place | None
    now: datetime
    less: Mapping[str, str] = field(default_factory=dict)
    at: str = ""

    def __call__(self, mailbox: Mailbox) -> Seen:
        """Tell what is new, a page at most."""
        folder = mailbox.open(self.config.folder)
        place = self._taken_up(folder)
        uids = _newer(mailbox, place)
        if not uids and place == self.before and mailbox.pushes:
            mailbox.wait(self.config.idle_seconds)
            uids = _newer(mailbox, place)
        mails, last = self._page(mailbox, folder, uids)
        more = last < max(uids, default=0)
        if more:
            after = replace(place, uid=last)
        else:
            after = replace(place, uid=max(last, place.uid, folder.uidnext - 1), since="")
        return Seen(after, [tell(mail) for mail in mails], more, mailbox.pushes)

    def _taken_up(self, folder: Folder) -> Place:
        today, before = self.now.date(), self.before
        if before and before.uidvalidity == folder.uidvalidity:
            return replace(before, on=today.isoformat())
        since = today - timedelta(days=self.config.since_days)
        if before and before.on:
            since = min(map(date.fromisoformat, filter(None, (before.since, before.on)))) - timedelta(days=1)
        elif self.config.since_days == 0:
            return Place(folder.uidvalidity, folder.uidnext - 1, on=today.isoformat())
        return Place(folder.uidvalidity, 0, since.isoformat(), today.isoformat())

    def _page(self, mailbox: Mailbox, folder: Folder, uids: list[int]) -> tuple[list[Fetched], int]:
        """The first mails, and the UID up to which nothing is missing."""
        mails: list[Fetched] = []
        last = heavy = 0
        for listed in mailbox.listed(uids[:MOST_MAILS]):
            heavy += listed.size if listed.size <= LARGEST else 0
            if mails and heavy > PAGE_BYTES:
                return mails, last
            self.at = f"{folder.uidvalidity}.{listed.uid}"
            try:
                mails += self._fetched(mailbox, listed)
            except (RefusedError, *BROKEN):
                if not mails:
                    raise
                return mails, last
            last, self.at = listed.uid, ""
        return mails, max(uids[:MOST_MAILS], default=0)

    def _fetched(self, mailbox: Mailbox, listed: Listed) -> list[Fetched]:
        """The mail, if it is still there."""
        left = self.less.get(self.at, "")
        if left == "NOTHING":
            return [Fetched(self.at, b"", listed.arrived, "unreadable: the server does not give it")]
        if left or listed.size > LARGEST:
            problem = "unreadable: the server does not give it" if left else f"too large: {listed.size} bytes"
            raw = mailbox.raw(listed.uid, "HEADER")
        else:
            problem, raw = "", mailbox.raw(listed.uid)
        return [] if raw is None else [Fetched(self.at, raw, listed.arrived, problem)]


def _newer(mailbox: Mailbox, place: Place) -> list[int]:
    """UIDs after the place; the server's last mail is among the answers even when it is older."""
    since = f" SINCE {day(date.fromisoformat(place.since))}" if place.since else ""
    return [uid for uid in mailbox.search(f"UID {place.uid + 1}:*{since}") if uid > place.uid]
