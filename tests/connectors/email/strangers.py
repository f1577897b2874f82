"""What drives our fake mail provider: the people around it, the standard library's clients, a bare socket."""

import asyncio
import imaplib
import smtplib
import socket
from email.message import EmailMessage
from typing import Any

import httpx
from imap_tools.mailbox import BaseMailBox, MailBoxUnencrypted

from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.sandboxes import Running

LI = {"from": "李工 <li@hengrui.cn>", "subject": "关于合同", "text": "您好：条款已确认。"}
SENT = "Sent Messages"


def screen(running: Running, path: str, **told: Any) -> httpx.Response:
    """Somebody does something around the mailbox."""

    async def post() -> httpx.Response:
        async with make_client(base_url=running.url, egress=LOOPBACK) as http:
            return await http.post(f"/_sandbox/{path}", json=told)

    return asyncio.run(post())


def look(running: Running, path: str) -> Any:
    async def get() -> Any:
        async with make_client(base_url=running.url, egress=LOOPBACK) as http:
            return (await http.get(f"/_sandbox/{path}")).json()

    return asyncio.run(get())


def port(running: Running, door: str) -> int:
    return int(running.credentials[f"{door}_port"])


def imap(running: Running) -> imaplib.IMAP4:
    """The standard library's client, signed in."""
    client = imaplib.IMAP4("127.0.0.1", port(running, "imap"), timeout=10)
    client.login(running.credentials["address"], running.credentials["password"])
    return client


def tools(running: Running) -> MailBoxUnencrypted:
    return MailBoxUnencrypted("127.0.0.1", port(running, "imap"), timeout=10)


def signed_in(running: Running, folder: str | None = "INBOX") -> BaseMailBox:
    return tools(running).login(running.credentials["address"], running.credentials["password"], folder)


def smtp(running: Running) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", port(running, "smtp"), timeout=10)
    client.login(running.credentials["address"], running.credentials["password"])
    return client


def letter(running: Running, *to: str, ident: str = "<q1@example.com>", sender: str = "") -> EmailMessage:
    made = EmailMessage()
    made["From"] = sender or running.credentials["address"]
    made["To"], made["Subject"], made["Message-ID"] = ", ".join(to), "报价单", ident
    made.set_content("报价见附件。")
    return made


class Wire:
    """A bare socket at a door."""

    def __init__(self, running: Running, door: str = "imap") -> None:
        self.pair = running.credentials["address"].encode(), running.credentials["password"].encode()
        self._socket = socket.create_connection(("127.0.0.1", port(running, door)), timeout=10)
        self._file = self._socket.makefile("rb")
        self.greeting = self._file.readline()

    def send(self, raw: bytes) -> None:
        self._socket.sendall(raw)

    def until(self, end: bytes) -> bytes:
        """What comes, to the line that begins so or to the end of the connection."""
        told = b""
        while line := self._file.readline():
            told += line
            if line.startswith(end):
                break
        return told

    def ask(self, line: bytes) -> bytes:
        self.send(line + b"\r\n")
        return self.until(line[:1] + b" ")

    def close(self) -> None:
        self._file.close()
        self._socket.close()
