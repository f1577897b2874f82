"""Finding a company at either registry: which one is taken, what is said of it, when a person is asked."""

from decimal import Decimal
from pathlib import Path

import pytest

from connectors.enrichment.company import Candidate, Wanted
from connectors.enrichment.find import choose
from tests.connectors.enrichment.registry import HENGRUI, Registry

CODE, NAME = HENGRUI["credit_code"], HENGRUI["name"]


@pytest.fixture(params=["tianyancha", "qichacha"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    return Registry(tmp_path, request.param)


async def test_a_good_code_is_one_paid_call(registry: Registry) -> None:
    company = await registry.find(**HENGRUI)
    assert (company.status, company.name, company.number, company.credit_code) == ("found", NAME, CODE, CODE)
    assert (company.registered_capital, company.capital_currency) == (Decimal(10_000_000), "CNY")
    assert (company.capital_text, company.established_on) == ("1000万人民币", "2016-05-12")
    assert (company.legal_representative, company.company_status) == ("陈国栋", "存续")
    assert (company.address, company.credit_code_valid) == ("苏州工业园区金鸡湖大道88号", True)
    assert (company.name_matches, company.renamed, company.cost) == (True, False, Decimal("0.20"))
    assert company.provider == registry.values["provider"]
    assert company.fetched_at == "2026-11-20T03:00:00+00:00"
    (effect,) = registry.effects()
    assert (effect["effect"], effect["company"], effect["price"]) == ("company.read", NAME, Decimal("0.20"))
    if company.provider == "qichacha":
        assert company.order_number == effect["order_number"]


async def test_by_name_it_is_searched_first_and_its_trade_union_is_not_taken(registry: Registry) -> None:
    company = await registry.find(name=" 苏州恒锐精密机械有限公司")
    assert (company.status, company.credit_code, company.cost) == ("found", CODE, Decimal("0.30"))
    assert [e["effect"] for e in registry.effects()] == ["company.searched", "company.read"]
    assert registry.effects()[0]["hits"] == 2


async def test_two_companies_of_one_name_are_left_to_a_person(registry: Registry) -> None:
    company = await registry.find(name="华信机电设备有限公司")
    assert (company.status, company.id, company.number, company.name) == ("ambiguous", "", "", "")
    assert {(c.credit_code, c.region) for c in company.candidates} == {
        ("91330200MA1HR0008X", "浙江"),
        ("91370200MA1HR0009H", "山东"),
    }
    assert all(set(c) == {"id", "name", "credit_code", "region"} for c in company.model_dump()["candidates"])


async def test_a_code_tells_two_companies_of_one_name_apart(registry: Registry) -> None:
    company = await registry.find(name="华信机电设备有限公司", credit_code="91370200 ma1hr0009h")
    assert (company.status, company.credit_code) == ("found", "91370200MA1HR0009H")
    assert (company.registered_capital, company.capital_currency) == (Decimal(3_000_000), "CNY")


async def test_a_hit_on_an_old_name_gives_the_new_one_and_says_so(registry: Registry) -> None:
    company = await registry.find(name="上海启程机床有限公司")
    assert (company.status, company.name, company.renamed) == ("found", "上海启程数控科技有限公司", True)
    assert company.former_names == ["上海启程机床有限公司", "上海启程机械厂"]
    assert company.registered_capital == Decimal(120_000_000)


async def test_a_part_of_a_name_is_not_taken_for_it(registry: Registry) -> None:
    company = await registry.find(name="启程数控")
    assert (company.status, [c.name for c in company.candidates]) == ("ambiguous", ["上海启程数控科技有限公司"])


async def test_foreign_capital_stays_in_its_currency_and_parentheses_do_not_matter(registry: Registry) -> None:
    company = await registry.find(name="深圳海拓精密(中国)有限公司")
    assert (company.status, company.name) == ("found", "深圳海拓精密（中国）有限公司")
    assert (company.registered_capital, company.capital_currency) == (Decimal(5_000_000), "USD")


async def test_what_the_registry_does_not_say_is_empty_never_a_dash(registry: Registry) -> None:
    company = await registry.find(name="苏州无期贸易有限公司")
    assert (company.status, company.established_on, company.legal_representative) == ("found", "", "")
    assert (company.registered_capital, company.capital_currency, company.capital_text) == (None, "", "")


async def test_an_individual_business_has_no_capital(registry: Registry) -> None:
    company = await registry.find(name="苏州工业园区老陈五金店")
    assert (company.status, company.registered_capital, company.legal_representative) == ("found", None, "陈建国")


async def test_a_revoked_company_is_found_with_its_status_and_its_day_of_summer_time(registry: Registry) -> None:
    company = await registry.find(credit_code="91330100MA1HR00039")
    assert (company.status, company.company_status, company.established_on) == (
        *("found", "吊销，未注销", "1988-07-01"),
    )


async def test_a_hong_kong_company_has_a_number_and_no_credit_code(registry: Registry) -> None:
    company = await registry.find(name="恒銳國際有限公司")
    assert (company.status, company.registration_number, company.credit_code) == ("found", "62345678", "")
    assert (company.number, company.credit_code_valid) == ("", False)


async def test_nothing_found_is_an_answer(registry: Registry) -> None:
    company = await registry.find(name="没有这家公司有限公司")
    assert (company.status, company.id, company.candidates, company.cost) == ("none", "", [], Decimal("0.10"))


async def test_an_unknown_good_code_falls_back_to_the_name_but_is_not_contradicted(registry: Registry) -> None:
    company = await registry.find(name="苏州无期贸易有限公司", credit_code="91320594MA1HR0007B")
    assert (company.status, [c.credit_code for c in company.candidates]) == ("ambiguous", ["91320594MA1HR0010N"])


async def test_a_mistyped_code_is_a_warning_and_the_name_decides(registry: Registry) -> None:
    company = await registry.find(name=NAME, credit_code="91320594MA1ABCDE2X")
    assert (company.status, company.credit_code) == ("found", CODE)
    assert [e["effect"] for e in registry.effects()] == ["company.searched", "company.read"]


async def test_a_mistyped_code_alone_is_asked_all_the_same(registry: Registry) -> None:
    company = await registry.find(credit_code="91320594MA1ABCDE2X")
    assert (company.status, company.cost) == ("none", Decimal("0.20"))


async def test_a_code_with_another_name_is_found_and_the_difference_is_told(registry: Registry) -> None:
    company = await registry.find(name="恒锐精密", credit_code=CODE)
    assert (company.status, company.name, company.name_matches) == ("found", NAME, False)


def test_without_name_and_code_nobody_is_wanted() -> None:
    with pytest.raises(ValueError, match="名称"):
        Wanted.model_validate({"name": "  "})


def test_one_company_listed_twice_is_one() -> None:
    twice = [Candidate(id="1", name=NAME), Candidate(id="1", name=NAME)]
    assert choose(twice, NAME, "") == twice[0]


async def test_marks_of_the_search_are_stripped_and_persons_left_out(tmp_path: Path) -> None:
    registry = Registry(tmp_path, "tianyancha")
    company = await registry.find(name="恒锐")
    assert company.status == "ambiguous"
    assert {c.name for c in company.candidates} == {NAME, f"{NAME}工会委员会"}
