"""REST of what other systems told: an open customer, contacts with handles, a timeline, postings."""

from typing import Any

import httpx

from hub import sdk
from tests.core_crm.caller import Caller, caller
from tests.core_crm.samples import CUSTOMER, act, approved
from tests.core_crm.test_facts import CANDIDATES, enrich
from tests.core_crm.test_people import LI, save
from tests.core_crm.test_postings import POSTED, post
from tests.core_crm.test_timeline import MAIL, PAGE, chat, mail, revoke
from tests.core_crm.works import Works

OPEN: dict[str, Any] = {"contacts": [], "facts": {}, "registry": None}


async def new(client: Caller, **changes: Any) -> dict[str, Any]:
    status, customer = await client.post("/customers", {**CUSTOMER, **changes})
    assert status == 201, customer
    answer: dict[str, Any] = customer
    return answer


async def test_an_open_customer_shows_its_contacts_facts_and_registry(client: Caller, works: Works) -> None:
    made = await new(client, credit_code="")
    assert {name: made[name] for name in OPEN} == OPEN
    person = await save(works)
    await enrich(works, made["id"])
    status, shown = await client.get(f"/customers/{made['id']}")
    assert (status, shown["credit_code"]) == (200, "91520000214434146R")
    assert shown["contacts"] == [{"id": person, "name": "李工", "title": "", "mobile": LI["mobile"], "email": ""}]
    assert shown["facts"]["registered_capital"] == {
        **{"value": "5000000", "source": "tianyancha", "fetched_at": "2026-11-28T01:00:00Z", "suggestion": None}
    }
    assert shown["registry"] == {
        **{"status": "found", "provider": "tianyancha", "provider_id": "22822"},
        **{"fetched_at": "2026-11-28T01:00:00Z", "candidates": []},
    }


async def test_candidates_are_shown_for_a_person_to_choose(client: Caller, works: Works) -> None:
    made = await new(client)
    await enrich(works, made["id"], status="ambiguous", candidates=CANDIDATES)
    _, shown = await client.get(f"/customers/{made['id']}")
    assert (shown["registry"]["status"], shown["registry"]["candidates"]) == ("ambiguous", CANDIDATES)
    assert shown["facts"] == {}


async def test_a_person_states_a_fact_and_takes_it_back(client: Caller, works: Works) -> None:
    made = await new(client)
    await enrich(works, made["id"])
    place = f"/customers/{made['id']}/facts/company_status"
    status, shown = await client.put(place, {"value": "停产"})
    fact = shown["facts"]["company_status"]
    assert (status, fact["value"], fact["source"]) == (200, "停产", "crm")
    assert (fact["suggestion"]["value"], fact["suggestion"]["source"]) == ("存续", "tianyancha")
    _, shown = await client.put(place, {"value": ""})
    assert (shown["facts"]["company_status"]["source"], shown["facts"]["company_status"]["suggestion"]) == (
        "tianyancha",
        None,
    )


async def test_only_known_fields_of_known_customers_can_be_stated(
    client: Caller, works: Works, http: httpx.AsyncClient
) -> None:
    made = await new(client)
    for place, body, refused in (
        (f"/customers/{made['id']}/facts/shoe_size", {"value": "44"}, 422),
        (f"/customers/{made['id']}/facts/industry", {"value": "x" * 201}, 422),
        (f"/customers/{made['id']}/facts/industry", {}, 422),
        ("/customers/cus_0/facts/industry", {"value": "44"}, 404),
    ):
        assert (await client.put(place, body))[0] == refused, place
    place = f"/customers/{made['id']}/facts/industry"
    assert (await (await caller(works, http, tenant="other")).put(place, {"value": "x"}))[0] == 404
    assert (await (await caller(works, http, "crm:read")).put(place, {"value": "x"}))[0] == 403
    assert (await client.get(f"/customers/{made['id']}"))[1]["facts"] == {}


async def test_a_contact_shows_how_other_systems_know_it(client: Caller, works: Works) -> None:
    person = await save(works)
    await act(works, "wecom", "remove_contact", external_id="wm_li", removed_at="2026-11-28T10:00:00+08:00")
    status, shown = await client.get(f"/contacts/{person}")
    assert (status, shown["customer_id"], shown["company"], shown["source"]) == (200, None, LI["company"], "wecom")
    handle = {"source": "wecom", "external_id": "wm_li", "owner": "zhangsan", "remark": "采购李工"}
    moved = "2026-11-28T02:00:00Z"
    assert shown["handles"] == [{**handle, "removed_at": moved, "changed_at": moved}]
    assert (await client.get("/contacts"))[1]["items"] == [shown]


async def test_the_timeline_is_filtered_by_customer_contact_and_thread(client: Caller, works: Works) -> None:
    made = await new(client)
    person = await save(works)
    said, written = await chat(works), await mail(works)
    for query, found in (
        ({}, [written, said]),
        ({"customer_id": made["id"]}, [said]),
        ({"contact_id": person}, [said]),
        ({"thread": MAIL["thread"]}, [written]),
        ({"thread": MAIL["thread"], "contact_id": person}, []),
        ({"thread": "another"}, []),
    ):
        _, page = await client.get("/interactions", **query)
        assert [each["id"] for each in page["items"]] == found, query
    assert (await client.get("/interactions", contact_id="cnt_0"))[0] == 404


async def test_an_interaction_with_somebody_unknown_is_shown_whole(client: Caller, works: Works) -> None:
    made = await mail(works)
    _, shown = await client.get(f"/interactions/{made}")
    assert shown.pop("created_at")
    assert shown == {
        **{"id": made, "customer_id": None, "contract_id": None, "contact_id": None, "kind": "email"},
        **{"direction": "in", "subject": "关于合同", "text": MAIL["text"], "thread": MAIL["thread"]},
        **{"attachments": [PAGE], "source": "mail", "external_id": MAIL["external_id"], "consent": True},
        **{"revoked_at": None, "at": "2026-11-28T01:31:00Z"},
        "counterpart": {"name": "李工", "external_id": "", "email": "li.gong@hengrui.example"},
    }


async def test_a_revoked_message_shows_when_and_no_words(client: Caller, works: Works) -> None:
    made = await chat(works)
    await revoke(works)
    _, shown = await client.get(f"/interactions/{made}")
    assert (shown["text"], shown["revoked_at"]) == ("", "2026-11-28T01:32:00Z")


async def test_a_persons_note_may_name_the_contact_of_its_own_customer(client: Caller, works: Works) -> None:
    made, other = await new(client), await new(client, number="C-2", name="另一家")
    person = await save(works)
    note = {"customer_id": made["id"], "contact_id": person, "kind": "email", "text": "已回复"}
    status, shown = await client.post("/interactions", note)
    assert (status, shown["contact_id"], shown["source"], shown["external_id"]) == (201, person, "crm", "")
    assert (await client.post("/interactions", note))[0] == 201
    status, problem = await client.post("/interactions", {**note, "customer_id": other["id"]})
    assert (status, problem["code"]) == (409, "contact-of-another-customer")


async def test_an_open_contract_shows_its_postings(client: Caller, works: Works) -> None:
    made = await approved(works)
    assert (await client.get(f"/contracts/{made}"))[1]["postings"] == []
    await post(works, made)
    (shown,) = (await client.get(f"/contracts/{made}"))[1]["postings"]
    assert shown.pop("booked_at")
    assert shown == {"source": "yonyou", **POSTED}


async def test_another_tenant_sees_nothing_of_it(client: Caller, works: Works, http: httpx.AsyncClient) -> None:
    made = await new(client)
    places = [f"/customers/{made['id']}", f"/contacts/{await save(works)}", f"/interactions/{await chat(works)}"]
    other = await caller(works, http, tenant="other")
    assert [(await other.get(place))[0] for place in places] == [404] * 3
    for kind in ("customers", "contacts", "interactions"):
        assert (await other.get(f"/{kind}"))[1]["items"] == []


async def test_the_openapi_document_knows_the_new_shapes(http: httpx.AsyncClient) -> None:
    document = sdk.loads((await http.get("http://hub/openapi.json")).content)
    place = document["paths"]["/api/v1/customers/{customer_id}"]["get"]
    answer = place["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/OpenCustomer"}
    asked = {each["name"] for each in document["paths"]["/api/v1/interactions"]["get"]["parameters"]}
    assert asked >= {"customer_id", "contact_id", "thread"}
    shapes = document["components"]["schemas"]
    assert set(shapes["OpenCustomer"]["properties"]) >= set(OPEN)
    assert shapes["Posting"]["properties"]["amount"]["type"] == "string"
