"""Who sent it: vectors on both sides, every scheme, rotation, windows, mutations, and what is closed stays closed."""

import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.webhook.config import Config
from connectors.webhook.events import read
from connectors.webhook.proof import MOST, WRITE, prove, verify
from connectors.webhook.sandbox.app import SENDS, THEIRS
from connectors.webhook.sandbox.seal import Mac, Pair, Seal
from hub import sdk
from tests.connectors.webhook.partner import BODY, config, pushed

FIXTURES = Path(__file__).with_name("fixtures")
SCHEMES = pytest.mark.parametrize("scheme", sorted(SENDS))
TIMED = pytest.mark.parametrize("scheme", sorted(set(SENDS) - {"token", "hmac_body"}))
OLD = "whsec_" + "QUJD" * 8
KEY = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18"


def vectors(name: str, part: str = "cases") -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))[part]
    return cases


def taking(**changes: Any) -> Config:
    return Config.model_validate(changes)


def callback(body: bytes, **headers: str) -> sdk.Callback:
    return sdk.Callback("POST", {}, {name.replace("_", "-"): value for name, value in headers.items()}, body)


STANDARD = pytest.mark.parametrize(
    "vector", vectors("standard_webhooks"), ids=lambda v: str(v["headers"]["webhook-id"])
)


@STANDARD
def test_our_client_takes_what_the_standard_library_signed(vector: dict[str, Any]) -> None:
    told = taking(in_scheme="standard", in_secret=vector["secret"])
    when = int(vector["headers"]["webhook-timestamp"])
    request = sdk.Callback("POST", {}, vector["headers"], vector["raw_body_utf8"].encode())

    assert prove(told, request, when) == when


@STANDARD
def test_our_sandbox_signs_as_the_standard_library_does(vector: dict[str, Any]) -> None:
    told = vector["headers"]
    stamp = Seal(KEY).stamp(told["webhook-id"], told["webhook-timestamp"], vector["raw_body_utf8"].encode())

    assert Seal(KEY).secret == vector["secret"]
    assert stamp in told["webhook-signature"].split(" ")


@pytest.mark.parametrize("vector", vectors("shopify_hmac"), ids=["order", "odd_whitespace"])
def test_shopify_like_signatures_are_the_same_on_both_sides(vector: dict[str, Any]) -> None:
    body, (signature,) = vector["raw_body_utf8"].encode(), vector["header"].values()
    told = taking(
        in_scheme="hmac", in_secret=vector["client_secret"], in_header="X-Shopify-Hmac-Sha256", in_encoding="base64"
    )

    verify(told, callback(body, x_shopify_hmac_sha256=signature))
    assert Mac(vector["client_secret"], bare=True).headers("", "", body) == {"x-partner-hmac-sha256": signature}


@pytest.mark.parametrize("vector", vectors("meiqia_sign"), ids=["one", "two"])
def test_base64_of_hex_is_taken(vector: dict[str, Any]) -> None:
    how = {"in_algorithm": "sha1", "in_encoding": "base64_of_hex", "in_prefix": "meiqia_sign:"}
    told = taking(in_scheme="hmac", in_secret=vector["secret_key"], in_header="authorization", **how)

    verify(told, callback(vector["raw_body_utf8"].encode(), authorization=vector["authorization"]))


@pytest.mark.parametrize("vector", vectors("esign_callback", "callback"), ids=["flow_complete"])
def test_a_signature_over_time_query_and_body_is_taken(vector: dict[str, Any]) -> None:
    where = {"in_header": "x-tsign-open-signature", "in_timestamp_header": "x-tsign-open-timestamp"}
    told = taking(in_scheme="hmac", in_secret=vector["secret"], in_signed="{timestamp}{query}{body}", **where)
    query = dict(pair.split("=") for pair in vector["url_query"].split("&"))
    headers = {"x-tsign-open-signature": vector["signature"], "x-tsign-open-timestamp": vector["timestamp"]}
    request = sdk.Callback("POST", query, headers, vector["raw_body_utf8"].encode())

    assert prove(told, request, 1767225600) == 1767225600
    with pytest.raises(ValueError, match="signature"):
        prove(told, replace(request, query={**query, "a": "002"}), 1767225600)


def test_time_and_signature_may_share_a_header() -> None:
    where = {"in_header": "partner-signature", "in_timestamp_header": "partner-signature", "in_prefix": "v1="}
    told = taking(in_scheme="hmac", in_secret="whsec_any", in_signed="{timestamp}.{body}", **where)
    signed = Mac("whsec_any").headers("", "1767225600", BODY)["x-partner-signature"].removeprefix("sha256=")

    for good in (f"t=1767225600,v1={signed}", f"t=1767225600,v1={'0' * 64},v1={signed},v0=x"):
        assert prove(told, callback(BODY, partner_signature=good), 1767225600) == 1767225600
    for bad in (f"t=1767225601,v1={signed}", f"v1={signed}", f"t=1767225600,t=1767225600,v1={signed}", signed):
        with pytest.raises(ValueError, match=r"signature|unpack"):
            prove(told, callback(BODY, partner_signature=bad), 1767225600)


@SCHEMES
def test_what_the_partner_sends_is_taken(scheme: str) -> None:
    verified = verify(config(scheme), pushed(scheme))

    assert verified.plaintext.partition(b"\n")[2] == BODY
    assert (verified.reply.status, verified.reply.body, verified.handshake) == (200, b'{"ok":true}', False)


@SCHEMES
def test_what_the_partner_sends_is_taken_under_either_secret_and_no_third(scheme: str) -> None:
    good, strange = config(scheme).in_secret.get_secret_value(), other(scheme)

    verify(config(scheme, in_secret=strange, in_secret_old=good), pushed(scheme))
    for changes in ({"in_secret": strange}, {"in_secret": strange, "in_secret_old": strange}):
        with pytest.raises(sdk.BadSignature):
            verify(config(scheme, **changes), pushed(scheme))


def other(scheme: str) -> str:
    """Somebody else's secret of the same kind."""
    return {
        "standard": OLD,
        "asymmetric": Pair(b"x" * 32).secret,
        "ed25519": Pair(b"x" * 32, bare=True).secret,
    }.get(scheme, "nobody-knows-this-word")


def test_one_sender_may_change_from_a_secret_to_a_key_pair() -> None:
    told = config("asymmetric", in_secret_old=THEIRS.secret)

    for scheme in ("asymmetric", "standard"):
        verify(told, pushed(scheme))


@TIMED
@pytest.mark.parametrize("off_s", [-299, 0, 299])
def test_a_clock_may_be_five_minutes_off(scheme: str, off_s: int) -> None:
    assert prove(config(scheme), pushed(scheme, when=1767225600 + off_s), 1767225600) == 1767225600 + off_s


@TIMED
@pytest.mark.parametrize("off_s", [-360, -301, 301, 600])
def test_a_replay_outside_the_window_is_refused(scheme: str, off_s: int) -> None:
    with pytest.raises(ValueError, match="too old or too new"):
        prove(config(scheme), pushed(scheme, when=1767225600 + off_s), 1767225600)
    with pytest.raises(sdk.BadSignature):
        verify(config(scheme), pushed(scheme, when=int(time.time()) + off_s + (5 if off_s > 0 else -5)))


def test_the_window_is_a_setting_and_milliseconds_are_known() -> None:
    told = config("hmac", in_tolerance_s=10)
    for when in (1767225610, 1767225610_000):
        assert prove(told, pushed("hmac", when=when), 1767225600) == 1767225610
    with pytest.raises(ValueError, match="too old"):
        prove(told, pushed("hmac", when=1767225611), 1767225600)


@pytest.mark.parametrize(
    "when", ["", "+1767225600", "1767225600.0", "１７６７２２５６００", "1e9", "0x1", " 1767225600", "²"]
)
def test_a_time_is_digits_and_nothing_else(when: str) -> None:
    signed = THEIRS.headers("msg_1", "1767225600", BODY)
    with pytest.raises(ValueError, match="timestamp"):
        prove(config(), sdk.Callback("POST", {}, {**signed, "webhook-timestamp": when}, BODY), 1767225600)


@pytest.mark.parametrize("ident", ["", "msg.1"])
def test_an_id_that_could_hide_a_time_is_refused(ident: str) -> None:
    with pytest.raises(sdk.BadSignature):
        verify(config(), pushed(ident=ident))


@SCHEMES
def test_nothing_proves_nothing(scheme: str) -> None:
    good = pushed(scheme)
    told = config(scheme)

    for name in good.headers:
        for bad in ("", " ", ",", "v1", "v1,", "v1a,", "v1,,", "é", "\x00", "v2,x", "Bearer", "sha256=", "x" * 10_000):
            with pytest.raises(sdk.BadSignature):
                verify(told, replace(good, headers={**good.headers, name: bad}))
        with pytest.raises(sdk.BadSignature):
            verify(told, replace(good, headers={n: v for n, v in good.headers.items() if n != name}))
    with pytest.raises(sdk.BadSignature):
        verify(told, replace(good, headers={}))


@SCHEMES
def test_a_connection_that_takes_nothing_refuses_everything(scheme: str) -> None:
    with pytest.raises(sdk.BadSignature):
        verify(config(in_scheme="none", in_secret=""), pushed(scheme))


@SCHEMES
def test_a_proof_of_one_scheme_is_none_of_another(scheme: str) -> None:
    for another in set(SENDS) - {scheme}:
        with pytest.raises(sdk.BadSignature):
            verify(config(scheme), pushed(another))


def test_a_good_signature_may_stand_among_strangers_but_not_among_many() -> None:
    good = pushed()
    strange = [f"v1,{'A' * 43}=", "v1a,AAAA", "v2,x", "v1", "", "é"]

    def listed(*stamps: str) -> sdk.Callback:
        return replace(good, headers={**good.headers, "webhook-signature": " ".join(stamps)})

    stamp = good.headers["webhook-signature"]
    verify(config(), listed(*strange, stamp))
    verify(config(), listed(stamp, *strange))
    with pytest.raises(sdk.BadSignature):
        verify(config(), listed(*strange))
    with pytest.raises(sdk.BadSignature):
        verify(config(), listed(stamp, *["v1,x"] * MOST))


@SCHEMES
def test_every_flipped_bit_is_refused(scheme: str) -> None:
    """Of the body and of what proves it; a token proves the sender only, so there the body is free."""
    good, told = pushed(scheme), config(scheme)

    for name, value in good.headers.items():
        for at in range(len(value) * 8):
            spoiled = flip(value.encode(), at).decode("latin-1")
            with pytest.raises(sdk.BadSignature):
                verify(told, replace(good, headers={**good.headers, name: spoiled}))
    if scheme != "token":
        for at in range(len(BODY) * 8):
            with pytest.raises(sdk.BadSignature):
                verify(told, replace(good, body=flip(BODY, at)))


def flip(raw: bytes, bit: int) -> bytes:
    return raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :]


@SCHEMES
def test_mutated_requests_are_refused(scheme: str) -> None:
    """Cut, doubled, swapped, borrowed from another request, written otherwise."""
    chance, told = Random(scheme), config(scheme)
    for _ in range(400):
        good, later = pushed(scheme), pushed(scheme, body=BODY + b" ", ident="msg_2", when=int(time.time()) - 1)
        name = chance.choice(sorted(good.headers))
        spoiled = mutate(good.headers[name], later.headers[name], chance)
        if spoiled == good.headers[name]:
            continue
        with pytest.raises(sdk.BadSignature):
            verify(told, replace(good, headers={**good.headers, name: spoiled}))


def mutate(value: str, other: str, chance: Random) -> str:
    """Never another way to write a list that holds the good signature."""
    at = chance.randrange(len(value))
    edits: list[Callable[[], str]] = [
        lambda: value[:at],
        lambda: value[at + 1 :],
        lambda: other,
        lambda: value[:at] + other[at:],
        lambda: value + value,
        lambda: value[::-1],
        lambda: value.swapcase(),
        lambda: value[:at] + chance.choice("=+/,. -_\t\n\x00é") + value[at + 1 :],
        lambda: value[: max(at, 8)] + chance.choice("=+/-_\t\n\x00é") + value[max(at, 8) :],
    ]
    return chance.choice(edits)()


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()), st.binary()
)
@settings(max_examples=300, deadline=None)
def test_invented_requests_are_refused_without_any_other_error(headers: dict[str, str], body: bytes) -> None:
    now = {"webhook-timestamp": str(int(time.time())), "webhook-id": "msg_1"}
    for told in (headers, {**now, **headers}):
        with pytest.raises(sdk.BadSignature):
            verify(config(), sdk.Callback("POST", {}, told, body))


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=90))
@settings(max_examples=300, deadline=None)
def test_invented_signatures_are_refused_without_any_other_error(text: str) -> None:
    """What trips the reference library (bad base64, commas, non-ASCII) is a refusal here."""
    for scheme, name in (("standard", "webhook-signature"), ("asymmetric", "webhook-signature")):
        for told in (text, f"v1,{text}", f"v1a,{text}"):
            good = pushed(scheme)
            with pytest.raises(sdk.BadSignature):
                verify(config(scheme), replace(good, headers={**good.headers, name: told}))


@SCHEMES
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"not json", b"{", b'{"a":NaN}', b'{"a":1,"a":2}', b'"\\ud800"'])
def test_a_proven_body_that_is_no_json_is_unreadable_and_kept(scheme: str, body: bytes) -> None:
    plaintext = verify(config(scheme), pushed(scheme, body=body)).plaintext

    assert plaintext.endswith(b"\n" + body)
    with pytest.raises(sdk.Unreadable):
        read(plaintext)


@pytest.mark.parametrize(
    ("reply", "kind"), [("success", "text/plain; charset=utf-8"), ('{"code":0}', "application/json")]
)
def test_the_sender_hears_what_it_wants(reply: str, kind: str) -> None:
    said = verify(config(in_reply=reply), pushed()).reply
    assert (said.body.decode(), said.status, said.content_type) == (reply, 200, kind)


def test_a_token_may_stand_in_the_address() -> None:
    told = taking(in_scheme="token", in_secret="a-token-of-16-letters", in_parameter="key")

    def asked(**query: str) -> sdk.Callback:
        return sdk.Callback("POST", query, {}, BODY)

    verify(told, asked(key="a-token-of-16-letters", other="x"))
    for query in ({}, {"key": ""}, {"key": "a-token-of-16-letterS"}, {"kez": "a-token-of-16-letters"}, {"key": "é"}):
        with pytest.raises(sdk.BadSignature):
            verify(told, asked(**query))


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", sorted(WRITE))
def test_every_way_to_write_a_mac_is_taken_and_no_other(algorithm: str, encoding: str) -> None:
    told = taking(
        in_scheme="hmac", in_secret="secret", in_header="x-sign", in_algorithm=algorithm, in_encoding=encoding
    )
    written = {name: WRITE[name](mac("secret", algorithm)) for name in WRITE}

    for name, signature in written.items():
        if name == encoding:
            verify(told, callback(BODY, x_sign=signature))
        else:
            with pytest.raises(sdk.BadSignature):
                verify(told, callback(BODY, x_sign=signature))


def mac(secret: str, algorithm: str) -> bytes:
    return hmac.new(secret.encode(), BODY, algorithm).digest()


def test_every_refusal_says_the_same() -> None:
    said = set()
    for spoiled in (pushed(when=1), pushed(ident="a.b"), sdk.Callback("POST", {}, {}, BODY), pushed("token")):
        with pytest.raises(sdk.BadSignature) as caught:
            verify(config(), spoiled)
        said.add(caught.value.message)
    assert len(said) == 1
