"""Every error is a problem; none echoes what was sent; what nobody foresaw is a bare 500."""

from typing import Annotated, Literal

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from hub import api, sdk
from hub.ledger.database import Unavailable

CANARY = "canary-7f3a"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Given(BaseModel):
    model_config = ConfigDict(extra="forbid")
    count: int
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    colour: Literal["red"] = "red"


def make_app() -> FastAPI:
    app = FastAPI()

    @app.post("/given")
    async def given(_given: Given) -> None:
        """Takes a Given."""

    @app.get("/fail/{how}")
    async def fail(how: str) -> None:
        hint = sdk.Text("做", "do")
        raise {
            "problem": sdk.Problem(404, "contract-not-found", "no such contract", hint=hint, fields={"id": "unknown"}),
            "unreadable": sdk.Unreadable("not JSON", hint=hint),
            "away": Unavailable(f"password {CANARY}"),
        }.get(how, RuntimeError(CANARY))

    api.guard(app, 1024, 1)
    return app


@pytest.fixture
def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(make_app()), base_url="http://hub")


async def test_a_refusal_says_what_where_and_what_to_do(client: httpx.AsyncClient) -> None:
    answer = await client.get("/fail/problem")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:lianshu:problem:contract-not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "no such contract",
        "code": "contract-not-found",
        "hint": {"zh": "做", "en": "do"},
        "errors": [{"field": "id", "message": "unknown"}],
    }


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [("unreadable", 400, "unreadable"), ("away", 503, "unavailable"), ("bug", 500, "unexpected")],
)
async def test_each_error_has_its_status_and_keeps_secrets(
    client: httpx.AsyncClient, how: str, status: int, code: str
) -> None:
    answer = await client.get(f"/fail/{how}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert CANARY not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_postgresql_that_is_away_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    assert (await client.get("/fail/away")).headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (f'{{"count": "{CANARY}"}}', 422),
        (f'{{"count": 1, "<{CANARY}>": 1}}', 422),
        (f'{{"count": 1, "pet": {{"kind": "{CANARY}"}}}}', 422),
        (f'{{"count": 1, "colour": "{CANARY}"}}', 422),
        (f'"{CANARY}"', 422),
        (f"{{{CANARY}", 400),
        ("", 422),
    ],
)
async def test_what_was_sent_is_never_echoed(client: httpx.AsyncClient, body: str, status: int) -> None:
    answer = await client.post("/given", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text


async def test_an_unknown_address_and_method_are_problems_too(client: httpx.AsyncClient) -> None:
    assert (await client.get("/nowhere")).json()["code"] == "not-found"
    wrong = await client.get("/given")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method-not-allowed", "POST")
