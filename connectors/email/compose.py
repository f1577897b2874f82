"""A mail to send: what it says, and the bytes that go out."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from connectors.email.config import Config

IDS = ("message-id", "in-reply-to", "references")
MOST_PARENTS = 20
To = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[!-;=?A-~]+@[A-Za-z0-9.-]+$", max_length=254)]
Id = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^<?[!-;=?-~]*>?$", max_length=900)]


class Letter(BaseModel):
    """A mail in plain text. `in_reply_to` and `references`: Message-IDs, with or without brackets, oldest first."""

    model_config = ConfigDict(extra="forbid")

    to: list[To] = Field(min_length=1, max_length=100)
    cc: list[To] = Field([], max_length=100)
    subject: str = Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]*$")
    text: str = Field(min_length=1, max_length=500_000)
    in_reply_to: Id = ""
    references: list[Id] = Field([], max_length=1000)


class WholeIds(EmailPolicy):
    """Folds ids between ids only; the standard library turns a long one into encoded words nobody recognises."""

    def fold(self, name: str, value: str) -> str:
        """As text."""
        if name.lower() not in IDS:
            return str(super().fold(name, value))
        return f"{name}: " + "\r\n ".join(str(value).split()) + "\r\n"

    def fold_binary(self, name: str, value: str) -> bytes:
        """As bytes."""
        return self.fold(name, value).encode("ascii", "surrogateescape")


POLICY: Any = WholeIds(linesep="\r\n", cte_type="7bit")


def message_id(key: str, address: str) -> str:
    """The id of the mail of this delivery, without brackets: the same however often it is sent."""
    return f"lianshu.{sha256(key.encode()).hexdigest()[:24]}@{address.rpartition('@')[2]}"


def compose(config: Config, letter: Letter, known: str, at: datetime) -> bytes:
    """The mail as it goes over the wire: ASCII, lines ended by CR LF."""
    mail = EmailMessage(POLICY)
    mail["From"] = Address(config.sender_name, addr_spec=config.address)
    mail["To"] = [Address(addr_spec=each) for each in letter.to]
    if letter.cc:
        mail["Cc"] = [Address(addr_spec=each) for each in letter.cc]
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{known}>"
    parents = [_bare(each) for each in (*letter.references, letter.in_reply_to)]
    parents = list(dict.fromkeys(each for each in parents if each))
    if bare := _bare(letter.in_reply_to):
        mail["In-Reply-To"] = f"<{bare}>"
    if parents:
        kept = parents[:1] + parents[1:][-MOST_PARENTS:]
        mail["References"] = " ".join(f"<{each}>" for each in kept)
    mail.set_content(letter.text, charset="utf-8", cte="base64")
    return mail.as_bytes()


def _bare(known: str) -> str:
    return known.removeprefix("<").removesuffix(">")
