"""REST of the home system. Money is text with two places ("628000.00"); lists are newest first, paged by cursor."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel

from core_crm import commands, facts, people, shapes, store, timeline, whole
from core_crm.edits import note_edit
from core_crm.exact_route import INVALID, ExactRoute, answer
from core_crm.model import Status
from core_crm.refuse import demand
from core_crm.store import Listing
from hub import sdk

ID = re.compile(r"[a-z]{3}_[0-9a-f]{28}")

Limit = Annotated[int, Query(ge=1, le=200, description="rows on a page / 每页条数")]
Cursor = Annotated[str | None, Query(max_length=100, description="`next` of the page before / 上一页的 next")]
Id = Annotated[str, Path(max_length=60, pattern=shapes.ONE_LINE)]
Filter = Annotated[str | None, Query(max_length=200, pattern=shapes.ONE_LINE)]
Thread = Annotated[str | None, Query(max_length=500, pattern=shapes.ONE_LINE)]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=255, description="a repeat gets the first answer"),
]


def scope(name: str) -> Any:
    """A dependency: who calls, when the key has this scope; Problem 403 when not."""

    async def check(request: Request) -> sdk.Principal:
        principal: sdk.Principal | None = getattr(request.state, "principal", None)
        if principal is None:
            raise sdk.Problem(
                401, "unauthenticated", "no API key", hint=sdk.Text("请带上 API 密钥。", "Send an API key.")
            )
        if not principal.scopes & {name, "admin"}:
            hint = sdk.Text(f"换用带有 {name} 权限的密钥。", f"Use a key with the scope {name}.")
            raise sdk.Problem(403, "forbidden", f"the key lacks the scope {name}", hint=hint)
        return principal

    return Depends(check)


Reader = Annotated[sdk.Principal, scope("crm:read")]
Writer = Annotated[sdk.Principal, scope("crm:write")]


class Desk:
    """What every route does around its command: unit of work, idempotency, shape of the answer."""

    def __init__(self, work: sdk.Work) -> None:
        self._work = work

    async def list(
        self,
        who: sdk.Principal,
        listing: Listing,
        shape: type[BaseModel],
        limit: int,
        cursor: str | None,
        **filters: Any,
    ) -> Response:
        """One page; an unknown customer_id or contact_id is Problem 404."""
        async with self._work.begin(who.tenant_id) as unit:
            for owner in (store.CUSTOMERS, store.CONTACTS):
                if owner_id := filters.get(f"{owner.kind}_id"):
                    await demand(unit, owner, owner_id)
            rows = await store.page(unit, listing, limit + 1, _after(cursor), **filters)
        items = [_show(shape, row) for row in rows[:limit]]
        onward = urlsafe_b64encode(rows[limit - 1]["id"].encode()).decode() if len(rows) > limit else None
        return answer(200, {"items": items, "next": onward})

    async def get(self, who: sdk.Principal, listing: Listing, shape: type[BaseModel], record_id: str) -> Response:
        """One record, or Problem 404."""
        return await self.show(who, lambda unit: _one(unit, listing, shape, record_id))

    async def show(self, who: sdk.Principal, read: Callable[[sdk.Unit], Awaitable[sdk.Json]]) -> Response:
        """What `read` finds in one transaction."""
        async with self._work.begin(who.tenant_id) as unit:
            return answer(200, await read(unit))

    async def create(
        self,
        who: sdk.Principal,
        request: Request,
        key: str | None,
        command: Callable[[sdk.Unit, Any], Awaitable[str]],
        given: BaseModel,
        listing: Listing,
        shape: type[BaseModel],
    ) -> Response:
        """Create a record by its command, and answer with it."""

        async def do(unit: sdk.Unit) -> sdk.Json:
            return await _one(unit, listing, shape, await command(unit, given))

        return await self.write(who, request, key, do)

    async def write(
        self,
        who: sdk.Principal,
        request: Request,
        key: str | None,
        do: Callable[[sdk.Unit], Awaitable[sdk.Json]],
        status: int = 201,
        wrote: Callable[[sdk.Json], sdk.Json] = lambda made: made,
    ) -> Response:
        """Do it once for each Idempotency-Key; a repeat gets the first answer.

        Who did it is noted with what was `wrote` by field; by default that is all the answer shows.
        """

        async def once(unit: sdk.Unit) -> tuple[int, sdk.Json]:
            made = await do(unit)
            await note_edit(unit, who, made["id"], wrote(made))
            return status, made

        digest = sha256(await request.body()).hexdigest()
        fingerprint = sha256(f"{request.method} {request.url.path} {digest}".encode()).hexdigest()
        return answer(*await self._work.once(who.tenant_id, key or "", fingerprint, once))


def router(work: sdk.Work) -> APIRouter:
    """The routes of the home system, without a prefix. Something before them sets `request.state.principal`."""
    routes = APIRouter(route_class=ExactRoute)
    desk = Desk(work)
    for add in (_customers, _contacts, _contracts, _receivables, _payments, _interactions):
        add(routes, desk)
    return routes


def _show(shape: type[BaseModel], row: store.Row) -> sdk.Json:
    return shape.model_validate(row).model_dump(mode="json")


async def _one(unit: sdk.Unit, listing: Listing, shape: type[BaseModel], record_id: str) -> sdk.Json:
    return _show(shape, await demand(unit, listing, record_id))


def _after(cursor: str | None) -> str | None:
    """The id a cursor stands for; Problem 400 for one that is not ours."""
    if cursor is None:
        return None
    try:
        found = urlsafe_b64decode(cursor.encode()).decode()
    except ValueError:
        found = ""
    if not ID.fullmatch(found):
        raise sdk.Problem(400, "cursor", "this cursor is not one of ours", hint=INVALID, fields={"cursor": "invalid"})
    return found


async def _whole(unit: sdk.Unit, contract_id: str) -> sdk.Json:
    return (await whole.contract(unit, contract_id)).model_dump(mode="json")


async def _known(unit: sdk.Unit, customer_id: str) -> sdk.Json:
    return (await whole.customer(unit, customer_id)).model_dump(mode="json")


def _customers(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/customers", status_code=201, response_model=shapes.OpenCustomer)
    async def create(who: Writer, request: Request, given: shapes.NewCustomer, key: Key = None) -> Response:
        """新建客户 / create a customer."""

        async def do(unit: sdk.Unit) -> sdk.Json:
            return await _known(unit, await people.create_customer(unit, given))

        return await desk.write(who, request, key, do)

    @routes.put("/customers/{customer_id}/facts/{field}", response_model=shapes.OpenCustomer)
    async def state(
        who: Writer, request: Request, customer_id: Id, field: shapes.Fact, given: shapes.NewFact, key: Key = None
    ) -> Response:
        """人工填写一项工商信息，优先于登记机关；空值为撤回 / state a fact, over what registries say."""

        async def do(unit: sdk.Unit) -> sdk.Json:
            await facts.state_fact(unit, customer_id, field, given.value)
            return await _known(unit, customer_id)

        return await desk.write(who, request, key, do, 200, lambda _made: {f"facts.{field}.value": given.value})

    @routes.get("/customers", response_model=shapes.Page[shapes.Customer])
    async def page(who: Reader, limit: Limit = 50, cursor: Cursor = None, number: Filter = None) -> Response:
        """客户列表 / list customers."""
        return await desk.list(who, store.CUSTOMERS, shapes.Customer, limit, cursor, number=number)

    @routes.get("/customers/{customer_id}", response_model=shapes.OpenCustomer)
    async def get(who: Reader, customer_id: Id) -> Response:
        """一个客户及其联系人、工商信息 / one customer, its contacts and what registries say."""
        return await desk.show(who, lambda unit: _known(unit, customer_id))


def _contacts(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/contacts", status_code=201, response_model=shapes.Contact)
    async def create(who: Writer, request: Request, given: shapes.NewContact, key: Key = None) -> Response:
        """新建联系人 / create a contact."""
        return await desk.create(who, request, key, people.create_contact, given, store.CONTACTS, shapes.Contact)

    @routes.get("/contacts", response_model=shapes.Page[shapes.Contact])
    async def page(who: Reader, limit: Limit = 50, cursor: Cursor = None, customer_id: Filter = None) -> Response:
        """联系人列表 / list contacts."""
        return await desk.list(who, store.CONTACTS, shapes.Contact, limit, cursor, customer_id=customer_id)

    @routes.get("/contacts/{contact_id}", response_model=shapes.Contact)
    async def get(who: Reader, contact_id: Id) -> Response:
        """一个联系人 / one contact."""
        return await desk.get(who, store.CONTACTS, shapes.Contact, contact_id)


def _contracts(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/contracts", status_code=201, response_model=shapes.OpenContract)
    async def create(who: Writer, request: Request, given: shapes.NewContract, key: Key = None) -> Response:
        """新建合同（草稿） / create a contract in draft."""

        async def do(unit: sdk.Unit) -> sdk.Json:
            return await _whole(unit, await commands.create_contract(unit, given))

        return await desk.write(who, request, key, do)

    @routes.post("/contracts/{contract_id}/submit", response_model=shapes.OpenContract)
    async def submit(who: Writer, request: Request, contract_id: Id, key: Key = None) -> Response:
        """提交审批 / submit for approval."""

        async def do(unit: sdk.Unit) -> sdk.Json:
            await commands.submit_contract(unit, contract_id)
            return await _whole(unit, contract_id)

        def wrote(made: sdk.Json) -> sdk.Json:
            return {name: made[name] for name in ("status", "submission_no")}

        return await desk.write(who, request, key, do, 200, wrote)

    @routes.get("/contracts", response_model=shapes.Page[shapes.Contract])
    async def page(
        who: Reader,
        limit: Limit = 50,
        cursor: Cursor = None,
        number: Filter = None,
        customer_id: Filter = None,
        status: Status | None = None,
    ) -> Response:
        """合同列表 / list contracts."""
        filters = {"number": number, "customer_id": customer_id, "status": status}
        return await desk.list(who, store.CONTRACTS, shapes.Contract, limit, cursor, **filters)

    @routes.get("/contracts/{contract_id}", response_model=shapes.OpenContract)
    async def get(who: Reader, contract_id: Id) -> Response:
        """一份合同及其去向 / one contract and what became of it."""
        return await desk.show(who, lambda unit: _whole(unit, contract_id))


def _receivables(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/receivables", response_model=shapes.Page[shapes.Receivable])
    async def page(
        who: Reader,
        limit: Limit = 50,
        cursor: Cursor = None,
        number: Filter = None,
        customer_id: Filter = None,
        status: Literal["open", "settled"] | None = None,
    ) -> Response:
        """应收列表 / list receivables."""
        filters = {"number": number, "customer_id": customer_id, "status": status}
        return await desk.list(who, store.RECEIVABLES, shapes.Receivable, limit, cursor, **filters)

    @routes.get("/receivables/{receivable_id}", response_model=shapes.Receivable)
    async def get(who: Reader, receivable_id: Id) -> Response:
        """一笔应收 / one receivable."""
        return await desk.get(who, store.RECEIVABLES, shapes.Receivable, receivable_id)


def _payments(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/payments", response_model=shapes.Page[shapes.Payment])
    async def page(
        who: Reader,
        limit: Limit = 50,
        cursor: Cursor = None,
        number: Filter = None,
        customer_id: Filter = None,
        status: Literal["allocated", "unallocated"] | None = None,
    ) -> Response:
        """回款列表；unallocated 为未核销 / list payments."""
        filters = {"number": number, "customer_id": customer_id, "status": status}
        return await desk.list(who, store.PAYMENTS, shapes.Payment, limit, cursor, **filters)

    @routes.get("/payments/{payment_id}", response_model=shapes.Payment)
    async def get(who: Reader, payment_id: Id) -> Response:
        """一笔回款 / one payment."""
        return await desk.get(who, store.PAYMENTS, shapes.Payment, payment_id)


def _interactions(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/interactions", status_code=201, response_model=shapes.Interaction)
    async def create(who: Writer, request: Request, given: shapes.NewInteraction, key: Key = None) -> Response:
        """记录一次往来 / note an interaction."""
        return await desk.create(
            who, request, key, timeline.create_interaction, given, store.INTERACTIONS, shapes.Interaction
        )

    @routes.get("/interactions", response_model=shapes.Page[shapes.Interaction])
    async def page(
        who: Reader,
        limit: Limit = 50,
        cursor: Cursor = None,
        customer_id: Filter = None,
        contact_id: Filter = None,
        thread: Thread = None,
    ) -> Response:
        """往来列表 / list interactions."""
        filters = {"customer_id": customer_id, "contact_id": contact_id, "thread": thread}
        return await desk.list(who, store.INTERACTIONS, shapes.Interaction, limit, cursor, **filters)

    @routes.get("/interactions/{interaction_id}", response_model=shapes.Interaction)
    async def get(who: Reader, interaction_id: Id) -> Response:
        """一次往来 / one interaction."""
        return await desk.get(who, store.INTERACTIONS, shapes.Interaction, interaction_id)
