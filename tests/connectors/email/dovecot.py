"""A real IMAP server, Dovecot, on loopback: started for the tests, with access tokens judged by a server of ours."""

import getpass
import grp
import imaplib
import json
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from imap_tools.utils import encode_folder

from connectors.email import connector
from hub import sdk
from hub.sdk import testing

PASSWORD = "dovecot-word-93ab"
CONFIG = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
listen = 127.0.0.1
protocols = imap lmtp
ssl = no
verbose_proctitle = yes
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_home = {home}/mail/%u
mail_location = maildir:~/Maildir
mail_max_userip_connections = 50
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {home}/oauth2.conf
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mail/%u allow_all_users=yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
}}
"""
OAUTH2 = """
introspection_mode = get
introspection_url = http://127.0.0.1:{port}/introspect?token=
username_attribute = email
active_attribute = active
active_value = true
"""


@dataclass(slots=True)
class Dovecot:
    """A running server, seen by one user. `tokens`: good access tokens → whose; `ports` of imap and lmtp."""

    home: Path
    process: subprocess.Popen[bytes]
    ports: dict[str, int]
    tokens: dict[str, str]
    user: str = ""

    def values(self, **changes: Any) -> dict[str, Any]:
        """The config of a connection that reads here."""
        place = {"imap_host": "127.0.0.1", "imap_port": self.ports["imap"], "imap_security": "plain"}
        return {"address": self.user, "password": PASSWORD, "since_days": 7, **place, **changes}

    def context(self, memory: sdk.Memory | None = None, **changes: Any) -> sdk.Context[Any]:
        return testing.open_context(connector, self.values(**changes), memory=memory)

    def deliver(self, raw: bytes | None = None, **headers: str) -> None:
        """A mail comes in by LMTP: these bytes, or a short one with these headers."""
        with smtplib.LMTP("127.0.0.1", self.ports["lmtp"]) as lmtp:
            lmtp.sendmail("li@hengrui.example.com", [self.user], raw or letter(**headers))

    @contextmanager
    def owner(self, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """The owner's own client, in a folder that is made if need be."""
        with imaplib.IMAP4("127.0.0.1", self.ports["imap"]) as client:
            client.login(self.user, PASSWORD)
            client.create(encode_folder(folder).decode())
            client.select(encode_folder(folder).decode())
            yield client

    def sessions(self, doing: str = "") -> list[int]:
        """Process ids of the user's signed-in sessions, or of those that do this: their titles tell."""
        found = [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit()]
        return [pid for pid in found if f"[{self.user} " in (title := self._title(pid)) and doing in title]

    def _title(self, pid: int) -> str:
        """What a process of this server says that it does; "" for any other."""
        try:
            parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            return Path(f"/proc/{pid}/cmdline").read_text() if parent == str(self.process.pid) else ""
        except (OSError, ValueError):
            return ""

    def kill_sessions(self) -> None:
        """The user's sessions die at once, without a word."""
        for pid in self.sessions():
            os.kill(pid, signal.SIGKILL)


def letter(body: str = "您好", **headers: str) -> bytes:
    """A short mail; `message_id=""` leaves the id out."""
    mail = EmailMessage()
    mail["From"] = headers.get("sender", "李工 <li@hengrui.example.com>")
    mail["To"] = "sales@example.com"
    mail["Subject"] = headers.get("subject", "关于合同")
    if headers.get("message_id", "x"):
        mail["Message-ID"] = headers.get("message_id", f"<{time.time_ns()}@hengrui.example.com>")
    mail.set_content(body)
    return mail.as_bytes()


def until(happens: Callable[[], object], what: str) -> None:
    """Wait for it, 10 s at most."""
    ends = time.monotonic() + 10
    while not happens():
        assert time.monotonic() < ends, f"{what}: not within 10 s"
        time.sleep(0.02)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@contextmanager
def dovecot() -> Iterator[Dovecot]:
    """The server, for the length of a block. Its folder's name is short: paths of unix sockets are limited."""
    home = Path(tempfile.mkdtemp(prefix="dc"))
    tokens: dict[str, str] = {}
    ports = {name: free_port() for name in ("imap", "lmtp")}
    try:
        with _introspecting(tokens) as introspection:
            _settle(home, ports, introspection)
            process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", str(home / "conf")])
            try:
                until(lambda: _greets(ports["imap"]), "Dovecot listens")
                yield Dovecot(home, process, ports, tokens)
            finally:
                process.terminate()
                process.wait(10)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _settle(home: Path, ports: dict[str, int], introspection: int) -> None:
    """Write its files. Started by root, it runs as nobody."""
    root = os.getuid() == 0
    user = "nobody" if root else getpass.getuser()
    group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    (home / "oauth2.conf").write_text(OAUTH2.format(port=introspection))
    (home / "conf").write_text(CONFIG.format(home=home, user=user, group=group, password=PASSWORD, **ports))
    for path in (home / "mail", home):
        path.mkdir(exist_ok=True)
        path.chmod(0o777 if root else 0o700)


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as sock:
            return sock.recv(4) == b"* OK"
    except OSError:
        return False


@contextmanager
def _introspecting(tokens: dict[str, str]) -> Iterator[int]:
    """The port of a server that says which access tokens are good."""

    class Introspection(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
            told = json.dumps({"active": asked in tokens, "email": tokens.get(asked, "")}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Introspection) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
