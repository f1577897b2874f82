"""Qichacha (企查查): a token hashed per call, `{Status, Message, OrderNumber, Result}`, all values text or null."""

import hashlib
from collections.abc import Callable, Generator, Mapping
from datetime import timedelta

import httpx

from connectors.enrichment import capital, credit_code, names
from connectors.enrichment.company import Candidate, Company, day, said
from connectors.enrichment.config import Config
from connectors.enrichment.provider import Query
from hub import sdk

SEARCH = "/FuzzySearch/GetList"
DETAIL = "/ECIV4/GetBasicDetailsByName"
OLD_GENERATION = "/ECIV4/"
NO_DATA = "201"
ELSEWHERE = ("3", "5")
"""EntType of Hong Kong and Taiwan companies: their CreditCode field carries another number."""


def token(key: str, timespan: str, secret: str) -> str:
    """Upper-case MD5 of the three texts joined; the parameters are not part of it."""
    return hashlib.md5(f"{key}{timespan}{secret}".encode(), usedforsecurity=False).hexdigest().upper()


class HashedToken(httpx.Auth):
    """`key` in the query, `Token` and `Timespan` (seconds since 1970) in the headers, new for each request."""

    def __init__(self, key: str, secret: str, now: Callable[[], float]) -> None:
        self._key, self._secret, self._now = key, secret, now

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign one request."""
        timespan = str(int(self._now()))
        request.url = request.url.copy_set_param("key", self._key)
        request.headers["Timespan"] = timespan
        request.headers["Token"] = token(self._key, timespan, self._secret)
        yield request


class Qichacha:
    """See Provider. A missing parameter is refused with 202 or 213, a repeated refusal with 110: the token was good."""

    name = "qichacha"
    url = "https://api.qichacha.com"
    free = frozenset({"202", "213", "224", "110"})

    def auth(self, config: Config, kit: sdk.AuthKit) -> httpx.Auth:
        """See Provider."""
        return HashedToken(config.app_key.get_secret_value(), config.secret_key.get_secret_value(), kit.now)

    def search(self, config: Config, name: str) -> Query[list[Candidate]]:
        """See Provider. The first page: an exact name stands on it."""
        params = {"searchKey": names.official(name), "pageIndex": "1"}
        path, kept = config.search_path or SEARCH, timedelta(days=1)
        return Query(path, params, names.key(name), config.price_search, kept, read_search, read_order)

    def detail(self, config: Config, keyword: str, special: bool = False) -> Query[Company | None]:
        """See Provider. The older generation calls its parameter `keyword`, the newer `searchKey`."""
        path, kept = config.detail_path or DETAIL, timedelta(days=config.days_kept)
        parameter = "keyword" if path.startswith(OLD_GENERATION) else "searchKey"
        return Query(path, {parameter: keyword}, keyword, config.price_detail, kept, read_company, read_order)

    def free_call(self, config: Config) -> tuple[str, Mapping[str, str]]:
        """See Provider."""
        return config.search_path or SEARCH, {"pageIndex": "1"}


def read_order(body: sdk.Json) -> str:
    """The billing reference."""
    return said(body.get("OrderNumber"))


def _result(body: sdk.Json) -> sdk.Json:
    return None if str(body["Status"]) == NO_DATA else body["Result"]


def read_search(body: sdk.Json) -> list[Candidate]:
    """The companies of a search."""
    return [_candidate(item) for item in _result(body) or []]


def _candidate(item: sdk.Json) -> Candidate:
    number = said(item.get("CreditCode"))
    code = number if credit_code.has_shape(number) else ""  # of a Hong Kong company it is another number
    region = credit_code.province(code) or said(item.get("Address"))
    return Candidate(id=said(item["KeyNo"]), name=names.plain(item["Name"]), credit_code=code, region=region)


def read_company(body: sdk.Json) -> Company | None:
    """Base info, or None for "no data". The newer APIs wrap it once more in {VerifyResult, Data}."""
    told = _result(body)
    if told and "VerifyResult" in told:
        told = told["Data"] if str(told["VerifyResult"]) == "1" else None
    if not told:
        return None
    code, printed = said(told.get("CreditCode")), said(told.get("RegistCapi"))
    number = said(told.get("No"))
    if said(told.get("EntType")) in ELSEWHERE:
        code, number = "", code or number
    amount, currency = capital.parse(printed)
    industry = told.get("Industry")
    return Company(
        id=said(told["KeyNo"]),
        number=code,
        name=names.plain(told["Name"]),
        credit_code=code,
        credit_code_valid=credit_code.is_valid(code),
        registration_number=number,
        legal_representative=names.plain(said(told.get("OperName"))),
        registered_capital=amount,
        capital_currency=currency,
        capital_text=printed,
        established_on=day(said(told.get("StartDate"))),
        company_status=said(told.get("Status")),
        address=said(told.get("Address")),
        industry=said(industry.get("Industry") if isinstance(industry, dict) else industry),
        former_names=[name for each in told.get("OriginalName") or [] if (name := names.plain(said(each["Name"])))],
    )
