"""Contacts of other systems: found rather than doubled, newer news win, nothing depends on the order they come in."""

from functools import partial
from itertools import permutations
from typing import Any

import pytest

from core_crm import people
from core_crm.shapes import NewContact, NewCustomer
from hub import sdk
from tests.core_crm.samples import CUSTOMER, act, meet, rows
from tests.core_crm.works import Works

COMPANY = "苏州恒锐精密机械有限公司"
LI = {
    "external_id": "wm_li",
    "name": "李工",
    "owner": "zhangsan",
    "remark": "采购李工",
    "company": COMPANY,
    "mobile": "13812345678",
    "changed_at": "2026-11-28T09:00:00+08:00",
}
EARLIER, LATER = "2026-11-28T08:59:59+08:00", "2026-11-28T09:00:01+08:00"
HANDLES = "SELECT contact_id, owner, remark, removed_at IS NULL FROM contact_handles"


async def customer(works: Works, number: str = "C-1", name: str = COMPANY) -> str:
    async with works.begin("demo") as unit:
        return await people.create_customer(unit, NewCustomer(number=number, name=name))


async def contact(works: Works, customer_id: str, **given: Any) -> str:
    async with works.begin("demo") as unit:
        return await people.create_contact(unit, NewContact(customer_id=customer_id, **given))


async def save(works: Works, source: str = "wecom", **changes: Any) -> str:
    return (await act(works, source, "save_contact", **{**LI, **changes})).id


async def remove(works: Works, removed_at: str = LATER) -> str:
    return (await act(works, "wecom", "remove_contact", external_id="wm_li", removed_at=removed_at)).id


async def test_creating_a_customer_is_told_once_with_all_its_fields(works: Works) -> None:
    async with works.begin("demo") as unit:
        made = await people.create_customer(unit, NewCustomer.model_validate(CUSTOMER))
    assert await rows(works, "SELECT connection, type, subject, dedupe_key, data FROM events") == [
        (
            *("crm", "customer.created", made, f"customer.created:{made}"),
            {"customer": {"id": made, **CUSTOMER, "contacts": []}},
        )
    ]


async def test_a_taken_number_tells_nothing(works: Works) -> None:
    await customer(works)
    with pytest.raises(sdk.Problem, match="C-1"):
        await customer(works)
    assert await rows(works, "SELECT count(*) FROM events") == [(1,)]


async def test_a_person_is_saved_with_its_handle_and_a_repeat_changes_nothing(works: Works) -> None:
    owner = await customer(works)
    made = {await save(works) for _ in range(3)}
    assert await rows(works, "SELECT id, customer_id, name, source FROM contacts") == [(*made, owner, "李工", "wecom")]
    assert await rows(works, HANDLES) == [(*made, "zhangsan", "采购李工", True)]


@pytest.mark.parametrize("company", ["苏州恒锐精密机械有限公司", " 苏州恒锐 精密机械有限公司\u3000"])
async def test_blanks_and_full_width_forms_do_not_hide_the_company(works: Works, company: str) -> None:
    owner = await customer(works)
    await save(works, company=company)
    assert await rows(works, "SELECT customer_id FROM contacts") == [(owner,)]


async def test_brackets_and_letters_of_full_width_are_the_same_name(works: Works) -> None:
    owner = await customer(works, name="ABB（中国）有限公司")
    await save(works, company="ａbb (中国) 有限公司")
    assert await rows(works, "SELECT customer_id FROM contacts") == [(owner,)]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"mobile": "+86 138-1234-5678"}, {}),
        ({"mobile": "１３８１２３４５６７８"}, {}),
        ({"email": "Li@Hengrui.Example"}, {"email": "li@hengrui.example", "mobile": ""}),
    ],
    ids=["mobile with country code", "full-width mobile", "e-mail in other case"],
)
async def test_a_contact_of_the_same_company_is_found_not_doubled(
    works: Works, here: dict[str, str], there: dict[str, str]
) -> None:
    known = await contact(works, await customer(works), name="李建国", **here)
    assert await save(works, **there) == known
    assert await rows(works, "SELECT name FROM contacts") == [("李建国",)]


async def test_the_same_mobile_at_another_company_is_another_person(works: Works) -> None:
    known = await contact(works, await customer(works, "C-2", "另一家公司"), name="李建国", mobile=LI["mobile"])
    assert await save(works) != known


async def test_no_single_customer_of_that_name_leaves_the_contact_without_one(works: Works) -> None:
    await save(works)
    await save(works, external_id="wm_none", company="")
    assert await rows(works, "SELECT DISTINCT customer_id FROM contacts") == [(None,)]
    first = await customer(works)
    assert await rows(works, "SELECT company, customer_id FROM contacts ORDER BY company") == [
        ("", None),
        (COMPANY, first),
    ]
    await customer(works, "C-2")
    await save(works, external_id="wm_wang", mobile="")
    assert len(await rows(works, "SELECT id FROM contacts WHERE customer_id IS NULL")) == 2


async def test_what_our_people_wrote_is_completed_but_never_overwritten(works: Works) -> None:
    await contact(works, await customer(works), name="李建国", mobile=LI["mobile"], title="采购部长")
    await save(works, title="采购", email="li@hengrui.example")
    found = await rows(works, "SELECT name, title, email FROM contacts")
    assert found == [("李建国", "采购部长", "li@hengrui.example")]


async def test_newer_news_of_the_source_correct_and_older_are_ignored_in_every_order(works: Works) -> None:
    news = ((EARLIER, "旧"), (LI["changed_at"], "中"), (LATER, "新"))
    for n, order in enumerate(permutations(news)):
        for changed_at, name in order:
            await save(works, external_id=f"wm_{n}", changed_at=changed_at, name=name, owner=name, company="")
    assert await rows(
        works, "SELECT DISTINCT c.name, owner FROM contacts c JOIN contact_handles h ON contact_id = c.id"
    ) == [("新", "新")]


async def test_a_removal_marks_the_handle_and_the_contact_stays(works: Works) -> None:
    made = await save(works)
    assert {await remove(works) for _ in range(2)} == {made}
    assert await rows(works, HANDLES) == [(made, "zhangsan", "采购李工", False)]
    await save(works, changed_at="2026-11-29T09:00:00+08:00")
    assert await rows(works, HANDLES) == [(made, "zhangsan", "采购李工", True)]


async def test_an_old_removal_that_comes_late_does_not_take_back_what_is_newer(works: Works) -> None:
    made = await save(works)
    await remove(works, EARLIER)
    assert await rows(works, HANDLES) == [(made, "zhangsan", "采购李工", True)]


async def test_a_removal_that_comes_before_its_contact_is_kept(works: Works) -> None:
    assert (await remove(works)).startswith("hdl_")
    made = await save(works)
    assert await rows(works, HANDLES) == [(made, "zhangsan", "采购李工", False)]


async def test_the_same_id_of_another_source_is_another_handle_of_the_same_person(works: Works) -> None:
    await customer(works)
    assert await save(works) == await save(works, source="dingtalk")
    assert await rows(works, "SELECT source FROM contact_handles ORDER BY source") == [("dingtalk",), ("wecom",)]


async def test_odd_characters_and_lengths_lose_nobody(works: Works) -> None:
    await save(works, name="李\x00\n工\t😀", remark="长" * 1000, company=None)
    await save(works, external_id="wm_2", name="", mobile="", company="")
    found = await rows(works, "SELECT name FROM contacts ORDER BY name")
    assert found == [("wm_2",), ("李 工 😀",)]
    assert await rows(works, "SELECT max(length(remark)) FROM contact_handles") == [(200,)]


async def test_twenty_at_once_make_one_contact(works: Works) -> None:
    made = await meet(works, *[partial(save, works) for _ in range(20)])
    assert len(set(made)) == 1
    assert await rows(works, "SELECT count(*) FROM contact_handles") == [(1,)]


async def test_a_customer_and_its_people_made_at_once_find_one_another(works: Works) -> None:
    doings = [partial(save, works, external_id=f"wm_{n}", mobile=f"1380000000{n}") for n in range(9)]
    owner, *_ = await meet(works, partial(customer, works), *doings)
    assert await rows(works, "SELECT DISTINCT customer_id FROM contacts") == [(owner,)]
    assert await rows(works, "SELECT count(*) FROM contacts") == [(9,)]


async def test_another_tenants_customer_or_handle_is_never_found(works: Works) -> None:
    await customer(works)
    mine = await save(works)
    theirs = (await act(works, "wecom", "save_contact", tenant="other", **LI)).id
    assert theirs != mine
    assert await rows(works, "SELECT id, customer_id FROM contacts", "other") == [(theirs, None)]
    assert await rows(works, "SELECT contact_id FROM contact_handles", "other") == [(theirs,)]
