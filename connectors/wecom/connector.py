"""The declaration: what WeCom can be asked to do, and what it tells."""

from datetime import timedelta

from connectors.wecom.archive import pull_messages
from connectors.wecom.config import Config
from connectors.wecom.errors import ERRORS
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

connector.poll("message.archived", every=timedelta(seconds=15))(pull_messages)


@connector.harmless
async def probe(ctx: sdk.Context[Config]) -> str:
    """Read the app's own card: proves address, corp id, secret, agent id and trusted IP. Changes nothing."""
    body = await ctx.call("GET", "/cgi-bin/agent/get", params={"agentid": str(ctx.config.agent_id)})
    return f"已连接，应用 {body.get('name', ctx.config.agent_id)} / connected"
