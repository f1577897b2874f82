"""Pictures and files of archived messages, fetched in chunks and checked; what cannot be had is told, never silent."""

import hashlib
import mimetypes
from dataclasses import dataclass
from decimal import Decimal

from connectors.wecom.archive.library import CrashedError, Library
from connectors.wecom.archive.messages import Said
from connectors.wecom.archive.refusals import BUSY, UNSTABLE, returned
from connectors.wecom.config import Config
from hub import sdk

MOST_BYTES = 20 * 1024 * 1024
TRIES = Decimal(3)
NETWORK = 10001


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as its message describes it; size 0 and md5 "" when it does not say."""

    id: str
    name: str
    content_type: str
    size: int
    md5: str

    def missing(self, problem: str) -> dict[str, sdk.Json]:
        """What the event says of a file that is not kept."""
        return {"name": self.name, "content_type": self.content_type, "size": self.size, "problem": problem}


def wanted(said: Said) -> Wanted:
    """The file of an image or file message."""
    part = said.part
    name = str(part.get("filename") or "image.jpg") if said.kind == "file" else "image.jpg"
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    size, md5 = str(part.get("filesize") or ""), str(part.get("md5sum") or "").lower()
    return Wanted(str(part.get("sdkfileid") or ""), name, kind, int(size) if size.isdecimal() else 0, md5)


async def fetch(ctx: sdk.Context[Config], library: Library, msgid: str, file: Wanted) -> sdk.File | str:
    """The file, or in a word why it is not kept: "too large", "size", "md5", "crash", or the library's code.

    A checksum that does not fit is fetched once more. An answer that may be a passing trouble fails the poll three
    times (Transient) before it is taken for lasting; no network at all always does.
    """
    if file.size > MOST_BYTES:
        return "too large"
    problem: sdk.File | str = ""
    for _ in range(2):
        problem = await _once(ctx, library, msgid, file)
        if problem not in ("md5", "size"):
            break
    return problem


async def _once(ctx: sdk.Context[Config], library: Library, msgid: str, file: Wanted) -> sdk.File | str:
    content, index, last = bytearray(), "", False
    while not last:
        try:
            code, chunk, index, last = await library.media(file.id, index)
        except CrashedError as error:
            again = sdk.Transient(f"the library died at a file: {error}", code=str(error), hint=UNSTABLE)
            return await _patience(ctx, msgid, again, "crash")
        if code in BUSY:
            return await _patience(ctx, msgid, returned(code, "GetMediaData"), str(code))
        if code != 0:
            return str(code)
        content += chunk
        if len(content) > MOST_BYTES:
            return "too large"
        if not chunk and not last:
            return "size"
    return _checked(bytes(content), file)


def _checked(content: bytes, file: Wanted) -> sdk.File | str:
    if file.size and len(content) != file.size:
        return "size"
    if file.md5 and hashlib.md5(content, usedforsecurity=False).hexdigest() != file.md5:
        return "md5"
    return sdk.File(content, file.name, file.content_type)


async def _patience(ctx: sdk.Context[Config], msgid: str, error: sdk.VendorError, problem: str) -> str:
    """Raise the error as long as it may pass, then the problem's name."""
    if problem == str(NETWORK) or await ctx.memory.spend(f"file {msgid}", Decimal(1), TRIES):
        raise error
    return problem
