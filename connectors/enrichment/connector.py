"""The declaration: what a registry can be asked."""

from datetime import timedelta

from connectors.enrichment.config import Config
from connectors.enrichment.errors import ERRORS
from connectors.enrichment.find import find_company, provider_of
from hub import sdk

connector: sdk.Connector[Config] = sdk.Connector(
    id="enrichment",
    title=sdk.Text("企业工商信息（天眼查、企查查）", "Business registries (Tianyancha, Qichacha)"),
    config=Config,
    base_url=lambda config: config.api_url or provider_of(config).url,
    errors=ERRORS,
    auth=lambda config, kit: provider_of(config).auth(config, kit),
    limits=sdk.Limits(concurrency=4, calls_per_second=5.0, deadline=timedelta(seconds=20)),
)

connector.action(
    "find_company",
    effect=sdk.Effect.A,
    title=sdk.Text("查询企业工商信息", "Look a company up in the registry"),
    emits="company.read",
    entity="company",
)(find_company)


@connector.harmless
async def probe(ctx: sdk.Context[Config]) -> str:
    """A call that lacks its parameter: refused for nothing, but only once address and secrets are good."""
    provider = provider_of(ctx.config)
    path, params = provider.free_call(ctx.config)
    try:
        await ctx.call("GET", path, params=params, reads=False)
    except (sdk.Rejected, sdk.Throttled) as error:
        if error.code not in provider.free:
            raise
        return f"已连接 {provider.name}，探测不计费；余额要到第一次查询才知道 / connected; the probe cost nothing"
    return f"已连接 {provider.name}，这次探测可能计费 / connected; the probe may have been billed"
