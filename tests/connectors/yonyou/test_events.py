"""Event pushes: vectors on both sides, three signatures, handshakes, mutations, what is told."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from connectors.yonyou import connector
from connectors.yonyou.callbacks import box, key43, signatures, verify
from connectors.yonyou.config import Config
from connectors.yonyou.events import CODES, parse
from connectors.yonyou.sandbox.seal import FIELDS, BrokenSealError, Seal, letters
from hub import sdk
from tests.connectors.yonyou.wire import Tenant

VECTORS = json.loads(Path(__file__).with_name("fixtures").joinpath("signature.json").read_text("utf-8"))["event_push"]
BY_NAME = pytest.mark.parametrize("vector", VECTORS, ids=lambda v: str(v["name"]))
SCHEMES = pytest.mark.parametrize("scheme", ["sha1", "sha256", "hmac"])
SIGNED = {
    "sha1": "msgSignature_sha1_sorted4",
    "sha256": "alt_sha256hex_sorted4",
    "hmac": "signature_hmacsha256_base64_sorted3",
}
VOUCHER = {
    "type": "GL_VOUCHER_EVENT_AUDIT_AFTER",
    "eventId": "e-1",
    "timestamp": 1764320400000,
    "tenantId": "t-1",
    "content": {"voucherVO": [{"id": 1827364509182736451, "accbook": "A01", "billcode": "记-0001"}]},
}


def config(**changes: Any) -> Config:
    plain = {
        "tenant_id": "t-1",
        "app_key": "fbb5f5b6-21fb-4156-8b73-3ec3ac389ab7",
        "app_secret": "6f1c2a3b-4d5e-6f70-8192-a3b4c5d6e7f8",
        "org_code": "0001",
        "item_code": "TY0001",
    }
    return Config.model_validate({**plain, **changes})


def owner(vector: dict[str, Any]) -> tuple[str, str, str]:
    """Key, secret and 43 characters of a vector, of a self-built app or a suite."""
    key, secret = vector.get("app_key") or vector["suite_key"], vector.get("app_secret") or vector["suite_secret"]
    return key, secret, vector.get("encoding_aes_key") or vector["key43"]


def seal(told: Config) -> Seal:
    secret = told.app_secret.get_secret_value()
    return Seal(told.app_key, secret, letters(secret))


def push(told: Config, message: Any, scheme: str = "sha1", when: int = 1568098531823) -> sdk.Callback:
    """A callback as the fake YonBIP sends it."""
    sender = seal(told)
    boxed = sender.close(message if isinstance(message, str) else json.dumps(message, ensure_ascii=False))
    stamp = sender.stamp(scheme, str(when), "uM48M4qajlEtVCz4", boxed)
    body = {FIELDS[scheme]: stamp, "timestamp": when, "nonce": "uM48M4qajlEtVCz4", "encrypt": boxed}
    return sdk.Callback("POST", {}, {}, json.dumps(body, separators=(",", ":")).encode())


@BY_NAME
def test_our_client_opens_seals_and_signs_as_the_vendor_does(vector: dict[str, Any]) -> None:
    app_key, secret, characters = owner(vector)
    ours = box(config(app_key=app_key, app_secret=secret, encoding_aes_key=characters))

    assert ours.key.hex() == vector["aes_key_hex"]
    assert ours.open(vector["encrypt"]).decode() == vector["message"]
    sealed = ours.close(vector["message"].encode(), vector["random16"].encode())
    assert sealed == vector["encrypt"]
    made = signatures(secret, str(vector["timestamp"]), vector["nonce"], sealed)
    assert {name: made[name] for name, field in SIGNED.items() if field in vector} == {
        name: vector[field] for name, field in SIGNED.items() if field in vector
    }


@BY_NAME
def test_our_sandbox_opens_seals_and_signs_as_the_vendor_does(vector: dict[str, Any]) -> None:
    app_key, secret, characters = owner(vector)
    sender = Seal(app_key, secret, characters)

    assert sender.open(vector["encrypt"]) == vector["message"]
    assert sender.close(vector["message"], vector["random16"].encode()) == vector["encrypt"]
    for name, field in SIGNED.items():
        if field in vector:
            stamp = sender.stamp(name, str(vector["timestamp"]), vector["nonce"], vector["encrypt"])
            assert stamp == vector[field]


@pytest.mark.parametrize("vector", [v for v in VECTORS if "app_secret" in v], ids=lambda v: str(v["name"]))
def test_both_sides_derive_the_key_of_a_self_built_app(vector: dict[str, Any]) -> None:
    assert key43(vector["app_secret"]) == letters(vector["app_secret"]) == vector["key43"]


@pytest.mark.parametrize("secret", ["short", "x" * 60, "6f1c2a3b-4d5e-6f70-8192-a3b4c5d6e7f8-and-more-and-more"])
def test_a_secret_of_any_length_makes_43_characters(secret: str) -> None:
    assert key43(secret) == letters(secret)
    assert len(key43(secret)) == 43
    assert "-" not in key43(secret)


@SCHEMES
def test_a_push_signed_by_any_of_the_three_is_opened(scheme: str) -> None:
    verified = verify(config(), push(config(), VOUCHER, scheme))

    assert json.loads(verified.plaintext) == VOUCHER
    assert (verified.reply.body, verified.reply.status, verified.handshake) == (b"success", 200, False)


@SCHEMES
@pytest.mark.parametrize("pinned", ["sha1", "sha256", "hmac"])
def test_a_pinned_signature_refuses_the_other_two(scheme: str, pinned: str) -> None:
    told = config(event_signature=pinned)
    if scheme == pinned:
        assert verify(told, push(told, VOUCHER, scheme)).plaintext
        return
    with pytest.raises(sdk.BadSignature):
        verify(told, push(told, VOUCHER, scheme))


@SCHEMES
def test_a_check_of_our_address_is_a_handshake_and_may_be_answered_sealed(scheme: str) -> None:
    told = config(event_reply="encrypted")
    verified = verify(told, push(told, {"type": "CHECK_URL", "eventId": "e-0"}, scheme))

    assert verified.handshake
    reply, reader = json.loads(verified.reply.body), seal(told)
    assert reader.open(reply["encrypt"]) == "success"
    stamp = reader.stamp(scheme, str(reply["timestamp"]), reply["nonce"], reply["encrypt"])
    assert reply[FIELDS[scheme]] == stamp


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"type":1}'])
def test_a_proven_message_without_sense_is_no_handshake_and_no_forgery(text: str) -> None:
    verified = verify(config(), push(config(), text))
    assert (verified.plaintext.decode(), verified.handshake) == (text, False)


@pytest.mark.parametrize(
    "changes", [{"app_key": "another"}, {"app_secret": "another secret"}, {"encoding_aes_key": "a" * 43}]
)
def test_a_push_for_another_app_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(sdk.BadSignature):
        verify(config(**changes), push(config(), VOUCHER))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{}", b"\xff", b'{"timestamp":true}', b'{"a":1,"a":2}'])
def test_a_body_of_another_shape_is_refused(body: bytes) -> None:
    for method in ("GET", "POST"):
        with pytest.raises(sdk.BadSignature):
            verify(config(), sdk.Callback(method, {}, {}, body))


def spoiled(draw: random.Random, body: bytes) -> bytes:
    """The body with a few bytes changed, left out, put in, doubled or cut."""
    at = draw.randrange(len(body))
    match draw.randrange(5):
        case 0:
            return body[:at] + bytes([body[at] ^ (1 << draw.randrange(8))]) + body[at + 1 :]
        case 1:
            return body[:at]
        case 2:
            return body[:at] + draw.randbytes(draw.randint(1, 4)) + body[at:]
        case 3:
            return body[:at] + body[at + draw.randint(1, 40) :]
    other = draw.randrange(len(body))
    return body[:at] + body[min(at, other) : max(at, other) + 1] + body[at:]


@SCHEMES
def test_mutated_pushes_are_refused_and_nothing_else_is_raised(scheme: str) -> None:
    told, draw = config(), random.Random(20261128)
    good = push(told, VOUCHER, scheme)
    signed = sdk.loads(good.body)
    refused = 0
    for _ in range(2000):
        body = spoiled(draw, good.body)
        try:
            verify(told, sdk.Callback("POST", {}, {}, body))
        except sdk.BadSignature:
            refused += 1
        else:
            assert sdk.loads(body) | signed == sdk.loads(body), "only an unsigned field beside them may differ"
    assert refused > 1950


@SCHEMES
def test_sealed_texts_cannot_be_altered_below_the_signature_either(scheme: str) -> None:
    told, draw = config(), random.Random(7)
    sender, other = seal(told), box(config(app_key="another app"))
    boxed = sender.close(json.dumps(VOUCHER))
    for _ in range(300):
        cut = boxed[: 4 * draw.randrange(len(boxed) // 4)]
        stamp = sender.stamp(scheme, "1", "n", cut)
        body = {FIELDS[scheme]: stamp, "timestamp": 1, "nonce": "n", "encrypt": cut}
        with pytest.raises(sdk.BadSignature):
            verify(told, sdk.Callback("POST", {}, {}, json.dumps(body).encode()))
    with pytest.raises(ValueError, match="owner"):
        other.open(boxed)
    with pytest.raises(BrokenSealError):
        Seal("another app", "s", letters(told.app_secret.get_secret_value())).open(boxed)


def test_a_replay_is_told_with_the_same_key() -> None:
    told = config()
    keys = {
        event.dedupe_key
        for scheme, when in (("sha1", 1), ("sha1", 2), ("hmac", 3))
        for event in parse(sdk.loads(verify(told, push(told, VOUCHER, scheme, when)).plaintext))
    }
    assert keys == {"event:e-1:1827364509182736451"}


def test_what_nobody_asked_for_is_kept_as_nothing() -> None:
    kinds = ["STAFF_ADD", "SALE_SAVEORDER_NOTIFY_SENT", "SUITE_TICKET", "USER_DELETE", "GL_VOUCHER_EVENT_NEW_AFTER"]
    assert [list(parse({**VOUCHER, "type": kind})) for kind in kinds] == [[]] * len(kinds)


@pytest.mark.parametrize(
    "content",
    [
        {"voucherVO": [{"id": "17"}]},
        {"voucherVO": {"id": "17", "bodies": [{"id": "18"}]}},
        {"BILL_INFO": {"data": [{"id": 17}]}},
        [{"id": "17"}],
        '{"voucherVO":[{"id":17}]}',
        {"data": '[{"id":"17"}]'},
    ],
)
def test_the_id_is_found_in_whatever_shell_it_comes(content: Any) -> None:
    assert [e.subject for e in parse({**VOUCHER, "content": content})] == ["17"]


@pytest.mark.parametrize("content", [{}, [], "", {"voucherVO": []}, {"a": {"b": {"c": {"d": {"e": {"id": 1}}}}}}])
def test_a_known_event_without_an_id_is_shown_as_unreadable(content: Any) -> None:
    with pytest.raises(ValueError, match="names no id"):
        list(parse({**VOUCHER, "content": content}))


def test_several_vouchers_in_one_push_are_several_events() -> None:
    events = list(parse({**VOUCHER, "content": {"voucherVO": [{"id": 1}, {"id": 2}]}}))
    assert [e.dedupe_key for e in events] == ["event:e-1:1", "event:e-1:2"]


def test_without_an_event_id_what_was_told_when_is_the_identity() -> None:
    nameless = {k: v for k, v in VOUCHER.items() if k != "eventId"}
    first, again = (next(parse(nameless)).dedupe_key for _ in range(2))
    later = next(parse({**nameless, "timestamp": 1764320400001})).dedupe_key
    assert first == again != later


def test_every_code_leads_to_an_event_the_connector_declares() -> None:
    assert connector.webhook is not None
    assert {kind for kind, _ in CODES.values()} == connector.webhook.events


async def test_the_sandbox_tells_a_voucher_only_to_who_answered_its_check() -> None:
    tenant = Tenant()
    answer = await tenant.do("callback", url="http://127.0.0.1:9/hooks/x.y")
    assert answer["ok"] is False
