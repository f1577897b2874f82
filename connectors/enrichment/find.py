"""Find a company: by its code, else by its name; what is not certain is left to a person."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from connectors.enrichment import credit_code, names
from connectors.enrichment.company import Candidate, Company, Wanted
from connectors.enrichment.config import Config
from connectors.enrichment.paid import Bought, buy
from connectors.enrichment.provider import Provider
from connectors.enrichment.qichacha import Qichacha
from connectors.enrichment.tianyancha import Tianyancha
from hub import sdk

PROVIDERS: dict[str, Provider] = {"tianyancha": Tianyancha(), "qichacha": Qichacha()}


def provider_of(config: Config) -> Provider:
    """The registry a connection speaks with."""
    return PROVIDERS[config.provider]


async def find_company(ctx: sdk.Context[Config], wanted: Wanted) -> Company:
    """Look a company up: one paid call by a good credit code, two by name (search, then base info).

    Safe to repeat: what was bought is remembered, and a repeat pays nothing. status "found": its facts;
    "ambiguous": candidates a person may choose from; "none": the registry does not know it.

    Raises what `buy` raises.
    """
    provider, code = provider_of(ctx.config), sdk.credit_code.fold(wanted.credit_code)
    paid: list[Bought[Any]] = []
    if code and (credit_code.is_valid(code) or not wanted.name):
        by_code = await buy(ctx, provider, provider.detail(ctx.config, code))
        paid.append(by_code)
        if by_code.value:
            return _told(provider, paid, _named(by_code.value, wanted.name))
    if not wanted.name:
        return _told(provider, paid, Company(id="", status="none"))
    search = await buy(ctx, provider, provider.search(ctx.config, wanted.name))
    paid.append(search)
    found = Company(id="", status="ambiguous" if search.value else "none", candidates=search.value)
    if chosen := choose(search.value, wanted.name, code):
        detail = await buy(ctx, provider, provider.detail(ctx.config, chosen.id, chosen.special))
        paid.append(detail)
        if detail.value and _is_it(named := _named(detail.value, wanted.name), code):
            found = named
    return _told(provider, paid, found)


def choose(candidates: Sequence[Candidate], name: str, code: str) -> Candidate | None:
    """The one with the code, else the only one of that name, else the only one that may have borne it; or None."""
    there = list({each.id: each for each in candidates}.values())
    exact = [each for each in there if names.key(each.name) == names.key(name)]
    formerly = [each for each in there if each.formerly]
    if code and (coded := [each for each in there if sdk.credit_code.fold(each.credit_code) == code]):
        return coded[0] if len(coded) == 1 else None
    for group in (exact, formerly, there):
        if group:
            return group[0] if len(group) == 1 else None
    return None


def _named(company: Company, name: str) -> Company:
    """With what its name has to do with the one looked for."""
    matches = not name or names.key(company.name) == names.key(name)
    renamed = not matches and names.key(name) in {names.key(each) for each in company.former_names}
    return company.model_copy(update={"name_matches": matches or renamed, "renamed": renamed})


def _is_it(company: Company, code: str) -> bool:
    """Found by name: its name fits, and its code does not contradict a good one that was given."""
    other = sdk.credit_code.fold(company.credit_code)
    if code and other == code:
        return True
    return company.name_matches and not (other and credit_code.is_valid(code))


def _told(provider: Provider, paid: Sequence[Bought[Any]], company: Company) -> Company:
    """With where it is from, when, and for how much."""
    return company.model_copy(
        update={
            "provider": provider.name,
            "fetched_at": paid[-1].fetched_at,
            "order_number": paid[-1].order_number,
            "cost": sum((each.cost for each in paid), Decimal(0)),
        }
    )
