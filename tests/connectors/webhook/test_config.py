"""What a person may enter: nothing half-done opens, and what is wrong is named without the secret."""

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.webhook.config import Config
from tests.connectors.webhook.partner import config

GOOD = "whsec_" + base64.b64encode(b"k" * 32).decode()
OUT = {"out_url": "https://a.example/hook?x=1", "out_secret": GOOD}
HMAC = {"in_scheme": "hmac", "in_secret": "s", "in_header": "x-sign"}


@pytest.mark.parametrize(
    "given",
    [
        OUT,
        {"out_url": "https://a.example", "out_key": "whsk_" + base64.b64encode(b"k" * 32).decode()},
        {"in_scheme": "standard", "in_secret": GOOD},
        {"in_scheme": "standard", "in_secret": GOOD.rstrip("=")},
        HMAC,
        {**HMAC, "in_signed": "v0:{timestamp}:{body}", "in_timestamp_header": "X-Time"},
        {"in_scheme": "token", "in_secret": "t" * 16, "in_header": "authorization"},
        {"in_scheme": "token", "in_secret": "t" * 16, "in_parameter": "key"},
        {"in_scheme": "ed25519", "in_secret": "00" * 32, "in_header": "x-sign"},
        {**HMAC, "id_path": "header:X-Event-Id", "type_path": "a.b.0", "time_path": "", "subject_path": "单据.编号"},
    ],
    ids=str,
)
def test_what_is_whole_is_taken(given: dict[str, Any]) -> None:
    Config.model_validate(given)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "in_scheme"),
        ({"out_url": "https://a.example/hook"}, "out_secret"),
        ({"out_url": "ftp://a.example", "out_secret": GOOD}, "out_url"),
        ({"out_url": "https://", "out_secret": GOOD}, "out_url"),
        ({**OUT, "out_secret": "whsec_c2hvcnQ="}, "out_secret"),
        ({**OUT, "out_secret": GOOD.removeprefix("whsec_")}, "out_secret"),
        ({**OUT, "out_secret_old": "whsec_!!!"}, "out_secret_old"),
        ({**OUT, "out_secret_older": "nonsense"}, "out_secret_older"),
        ({**OUT, "out_key": GOOD}, "out_key"),
        ({"in_scheme": "standard"}, "in_secret"),
        ({"in_scheme": "standard", "in_secret": "   "}, "in_secret"),
        ({"in_scheme": "standard", "in_secret": "whpk_AAAA"}, "in_secret"),
        ({"in_scheme": "standard", "in_secret": GOOD, "in_secret_old": "x"}, "in_secret_old"),
        ({"in_scheme": "hmac", "in_header": "x"}, "in_secret"),
        ({"in_scheme": "hmac", "in_secret": "s"}, "in_header"),
        ({**HMAC, "in_header": "x sign"}, "in_header"),
        ({**HMAC, "in_algorithm": "md5"}, "in_algorithm"),
        ({**HMAC, "in_signed": "{timestamp}.{body}"}, "in_signed"),
        ({**HMAC, "in_timestamp_header": "x-time"}, "in_signed"),
        ({**HMAC, "in_signed": "nothing"}, "in_signed"),
        ({**HMAC, "in_signed": "{body}{body}"}, "in_signed"),
        ({**HMAC, "in_signed": "{body}{nonce}"}, "in_signed"),
        ({**HMAC, "in_tolerance_s": 0}, "in_tolerance_s"),
        ({**HMAC, "id_path": "a..b"}, "id_path"),
        ({**HMAC, "id_path": "header:"}, "id_path"),
        ({"in_scheme": "token", "in_header": "x"}, "in_secret"),
        ({"in_scheme": "token", "in_secret": "short", "in_header": "x"}, "in_secret"),
        ({"in_scheme": "token", "in_secret": "口令" * 10, "in_header": "x"}, "in_secret"),
        ({"in_scheme": "token", "in_secret": "t" * 16}, "in_parameter"),
        ({"in_scheme": "token", "in_secret": "t" * 16, "in_header": "x", "in_parameter": "y"}, "in_parameter"),
        ({"in_scheme": "ed25519", "in_secret": "00" * 31, "in_header": "x"}, "in_secret"),
        ({"in_scheme": "ed25519", "in_secret": "00" * 32, "in_header": "x", "in_encoding": "HEX"}, "in_encoding"),
        ({**OUT, "unknown": "x"}, "unknown"),
    ],
    ids=str,
)
def test_what_is_half_done_is_refused_at_its_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(given)
    assert field in {each["loc"][0] for each in caught.value.errors()}


def test_the_words_of_a_refusal_hold_no_secret() -> None:
    bad = {"out_secret": "whsec_almost-a-secret", "in_secret": "whsec_another-secret", "in_scheme": "standard"}
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(bad)
    assert not [each for each in caught.value.errors() if "secret" in each["msg"] and "almost" in each["msg"]]
    assert "another" not in "".join(each["msg"] for each in caught.value.errors())


def test_header_names_are_what_the_hub_hears_and_blanks_around_a_secret_go() -> None:
    told = config("hmac", in_header=" X-Partner-Signature ", in_secret="  sandbox-hmac-secret-0001 ")
    assert (told.in_header, told.in_secret.get_secret_value()) == ("x-partner-signature", "sandbox-hmac-secret-0001")
