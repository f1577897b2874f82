"""What a proven request tells: identity, time and subject, whatever the body looks like."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.webhook.events import parse, read
from connectors.webhook.proof import verify
from hub import sdk
from tests.connectors.webhook.partner import config, pushed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "a", "0"]), inner, max_size=3),
    max_leaves=8,
)


def told(payload: str, scheme: str = "standard", headers: dict[str, str] | None = None, **changes: Any) -> sdk.Inbound:
    plaintext = verify(config(scheme, **changes), pushed(scheme, payload.encode(), headers=headers)).plaintext
    (fact,) = parse(read(plaintext))
    assert isinstance(fact, sdk.Inbound)
    return fact


def test_numbers_stay_exact() -> None:
    payload = told('{"total":628000.10,"id":820982911946154508,"long":0.1234567890123456789}').data["payload"]
    assert payload == {
        "total": Decimal("628000.10"),
        "id": 820982911946154508,
        "long": Decimal("0.1234567890123456789"),
    }
    assert sdk.dumps(payload) == '{"total":628000.10,"id":820982911946154508,"long":0.1234567890123456789}'


def test_a_retry_tells_the_same_fact_though_it_is_signed_anew() -> None:
    first, again = (
        list(parse(read(verify(config(), pushed(when=int(datetime.now(UTC).timestamp()) - ago_s)).plaintext)))
        for ago_s in (0, 100)
    )
    assert first == again


def test_without_a_time_a_retry_has_the_same_data_and_happened_when_it_was_signed() -> None:
    now = int(datetime.now(UTC).timestamp())
    facts = [
        next(iter(parse(read(verify(config(), pushed(body=b'{"type":"x"}', when=now - ago_s)).plaintext))))
        for ago_s in (0, 100)
    ]
    assert facts[0].data == facts[1].data
    assert facts[0].data["at"] == ""
    assert facts[0].occurred_at - facts[1].occurred_at == timedelta(seconds=100)


def test_without_an_id_the_same_bytes_are_the_same_fact_and_others_are_not() -> None:
    one, same, other = (told(body, "hmac", id_path="event.id") for body in ('{"a":1}', '{"a":1}', '{"a":1 }'))
    assert one.dedupe_key == same.dedupe_key == "body:" + sha256(b'{"a":1}').hexdigest()
    assert other.dedupe_key != one.dedupe_key


@pytest.mark.parametrize(
    ("body", "path", "expect"),
    [
        ('{"a":{"b":[{"c":"x"}]}}', "a.b.0.c", "x"),
        ('{"a":{"b":7}}', "a.b", "7"),
        ('{"a":1.50}', "a", "1.50"),
        ('{"a":true}', "a", ""),
        ('{"a":null}', "a", ""),
        ('{"a":{}}', "a", ""),
        ('{"a":[1]}', "a.1", ""),
        ('{"a":[1]}', "a.-1", ""),
        ('{"a":"x"}', "a.b", ""),
        ('["x"]', "0", "x"),
        ('"x"', "a", ""),
        ('{"0":"x"}', "0", "x"),
    ],
)
def test_a_path_leads_to_a_text_or_number_or_to_nothing(body: str, path: str, expect: str) -> None:
    assert told(body, type_path=path).data["type"] == expect


@pytest.mark.parametrize(
    ("when", "expect"),
    [
        ('"2026-11-28T10:00:00Z"', "2026-11-28T10:00:00+00:00"),
        ('"2026-11-28T18:00:00.5+08:00"', "2026-11-28T10:00:00.500000+00:00"),
        ('"2026-11-28 18:00:00"', "2026-11-28T10:00:00+00:00"),
        ('"20261128180000"', "2026-11-28T10:00:00+00:00"),
        ("1764316800", "2025-11-28T08:00:00+00:00"),
        ("1764316800123", "2025-11-28T08:00:00.123000+00:00"),
        ('"1764316800123456"', "2025-11-28T08:00:00.123456+00:00"),
        ("1764316800.25", "2025-11-28T08:00:00.250000+00:00"),
        ('"0001-01-01"', ""),
        ('"9999-12-31T23:59:59-10:00"', ""),
        ('"yesterday"', ""),
        ("99999999999999", ""),
        ("-5", ""),
        ("[]", ""),
    ],
)
def test_a_time_is_read_as_senders_write_it(when: str, expect: str) -> None:
    fact = told(f'{{"timestamp":{when}}}')
    assert fact.data["at"] == expect
    assert fact.occurred_at.tzinfo is not None
    if expect:
        assert fact.occurred_at.isoformat() == expect
    else:
        assert abs(datetime.now(UTC) - fact.occurred_at) < timedelta(minutes=2)


def test_what_is_too_long_for_an_index_is_shortened_and_stays_itself() -> None:
    one, same, other = (told(f'{{"id":"{"x" * 5000}{end}"}}', "hmac", subject_path="id") for end in "aab")
    assert one.dedupe_key == same.dedupe_key != other.dedupe_key
    assert one.subject == same.subject != other.subject
    assert max(len(one.dedupe_key), len(one.subject)) <= 200
    assert len(one.data["id"]) == 5001


def test_ids_and_types_in_headers_are_found_whatever_their_case() -> None:
    headers = {"x-github-delivery": "72d3162e", "x-github-event": "push"}
    fact = told("{}", "hmac", headers, id_path="header:X-GitHub-Delivery", type_path="header:X-GITHUB-EVENT")
    assert (fact.dedupe_key, fact.data["type"]) == ("id:72d3162e", "push")


def test_a_header_that_is_not_there_is_nothing() -> None:
    fact = told("{}", "hmac", id_path="header:x-nothing")
    assert fact.dedupe_key.startswith("body:")


@given(JSON)
@settings(max_examples=200, deadline=None)
def test_any_json_is_one_fact(payload: Any) -> None:
    try:
        body = sdk.dumps(payload)
        sdk.loads(body)
    except (sdk.Unreadable, UnicodeError):
        return
    fact = told(body, "hmac", id_path="id", type_path="a.0", time_path="a", subject_path="0")
    assert sdk.dumps(fact.data["payload"]) == sdk.dumps(sdk.loads(body))
    assert fact.subject
