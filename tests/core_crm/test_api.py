"""REST of the home system through the whole of /api/v1: keys, scopes, exact money, pages, repeats, refusals."""

import asyncio
from typing import Any

import httpx

from core_crm import shapes
from hub import sdk
from tests.core_crm.caller import Caller, caller
from tests.core_crm.samples import AGREED, APPROVAL, BOOKED, CUSTOMER, LINES, PAID, act, contract_of, rows
from tests.core_crm.works import Works


async def made(client: Caller, number: str = "HT-1", **changes: Any) -> dict[str, Any]:
    """A contract of a new customer, as answered."""
    _, customer = await client.post("/customers", {**CUSTOMER, "number": f"C-{number}"})
    status, contract = await client.post("/contracts", contract_of(customer["id"], number, **changes))
    assert status == 201, contract
    answer: dict[str, Any] = contract
    return answer


OPEN: dict[str, Any] = {"contacts": [], "facts": {}, "registry": None}
"""What a customer shows beside its row in a list, while nobody has told anything of it."""


async def test_a_customer_is_made_found_and_listed(client: Caller) -> None:
    status, customer = await client.post(
        "/customers", {**CUSTOMER, "credit_code": "９１５２００００２１４４３４１４６r"}
    )
    assert (status, customer["credit_code"]) == (201, "91520000214434146R")
    assert await client.get(f"/customers/{customer['id']}") == (200, customer)
    assert {name: customer.pop(name) for name in OPEN} == OPEN
    assert await client.get("/customers", number="C-0001") == (200, {"items": [customer], "next": None})
    assert await client.get("/customers", number="C-0002") == (200, {"items": [], "next": None})


async def test_the_whole_life_of_a_contract_can_be_read(client: Caller, works: Works) -> None:
    contract = await made(client)
    assert (contract["status"], contract["amount"], len(contract["lines"])) == ("draft", "628000.00", 10)
    assert contract["lines"][2] == {
        **{"line_no": 3, "product": "加工中心 3", "spec": "VMC-850", "unit": "台"},
        **{"quantity": "1.0000", "unit_price": "0.0100", "tax_rate": "13.00", "amount": "0.01"},
    }
    place = f"/contracts/{contract['id']}"
    status, submitted = await client.post(f"{place}/submit")
    assert (status, submitted["status"], submitted["approvals"], submitted["receivable"]) == (
        200,
        "submitted",
        [],
        None,
    )

    await act(works, "dingtalk", "record_approval", contract_id=contract["id"], **APPROVAL)
    await act(works, "dingtalk", "decide_approval", **AGREED)
    await act(works, "kingdee", "book_receivable", contract_id=contract["id"], **BOOKED)
    await act(works, "kingdee", "record_payment", **PAID)

    _, booked = await client.get(place)
    assert (booked["status"], booked["customer"]["number"]) == ("booked", "C-HT-1")
    assert [(a["instance_id"], a["status"], a["decided_at"]) for a in booked["approvals"]] == [
        ("proc-1", "approved", "2026-11-22T01:30:05Z")
    ]
    receivable = booked["receivable"]
    money = [receivable[name] for name in ("number", "amount", "paid", "outstanding", "status")]
    assert money == ["AR-HT-1", "628000.00", "200000.00", "428000.00", "open"]
    assert await client.get(f"/receivables/{receivable['id']}") == (200, receivable)
    _, payments = await client.get("/payments", customer_id=contract["customer_id"], status="allocated")
    (payment,) = payments["items"]
    assert (payment["amount"], payment["receivable_id"]) == ("200000.00", receivable["id"])
    assert await client.get(f"/payments/{payment['id']}") == (200, payment)


async def test_money_may_come_as_text_or_number_and_leaves_as_exact_text(client: Caller) -> None:
    _, customer = await client.post("/customers", CUSTOMER)
    line = {**LINES[0], "quantity": "3", "unit_price": "@"}
    for n, price in enumerate((b"0.1", b'"0.1"', b'"0.1000"', b"0.10000000")):
        body = sdk.dumps(contract_of(customer["id"], f"HT-{n}", amount="0.30", lines=[line])).encode()
        status, contract = await client.post("/contracts", body.replace(b'"@"', price))
        assert (status, contract["amount"], contract["lines"][0]["unit_price"]) == (201, "0.30", "0.1000")


async def test_the_largest_amount_passes_digit_for_digit(client: Caller) -> None:
    line = {**LINES[0], "quantity": "1", "unit_price": "99999999999999.9900"}
    contract = await made(client, amount="99999999999999.99", lines=[line])
    assert contract["amount"] == "99999999999999.99"


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"amount": "628000.01"}, "amount"),
    ({"amount": "1e5"}, "amount"),
    ({"lines": []}, "lines"),
    ({"lines": [{**LINES[0], "quantity": "0"}]}, "lines.0.quantity"),
    ({"lines": [{**LINES[0], "unit_price": "0.00001"}]}, "lines.0.unit_price"),
    ({"lines": [{**LINES[0], "tax_rate": "100.01"}]}, "lines.0.tax_rate"),
    ({"lines": [{**LINES[0], "amount": "1"}]}, "lines.0.amount"),
    ({"lines": [{**LINES[0], "product": " "}]}, "lines.0.product"),
    ({"due_on": "2026-11-19"}, "due_on"),
    ({"signed_on": "20.11.2026"}, "signed_on"),
    ({"currency": "cny"}, "currency"),
    ({"title": "a\nb"}, "title"),
    ({"status": "approved"}, "status"),
    ({"tenant_id": "other"}, "tenant_id"),
    ({"<script>": "1"}, "?"),
)


async def test_what_is_wrong_is_named_and_not_echoed(client: Caller) -> None:
    _, customer = await client.post("/customers", CUSTOMER)
    for change, field in WRONG:
        body = contract_of(customer["id"], **change)
        if "lines" in change:
            del body["amount"]
        status, problem = await client.post("/contracts", body)
        assert (status, problem["code"]) == (422, "invalid"), change
        assert [error["field"] for error in problem["errors"]] == [field]
        assert problem["hint"]["zh"]
        assert problem["hint"]["en"]
        assert "script" not in sdk.dumps(problem)
    assert (await client.get("/contracts"))[1]["items"] == []


async def test_a_wrong_credit_code_is_said_in_both_languages(client: Caller) -> None:
    status, problem = await client.post("/customers", {**CUSTOMER, "credit_code": "91520000214434146X"})
    assert (status, problem["errors"]) == (
        422,
        [{"field": "credit_code", "message": "统一社会信用代码校验位不对 / the check character does not fit"}],
    )


UNREADABLE = (b"{", b"\xff", b'{"a":NaN}', b'{"a":1,"a":2}', b"[" * 100_000, b'{"a":"\\u0000"}', b'{"a":"\\ud800"}')


async def test_a_body_that_is_not_exact_json_is_unreadable(client: Caller) -> None:
    for body in UNREADABLE:
        status, problem = await client.post("/customers", body)
        assert (status, problem["code"]) == (400, "unreadable"), body[:20]


async def test_a_body_that_is_no_object_is_invalid(client: Caller) -> None:
    for body in (b"", b"null", b"[]", b"1.5", b'"text"'):
        status, problem = await client.post("/customers", body)
        assert (status, problem["code"]) == (422, "invalid"), body


async def test_a_repeat_with_the_same_key_gets_the_first_answer_and_makes_nothing(client: Caller) -> None:
    key = {"idempotency-key": "k" * 255}
    answers = await asyncio.gather(*(client.post("/customers", CUSTOMER, **key) for _ in range(8)))
    assert [status for status, _ in answers] == [201] * 8
    assert len({body["id"] for _, body in answers}) == 1
    assert len((await client.get("/customers"))[1]["items"]) == 1


async def test_a_key_is_bound_to_its_request(client: Caller) -> None:
    key = {"idempotency-key": "k"}
    _, customer = await client.post("/customers", CUSTOMER, **key)
    for path, body in (("/customers", {**CUSTOMER, "name": "另一家"}), ("/contacts", CUSTOMER)):
        assert (await client.post(path, body, **key))[0] in (409, 422)
    status, problem = await client.post("/customers", {**CUSTOMER, "number": "C-2"}, **key)
    assert (status, problem["code"]) == (409, "idempotency-key-reused")
    assert [OPEN | each for each in (await client.get("/customers"))[1]["items"]] == [customer]


async def test_submitting_twice_with_one_key_is_one_submission(client: Caller) -> None:
    contract = await made(client)
    place = f"/contracts/{contract['id']}/submit"
    first = await client.post(place, **{"idempotency-key": "s"})
    assert first == await client.post(place, **{"idempotency-key": "s"})
    assert first[1]["submission_no"] == 1
    status, problem = await client.post(place)
    assert (status, problem["code"]) == (409, "contract-status")


async def test_a_key_of_a_refused_request_may_be_used_again(client: Caller) -> None:
    key = {"idempotency-key": "again"}
    assert (await client.post("/contacts", {"customer_id": "cus_none", "name": "王工"}, **key))[0] == 404
    _, customer = await client.post("/customers", CUSTOMER)
    assert (await client.post("/contacts", {"customer_id": customer["id"], "name": "王工"}, **key))[0] == 201


async def test_a_key_too_long_or_empty_is_refused(client: Caller) -> None:
    for key in ("", "k" * 256):
        status, problem = await client.post("/customers", CUSTOMER, **{"idempotency-key": key})
        assert (status, problem["errors"][0]["field"]) == (422, "header.Idempotency-Key")


async def test_a_taken_number_is_a_conflict_that_names_the_field(client: Caller) -> None:
    contract = await made(client)
    for path, body in (
        ("/customers", {**CUSTOMER, "number": "C-HT-1"}),
        ("/contracts", contract_of(contract["customer_id"])),
    ):
        status, problem = await client.post(path, body)
        assert (status, problem["errors"][0]["field"]) == (409, "number")


async def test_pages_walk_the_whole_list_once_while_it_grows(client: Caller) -> None:
    for n in range(7):
        await client.post("/customers", {**CUSTOMER, "number": f"C-{n}"})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        _, page = await client.get("/customers", limit=3, **cursor)
        seen += [item["number"] for item in page["items"]]
        await client.post("/customers", {**CUSTOMER, "number": f"late-{len(seen)}"})
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [f"C-{n}" for n in reversed(range(7))]


async def test_a_cursor_that_is_not_ours_is_refused(client: Caller) -> None:
    for cursor in ("", "x", "汉", "AAAA", "Y3VzXzE=", "%00"):
        status, problem = await client.get("/customers", cursor=cursor)
        assert (status, problem["errors"][0]["field"]) == (400, "cursor"), cursor


async def test_a_page_has_one_to_200_rows(client: Caller) -> None:
    for limit in ("0", "201", "-1", "1e9", "x"):
        status, problem = await client.get("/contracts", limit=limit)
        assert (status, problem["errors"][0]["field"]) == (422, "query.limit"), limit


async def test_lists_filter_by_number_customer_and_status(client: Caller) -> None:
    one, two = await made(client, "HT-1"), await made(client, "HT-2")
    await client.post(f"/contracts/{two['id']}/submit")
    for query, found in (
        ({"number": "HT-1"}, [one]),
        ({"customer_id": two["customer_id"]}, [two]),
        ({"status": "submitted"}, [two]),
        ({"status": "submitted", "number": "HT-1"}, []),
    ):
        _, page = await client.get("/contracts", **query)
        assert [item["id"] for item in page["items"]] == [each["id"] for each in found]
    assert (await client.get("/contracts", status="lost"))[0] == 422


async def test_contacts_and_interactions_belong_to_a_customer(client: Caller) -> None:
    contract = await made(client)
    customer_id = contract["customer_id"]
    _, contact = await client.post("/contacts", {"customer_id": customer_id, "name": "王工", "mobile": "13800000000"})
    note = {"customer_id": customer_id, "contract_id": contract["id"], "kind": "visit", "text": "验收\n合格"}
    status, interaction = await client.post("/interactions", {**note, "at": "2026-11-28T09:00:00+08:00"})
    assert (status, interaction["text"], interaction["at"]) == (201, "验收\n合格", "2026-11-28T01:00:00Z")
    for path, record in (("/contacts", contact), ("/interactions", interaction)):
        assert await client.get(path, customer_id=customer_id) == (200, {"items": [record], "next": None})
        assert await client.get(f"{path}/{record['id']}") == (200, record)


async def test_an_unallocated_payment_is_visible(client: Caller, works: Works) -> None:
    await act(works, "kingdee", "record_payment", **PAID)
    _, page = await client.get("/payments", status="unallocated")
    assert [(item["number"], item["receivable_id"]) for item in page["items"]] == [("SKD-1", None)]
    assert (await client.get("/payments", status="allocated"))[1]["items"] == []


async def test_another_tenants_record_is_not_there_wherever_its_id_is_put(
    client: Caller, works: Works, http: httpx.AsyncClient
) -> None:
    contract = await made(client)
    other = await caller(works, http, tenant="other")
    foreign, absent = [
        [
            await other.get(f"/contracts/{contract_id}"),
            await other.post(f"/contracts/{contract_id}/submit"),
            await other.get(f"/customers/{customer_id}"),
            await other.get("/contracts", customer_id=customer_id),
            await other.post("/contracts", contract_of(customer_id)),
            await other.post("/contacts", {"customer_id": customer_id, "name": "x"}),
        ]
        for contract_id, customer_id in ((contract["id"], contract["customer_id"]), ("ctr_0", "cus_0"))
    ]
    assert foreign == absent
    assert [status for status, _ in foreign] == [404] * 6
    assert (await client.get(f"/contracts/{contract['id']}"))[1]["status"] == "draft"


async def test_odd_ids_are_refused_calmly(client: Caller) -> None:
    odd = ("%00", "%0a", "x" * 300, "%F0%9F%98%80", "%27%20OR%201=1--", "-1", "00000000-0000-0000-0000-000000000000")
    for kind in ("customers", "contacts", "contracts", "receivables", "payments", "interactions"):
        for record_id in odd:
            assert (await client.get(f"/{kind}/{record_id}"))[0] in (404, 422), (kind, record_id)


async def test_a_key_that_may_read_may_not_write_and_none_may_do_nothing(works: Works, http: httpx.AsyncClient) -> None:
    reader = await caller(works, http, "crm:read")
    assert (await reader.get("/customers"))[0] == 200
    status, problem = await reader.post("/customers", CUSTOMER)
    assert (status, "crm:write" in problem["hint"]["en"]) == (403, True)
    assert (await (await caller(works, http, "crm:write")).get("/customers"))[0] == 403
    assert (await (await caller(works, http, "deliveries:read")).get("/contracts"))[0] == 403
    nobody = Caller(http, "")
    assert (await nobody.post("/customers", b"{"))[0] == 401
    assert await rows(works, "SELECT id FROM customers") == []


async def test_the_openapi_document_knows_every_route_its_body_and_its_answer(http: httpx.AsyncClient) -> None:
    document = sdk.loads((await http.get("http://hub/openapi.json")).content)
    ours = {path: item for path, item in document["paths"].items() if path.startswith("/api/v1/c")}
    assert set(ours) == {
        *("/api/v1/customers", "/api/v1/customers/{customer_id}", "/api/v1/contacts", "/api/v1/contacts/{contact_id}"),
        "/api/v1/customers/{customer_id}/facts/{field}",
        *("/api/v1/contracts", "/api/v1/contracts/{contract_id}", "/api/v1/contracts/{contract_id}/submit"),
    }
    create = ours["/api/v1/contracts"]["post"]
    assert create["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewContract"
    }
    answer = create["responses"]["201"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/OpenContract"}
    schemas = document["components"]["schemas"]
    assert schemas["OpenContract"]["properties"]["amount"]["type"] == "string"
    assert "Idempotency-Key" in [p["name"] for p in create["parameters"]]
    assert set(schemas["NewContract"]["properties"]) == set(shapes.NewContract.model_fields)
