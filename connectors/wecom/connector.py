"""The declaration: what WeCom can be asked to do, and what it tells."""

from datetime import timedelta

from connectors.wecom.archive import pull_messages
from connectors.wecom.callbacks import read, verify
from connectors.wecom.config import Config
from connectors.wecom.contacts import fetch_contact
from connectors.wecom.errors import ERRORS
from connectors.wecom.events import EVENTS, parse
from connectors.wecom.notices import send_text
from connectors.wecom.tokens import AppToken
from hub import sdk

connector: sdk.Connector[Config] = sdk.Connector(
    id="wecom",
    title=sdk.Text("企业微信", "WeCom"),
    config=Config,
    base_url=lambda config: config.api_url,
    errors=ERRORS,
    auth=AppToken,
    limits=sdk.Limits(concurrency=8, calls_per_second=20.0, deadline=timedelta(seconds=15)),
)

connector.action(
    "fetch_contact",
    effect=sdk.Effect.A,
    title=sdk.Text("读取客户详情", "Read a customer's card"),
    emits="contact.read",
)(fetch_contact)

connector.action(
    "send_text",
    effect=sdk.Effect.D,
    title=sdk.Text("发送应用消息", "Send an app message"),
    emits="message.sent",
)(send_text)

connector.callbacks(events=EVENTS, verify=verify, read=read)(parse)

connector.poll("message.archived", every=timedelta(seconds=15))(pull_messages)


@connector.harmless
async def probe(ctx: sdk.Context[Config]) -> str:
    """Read the app's own card: proves address, corp id, secret, agent id and trusted IP. Changes nothing."""
    body = await ctx.call("GET", "/cgi-bin/agent/get", params={"agentid": str(ctx.config.agent_id)})
    return f"已连接，应用 {body.get('name', ctx.config.agent_id)} / connected"
