"""What leaves: headers, signatures, bytes; and what each answer means."""

import base64
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.webhook.connector import probe
from connectors.webhook.send import owed_at, retry_after, signatures
from hub import sdk
from tests.connectors.webhook.partner import answering, config, send

NOW = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
KEYS = [bytes([at]) * 32 for at in range(1, 4)]
SECRETS = [f"whsec_{base64.b64encode(key).decode()}" for key in KEYS]
KEY = "dlv_019ac979e47b00112233445566ff"


class Heard:
    """A subscriber that takes everything and remembers what came."""

    def __init__(self, status: int = 200, **answer: Any) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = {"status_code": status, **answer}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(**self._answer)


def stamp(key: bytes, request: httpx.Request) -> str:
    """The signature of the rule, written out once more."""
    head = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}."
    mac = hmac.new(key, head.encode() + request.content, "sha256")
    return "v1," + base64.b64encode(mac.digest()).decode()


async def test_an_event_leaves_with_three_headers_and_exact_json() -> None:
    heard = Heard()
    ctx = answering(heard, KEY, out_key="")
    made = await send(ctx, data={"amount": Decimal("0.10"), "big": Decimal("628000.00"), "名": "恒锐"})

    (request,) = heard.requests
    assert made == sdk.Made(id=KEY)
    assert request.headers["webhook-id"] == KEY
    assert int(request.headers["webhook-timestamp"]) == int(ctx.now.timestamp())
    assert request.headers["content-type"].startswith("application/json")
    told = '{"type":"contract.approved","timestamp":"2025-11-28T08:00:00.123Z",'
    assert request.content.decode() == told + '"data":{"amount":0.10,"big":628000.00,"名":"恒锐"}}'


async def test_every_active_secret_signs_the_newest_first_and_the_key_after_them() -> None:
    heard = Heard()
    secrets = dict(zip(("out_secret", "out_secret_old", "out_secret_older"), SECRETS, strict=True))
    await send(answering(heard, **secrets))

    (request,) = heard.requests
    *shared, asymmetric = request.headers["webhook-signature"].split(" ")
    assert shared == [stamp(key, request) for key in KEYS]
    assert asymmetric.startswith("v1a,")


async def test_a_secret_that_was_removed_signs_no_more() -> None:
    heard = Heard()
    await send(answering(heard, out_key="", out_secret=SECRETS[1]))

    (request,) = heard.requests
    assert request.headers["webhook-signature"] == stamp(KEYS[1], request)


def test_asymmetric_signatures_are_those_of_the_reference_vector() -> None:
    key = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
    told = config(out_key=key, out_secret="")

    assert list(signatures(told, b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}')) == [
        "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
    ]


def test_a_private_key_may_carry_its_public_half() -> None:
    seed = bytes(range(32))
    half = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    long, short = (f"whsk_{base64.b64encode(raw).decode()}" for raw in (seed + half, seed))

    assert list(signatures(config(out_key=long), b"a.1.{}")) == list(signatures(config(out_key=short), b"a.1.{}"))


async def test_a_resend_has_the_same_id_and_bytes_and_its_own_time() -> None:
    heard = Heard()
    first, later = answering(heard, KEY), answering(heard, KEY)
    first.now, later.now = NOW, NOW + timedelta(hours=3)
    await send(first)
    await send(later)

    one, two = heard.requests
    assert (one.headers["webhook-id"], one.content) == (two.headers["webhook-id"], two.content)
    assert int(two.headers["webhook-timestamp"]) - int(one.headers["webhook-timestamp"]) == 3 * 3600
    assert one.headers["webhook-signature"] != two.headers["webhook-signature"]


async def test_an_event_may_have_an_id_and_a_time_of_its_own() -> None:
    heard = Heard()
    made = await send(answering(heard, KEY), id="evt-42", timestamp="2026-11-28T18:00:00+08:00")

    (request,) = heard.requests
    assert made.id == request.headers["webhook-id"] == "evt-42"
    assert sdk.loads(request.content)["timestamp"] == "2026-11-28T10:00:00.000Z"


@pytest.mark.parametrize("ident", ["a.b", "a b", "号", "a\n", "x" * 201])
async def test_an_id_that_could_pass_for_something_else_is_not_sent(ident: str) -> None:
    heard = Heard()
    with pytest.raises(ValueError, match="id"):
        await send(answering(heard), id=ident)
    assert heard.requests == []


def test_only_the_hubs_own_ids_tell_when_they_were_made() -> None:
    at = owed_at(sdk.new_id("dlv"))
    assert at is not None
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert [owed_at(key) for key in ("", "dlv_1", KEY.replace("dlv", "evt"))] == [None] * 3


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize("words", [b"", b"ok", b"<html>", b'{"errcode":1}', b"\xff\xfe", b"[]"])
async def test_any_2xx_is_success_whatever_it_says(status: int, words: bytes) -> None:
    assert (await send(answering(Heard(status, content=words)))).id == "dlv_1"


@pytest.mark.parametrize("words", [b"", b"<html>", b'{"error":"x"}'])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, sdk.NeedsReauth),
        (307, sdk.NeedsReauth),
        (400, sdk.Rejected),
        (401, sdk.Transient),
        (403, sdk.Transient),
        (404, sdk.Transient),
        (408, sdk.Transient),
        (410, sdk.NeedsReauth),
        (422, sdk.Rejected),
        (429, sdk.Throttled),
        (500, sdk.Ambiguous),
        (502, sdk.Ambiguous),
        (503, sdk.Ambiguous),
        (504, sdk.Ambiguous),
        (599, sdk.Ambiguous),
    ],
)
async def test_every_other_status_is_a_no_with_a_next_move(
    status: int, kind: type[sdk.VendorError], words: bytes
) -> None:
    heard = Heard(status, content=words)
    with pytest.raises(kind) as caught:
        await send(answering(heard))

    assert type(caught.value) is kind
    assert caught.value.code == f"http {status}"
    assert caught.value.hint.zh
    assert len(heard.requests) == 1


@pytest.mark.parametrize("words", [b"", b"<html>", b'{"error":"x"}'])
@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_retry_after_is_honoured(status: int, words: bytes) -> None:
    with pytest.raises(sdk.Throttled) as caught:
        await send(answering(Heard(status, content=words, headers={"retry-after": "7"})))

    assert caught.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("text", ["", "soon", "1.5", "１", "nan"])
async def test_a_503_that_names_no_time_is_a_failure_like_any_other(text: str) -> None:
    with pytest.raises(sdk.Ambiguous):
        await send(answering(Heard(503, headers={"retry-after": text.encode()})))


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("30", timedelta(seconds=30)),
        ("0", timedelta(seconds=1)),
        ("-1", timedelta(seconds=1)),
        ("9" * 30, timedelta(hours=24)),
        ("315360000", timedelta(hours=24)),
        ("Sat, 28 Nov 2026 10:01:00 GMT", timedelta(seconds=60)),
        ("Sat, 28 Nov 2020 10:01:00 GMT", timedelta(seconds=1)),
        ("Sat, 28 Nov 2036 10:01:00 -0000", None),
    ],
)
def test_a_wait_is_between_a_second_and_a_day(text: str, wait: timedelta | None) -> None:
    assert retry_after(text, NOW) == wait


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError])
async def test_silence_is_in_doubt(error: Callable[[str], httpx.TransportError]) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise error("no answer")

    with pytest.raises(sdk.Ambiguous):
        await send(answering(silent))


async def test_what_was_never_sent_is_tried_again() -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(sdk.Transient):
        await send(answering(refused))


async def test_a_connection_that_only_takes_sends_nothing_and_says_so() -> None:
    heard = Heard()
    ctx = answering(heard, out_url="", out_secret="", out_key="")

    with pytest.raises(sdk.NeedsReauth, match="no address") as caught:
        await send(ctx)
    assert caught.value.hint.zh
    assert "只收不发" in await probe(ctx)
    assert heard.requests == []


@pytest.mark.parametrize("status", [200, 401, 404, 405, 429])
async def test_the_probe_takes_any_answer_for_a_sign_of_life(status: int) -> None:
    heard = Heard(status)
    assert "连得上" in await probe(answering(heard))
    assert [request.method for request in heard.requests] == ["GET"]


@pytest.mark.parametrize(("status", "kind"), [(302, sdk.NeedsReauth), (410, sdk.NeedsReauth), (502, sdk.Ambiguous)])
async def test_the_probe_shows_what_a_person_must_see(status: int, kind: type[sdk.VendorError]) -> None:
    with pytest.raises(kind):
        await probe(answering(Heard(status)))


async def test_the_probe_shows_an_address_that_is_not_there() -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(sdk.Transient):
        await probe(answering(refused))


async def test_no_secret_is_kept_with_an_attempt() -> None:
    ctx = answering(Heard(401, content=b"bad"), out_secret=SECRETS[0])
    with pytest.raises(sdk.Transient):
        await send(ctx)

    (kept,) = ctx.exchanges
    assert (kept.status, kept.answer) == (401, "bad")
    assert not [secret for secret in (SECRETS[0], SECRETS[0][6:]) if secret in repr(kept)]
