"""The declaration: one partner that we tell of events, and that tells us of its own."""

from connectors.webhook.config import Config
from connectors.webhook.errors import ERRORS
from connectors.webhook.events import RECEIVED, parse, read
from connectors.webhook.proof import verify
from connectors.webhook.send import send_event
from hub import sdk

connector: sdk.Connector[Config] = sdk.Connector(
    id="webhook",
    title=sdk.Text("通用 Webhook", "Webhooks"),
    config=Config,
    base_url=lambda config: config.out_url,
    errors=ERRORS,
)

connector.action("send_event", effect=sdk.Effect.A, title=sdk.Text("发送事件", "Send an event"))(send_event)

connector.callbacks(events={RECEIVED}, verify=verify, read=read)(parse)


@connector.harmless
async def probe(ctx: sdk.Context[Config]) -> str:
    """GET the receiver's address: proves name, route and certificate. Any answer but a redirect, 410 or 5xx will do."""
    if not ctx.config.out_url:
        return "只收不发，没有可试的地址 / it takes only, there is no address to try"
    try:
        await ctx.call("GET", ctx.config.out_url, reads=False)
    except (sdk.Transient, sdk.Rejected, sdk.Throttled) as error:
        if not error.code.startswith("http "):
            raise
        return f"连得上，GET 得到 {error.code}；签名要到第一次发送才知道 / reachable; the signature is not tried"
    return "连得上；签名要到第一次发送才知道 / reachable; the signature is not tried"
