"""Tianyancha (天眼查): a bare token in a header, `{error_code, reason, result}`, epoch milliseconds."""

from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta

import httpx

from connectors.enrichment import capital, credit_code, names
from connectors.enrichment.company import Candidate, Company, said
from connectors.enrichment.config import Config
from connectors.enrichment.provider import Query
from hub import sdk

SEARCH = "/services/open/search/2.0"
DETAIL = "/services/open/ic/baseinfo/normal"
SPECIAL = "/services/open/ic/baseinfo/special"
PAGE_SIZE = "20"
COMPANY = "1"
NO_DATA = "300000"
ORDINARY = ("", "1", "7", "9")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MIDNIGHT = timedelta(hours=9)
"""Dates are midnights in Shanghai, which is +08:00 now and was +09:00 in the summers of 1986 to 1991."""


class TokenHeader(httpx.Auth):
    """`Authorization: <token>`: no Bearer, no signature, no expiry."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the token into the header."""
        request.headers["Authorization"] = self._token
        yield request


class Tianyancha:
    """See Provider. 300008 (a parameter is missing) answers only who holds a good token."""

    name = "tianyancha"
    url = "https://open.api.tianyancha.com"
    free = frozenset({"300008"})

    def auth(self, config: Config, kit: sdk.AuthKit) -> httpx.Auth:
        """See Provider."""
        return TokenHeader(config.token.get_secret_value())

    def search(self, config: Config, name: str) -> Query[list[Candidate]]:
        """See Provider. The first page: an exact name stands on it."""
        params = {"word": names.official(name), "pageNum": "1", "pageSize": PAGE_SIZE}
        path, day = config.search_path or SEARCH, timedelta(days=1)
        return Query(path, params, names.key(name), config.price_search, day, read_search, _no_order)

    def detail(self, config: Config, keyword: str, special: bool = False) -> Query[Company | None]:
        """See Provider. `special`: Hong Kong companies, social organisations, law firms, institutions."""
        path = SPECIAL if special else config.detail_path or DETAIL
        kept = timedelta(days=config.days_kept)
        return Query(path, {"keyword": keyword}, keyword, config.price_detail, kept, read_company, _no_order)

    def free_call(self, config: Config) -> tuple[str, Mapping[str, str]]:
        """See Provider."""
        return config.detail_path or DETAIL, {}


def _no_order(_body: sdk.Json) -> str:
    return ""


def _result(body: sdk.Json) -> sdk.Json:
    return None if str(body["error_code"]) == NO_DATA else body["result"]


def read_search(body: sdk.Json) -> list[Candidate]:
    """The companies of a search; persons, brands and the like are left out."""
    items = (_result(body) or {}).get("items") or []
    return [_candidate(item) for item in items if str(item["type"]) == COMPANY]


def _candidate(item: sdk.Json) -> Candidate:
    code = said(item.get("creditCode"))
    reason = said(item.get("matchType"))
    return Candidate(
        id=said(item["id"]),
        name=names.plain(item["name"]),
        credit_code=code,
        region=credit_code.province(code) or said(item.get("base")),
        special=said(item.get("companyType")) not in ORDINARY,
        formerly="历史" in reason or "曾用" in reason,
    )


def read_company(body: sdk.Json) -> Company | None:
    """Base info, or None for "no data"."""
    told = _result(body)
    if not told:
        return None
    code, printed = said(told.get("creditCode")), said(told.get("regCapital"))
    amount, currency = capital.parse(printed, said(told.get("regCapitalCurrency")))
    return Company(
        id=said(told["id"]),
        number=code,
        name=names.plain(told["name"]),
        credit_code=code,
        credit_code_valid=credit_code.is_valid(code),
        registration_number=said(told.get("regNumber")),
        legal_representative=names.plain(said(told.get("legalPersonName"))),
        registered_capital=amount,
        capital_currency=currency,
        capital_text=printed,
        established_on=_day(told.get("estiblishTime")),
        company_status=said(told.get("regStatus")),
        address=said(told.get("regLocation")),
        industry=said(told.get("industry")),
        former_names=_former(told),
    )


def _day(milliseconds: sdk.Json) -> str:
    text = said(milliseconds)
    return (EPOCH + timedelta(milliseconds=int(text)) + MIDNIGHT).date().isoformat() if text else ""


def _former(told: sdk.Json) -> list[str]:
    listed = told.get("historyNameList") or said(told.get("historyNames")).split(";")
    return [name for name in (names.plain(said(each)) for each in listed) if name]
