"""The declaration: mail comes in over IMAP and goes out over SMTP."""

from datetime import timedelta

from connectors.email.config import Config
from connectors.email.errors import ERRORS
from connectors.email.imap import Mailbox
from connectors.email.mails import TYPE
from connectors.email.pull import pull_mail
from connectors.email.send import SETTLED, find_mail, send_mail
from connectors.email.session import with_mailbox
from connectors.email.smtp import check_in
from hub import sdk

connector: sdk.Connector[Config] = sdk.Connector(
    id="email",
    title=sdk.Text("邮箱", "Email"),
    config=Config,
    errors=ERRORS,
    limits=sdk.Limits(concurrency=2, calls_per_second=5.0, deadline=timedelta(seconds=30)),
)

connector.action(
    "send_mail",
    effect=sdk.Effect.C,
    title=sdk.Text("发送邮件", "Send a mail"),
    look=find_mail,
    emits="mail.sent",
    entity="mail",
    settle=SETTLED,
)(send_mail)

connector.poll(TYPE, every=timedelta(seconds=2))(pull_mail)


@connector.harmless
async def probe(ctx: sdk.Context[Config]) -> str:
    """Sign in wherever the connection says, open the folder, say NOOP. Changes nothing, sends nothing.

    The message of what it raises begins with the field that is wrong.
    """
    seen = []
    if ctx.config.imap_host:
        folder = await with_mailbox(ctx, lambda mailbox: _open(mailbox, ctx.config.folder))
        seen.append(f"收信 {folder} / receives")
    if ctx.config.smtp_host:
        await check_in(ctx)
        seen.append(f"发信 {ctx.config.address} / sends")
    return "，".join(seen)


def _open(mailbox: Mailbox, folder: str) -> str:
    mailbox.open(folder)
    return folder
