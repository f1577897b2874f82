"""Callbacks: the vendor's vectors on both sides, other people's libraries, and everything that is not the vendor."""

import base64
import importlib
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from connectors.wecom.callbacks import decrypt, read, sign, verify
from connectors.wecom.config import Config
from connectors.wecom.events import parse
from connectors.wecom.sandbox.messenger import archive_news, xml
from connectors.wecom.sandbox.seal import BrokenSealError, Seal
from hub import sdk
from tests.connectors.wecom.genuine import CORP, SEAL, added, config, locked, wire

HERE = Path(__file__).parent
FACTS = json.loads((HERE / "fixtures" / "callbacks.json").read_text("utf-8"))
PLAIN = {**FACTS["defaults"], "name": "official", **FACTS["official"]}
VECTORS = [PLAIN, *({**FACTS["defaults"], **case} for case in FACTS["cases"])]
BY_NAME = pytest.mark.parametrize("vector", VECTORS, ids=lambda v: str(v["name"]))
BAD = pytest.mark.parametrize("vector", FACTS["negative_cases"], ids=lambda v: str(v["name"]))
Vector = dict[str, Any]


def told_by(vector: Vector) -> Config:
    receiver = vector["receiveid"] or ","
    keys = {"callback_token": vector["token"], "callback_aes_key": vector["encoding_aes_key"]}
    return config(**keys, receive_ids=receiver)


def seal_of(vector: Vector) -> Seal:
    return Seal(vector["token"], vector["encoding_aes_key"], vector["receiveid"])


@BY_NAME
def test_our_client_opens_and_signs_as_the_vendor_does(vector: Vector) -> None:
    assert decrypt(told_by(vector), vector["encrypt"]).decode() == vector["plaintext"]
    stamp = sign(vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"])
    assert stamp == vector["msg_signature"]


@BY_NAME
def test_our_sandbox_opens_seals_and_signs_as_the_vendor_does(vector: Vector) -> None:
    seal = seal_of(vector)
    assert seal.open(vector["encrypt"]) == vector["plaintext"]
    assert seal.close(vector["plaintext"], vector["random_prefix"].encode()) == vector["encrypt"]
    assert seal.stamp(vector["timestamp"], vector["nonce"], vector["encrypt"]) == vector["msg_signature"]


@pytest.mark.parametrize("case", FACTS["cases"], ids=lambda v: str(v["name"]))
def test_recorded_requests_are_taken_whole(case: Vector) -> None:
    method = "GET" if case["kind"] == "url_verify" else "POST"
    callback = sdk.Callback(method, dict(parse_qsl(case["query"])), {}, case.get("body", "").encode())
    verified = verify(told_by({**FACTS["defaults"], **case}), callback)
    assert verified.plaintext.decode() == case["plaintext"]
    assert verified.handshake is (method == "GET")
    if verified.handshake:
        assert verified.reply.body.decode() == case["expected_response_body"]
    else:
        assert read(verified.plaintext)["ToUserName" if "ToUserName" in case["plaintext"] else "SuiteId"]


@BAD
def test_recorded_forgeries_are_refused_by_our_client(vector: Vector) -> None:
    query = {name: vector[name] for name in ("msg_signature", "timestamp", "nonce")}
    body = xml({"Encrypt": vector["encrypt"]}).encode()
    told = config(receive_ids=vector["receiveid_of_receiver"], callback_aes_key=vector["encoding_aes_key"])
    with pytest.raises(sdk.BadSignature):
        verify(told, sdk.Callback("POST", query, {}, body))


@BAD
def test_recorded_forgeries_are_refused_by_our_sandbox(vector: Vector) -> None:
    seal = Seal(FACTS["defaults"]["token"], vector["encoding_aes_key"], vector["receiveid_of_receiver"])
    if vector["expected_rejection"] == "signature_mismatch":
        assert seal.stamp(vector["timestamp"], vector["nonce"], vector["encrypt"]) != vector["msg_signature"]
    else:
        with pytest.raises(BrokenSealError):
            seal.open(vector["encrypt"])


def test_a_push_is_opened_acknowledged_and_tells_its_fact() -> None:
    verified = verify(config(), added())
    assert (verified.reply.status, verified.reply.body, verified.handshake) == (200, b"success", False)
    (fact,) = parse(read(verified.plaintext))
    assert isinstance(fact, sdk.Inbound)
    assert (fact.type, fact.subject, fact.data["state"]) == ("contact.added", "wm1", "lead-42")
    assert "CODE" not in sdk.dumps(dict(fact.data))


def test_news_of_the_archive_wakes_its_poll() -> None:
    push = wire(SEAL.close(xml({"ToUserName": CORP, **archive_news()})))
    assert list(parse(read(verify(config(), push).plaintext))) == [sdk.Nudge("message.archived")]


@pytest.mark.parametrize("event", ["kf_msg_or_event", "change_contact", "enter_agent"])
def test_other_events_and_chat_with_the_app_tell_nothing(event: str) -> None:
    assert list(parse({"MsgType": "event", "Event": event, "CreateTime": "1"})) == []
    assert list(parse({"MsgType": "text", "Content": event, "CreateTime": "1"})) == []


def test_a_json_envelope_is_taken_too() -> None:
    push = added()
    sealed = SEAL.close('{"Event":"msgaudit_notify"}')
    signed = wire(sealed)
    taken = verify(config(), replace(signed, body=json.dumps({"encrypt": sealed}).encode()))
    assert list(parse(read(taken.plaintext))) == [sdk.Nudge("message.archived")]
    with pytest.raises(sdk.BadSignature):
        verify(config(), replace(push, body=b'{"encrypt": 5}'))


def key_of(push: sdk.Callback) -> str:
    (fact,) = parse(read(verify(config(), push).plaintext))
    assert isinstance(fact, sdk.Inbound)
    return fact.dedupe_key


def test_a_callback_that_comes_again_tells_the_same_fact() -> None:
    once, again = added(), added()
    assert once.body != again.body
    keys = {key_of(push) for push in (once, again, once)}
    assert keys == {"contact.added:add_external_contact:zhangsan:wm1:1767225600"}


def spoiled(good: sdk.Callback, chance: random.Random) -> sdk.Callback:
    """One thing wrong, in what is signed or in the request's frame."""
    body, query = bytearray(good.body), dict(good.query)
    begin, end = body.index(b"<Encrypt>") + 18, body.index(b"]]></Encrypt>")
    match chance.randrange(6):
        case 0:
            body[chance.randrange(begin, end)] ^= 1 << chance.randrange(8)
        case 1:
            del body[chance.randrange(len(body) - 1) :]
        case 2:
            name = chance.choice(list(query))
            at = chance.randrange(len(query[name]))
            query[name] = query[name][:at] + chance.choice("é\x00gZ\ud800") + query[name][at + 1 :]
        case 3:
            del query[chance.choice(list(query))]
        case 4:
            body = bytearray(chance.randbytes(chance.randrange(300)))
        case _:
            at = chance.randrange(begin, end)
            body[at:at] = chance.choice([b"A", b"=", b" ", b"\n", b"<", b"]]>", b"&lt;", b"\xff", b"\x00"])
    return replace(good, query=query, body=bytes(body))


def test_no_mutated_callback_is_taken_and_every_refusal_reads_the_same() -> None:
    told, good, chance, words = config(), added(), random.Random(7), set()
    for _ in range(3_000):
        with pytest.raises(sdk.BadSignature) as refused:
            verify(told, spoiled(good, chance))
        words.add(str(refused.value))
    assert len(words) == 1


def test_no_mutated_address_check_is_answered() -> None:
    told, chance, sealed = config(), random.Random(8), SEAL.close("5927782489442352469")
    signed = wire(sealed)
    good = sdk.Callback("GET", {**signed.query, "echostr": sealed}, {}, b"")
    assert verify(told, good).reply.body == b"5927782489442352469"
    for _ in range(1_000):
        query = dict(good.query)
        name = chance.choice(list(query))
        at = chance.randrange(len(query[name]))
        query[name] = chance.choice([query[name][:at], query[name][:at] + "~" + query[name][at + 1 :]])
        with pytest.raises(sdk.BadSignature):
            verify(told, replace(good, query=query))


@pytest.mark.parametrize("length", [0, 1, 16, 19, 20, 31, 32, 33, 64])
def test_rightly_signed_noise_is_refused_too(length: int) -> None:
    noise = base64.b64encode(random.Random(length).randbytes(length)).decode()
    with pytest.raises(sdk.BadSignature):
        verify(config(), wire(noise))


def block(message: bytes = b"<xml/>", length: int | None = None, tail: bytes = b"") -> bytes:
    """An unpadded plaintext; told `length` may differ from the message's."""
    size = len(message) if length is None else length
    return b"0123456789abcdef" + size.to_bytes(4, "big") + message + CORP.encode() + tail


def padded(plain: bytes) -> bytes:
    pad = 32 - len(plain) % 32
    return plain + bytes([pad]) * pad


ODD_BLOCKS = {
    "not UTF-8": padded(block(b"<xml>\xff\xfe</xml>")),
    "too long a length": padded(block(length=2**32 - 1)),
    "a length one short": padded(block(length=5)),
    "a tail after the id": padded(block(tail=b"x")),
    "padding of unlike bytes": padded(block())[:-2] + b"\x00" + padded(block())[-1:],
    "padding of 33": block(b"<xml>" + b"y" * 7 + b"</xml>")[:31].ljust(31, b"z") + bytes([33]) * 33,
    "padding of 48": (block(b"z" * 27) + bytes([48]) * 48)[:112],
}


@pytest.mark.parametrize("plain", ODD_BLOCKS.values(), ids=ODD_BLOCKS)
def test_rightly_signed_odd_blocks_are_refused(plain: bytes) -> None:
    assert verify(config(), wire(locked(padded(block())))).plaintext == b"<xml/>"
    with pytest.raises(sdk.BadSignature):
        verify(config(), wire(locked(plain)))


def test_a_push_for_another_corp_is_refused_and_a_second_receive_id_is_taken() -> None:
    other = Seal(SEAL.token, SEAL.aes_key, "ww4asffe99e54c0f4c")
    with pytest.raises(sdk.BadSignature):
        verify(config(), added(other))
    both = config(receive_ids=f"{CORP}, ww4asffe99e54c0f4c")
    assert verify(both, added(other)).plaintext == verify(both, added()).plaintext


BOMB = '<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'


def test_document_types_are_refused_outside_and_unreadable_inside() -> None:
    genuine = added()
    rightly_signed = replace(genuine, body=b"<!DOCTYPE xml>" + genuine.body)
    with pytest.raises(sdk.BadSignature):
        verify(config(), rightly_signed)
    for odd in (BOMB, "<xml>", "no xml", "", "<a>" * 50 + "</a>" * 50, "{"):
        verified = verify(config(), wire(SEAL.close(odd)))
        with pytest.raises(sdk.Unreadable):
            read(verified.plaintext)


def test_nested_and_repeated_tags_are_read_as_dicts_and_lists() -> None:
    text = "<xml><A/><L><Item>1</Item><Item>2</Item></L><B><C>x&amp;y</C></B></xml>"
    assert read(text.encode()) == {"A": "", "L": {"Item": ["1", "2"]}, "B": {"C": "x&y"}}


def test_a_push_is_verified_well_within_the_budget() -> None:
    told, push = config(), added()
    spent = []
    for _ in range(50):
        began = time.perf_counter()
        verify(told, push)
        spent.append(time.perf_counter() - began)
    assert sorted(spent)[25] < 0.005


def wechatpy(kind: str, *given: Any) -> Any:
    return getattr(importlib.import_module("wechatpy.work.crypto"), kind)(*given)


def test_an_oracle_wechatpy_opens_what_our_sandbox_seals() -> None:
    push = added()
    opened = wechatpy("WeChatCrypto", SEAL.token, SEAL.aes_key, CORP).decrypt_message(
        push.body.decode(), push.query["msg_signature"], push.query["timestamp"], push.query["nonce"]
    )
    assert read(opened.encode())["ExternalUserID"] == "wm1"


def test_an_oracle_wechatpy_seals_what_our_client_opens() -> None:
    text = xml({"Event": "msgaudit_notify", "Content": "合同金额 ¥12,800 ✅ <b>&"})
    sealed = wechatpy("WeChatCrypto", SEAL.token, SEAL.aes_key, CORP).encrypt_message(text, "n0nce", "1767225600")
    told = read(sealed.encode())
    query = {"msg_signature": told["MsgSignature"], "timestamp": told["TimeStamp"], "nonce": told["Nonce"]}
    assert verify(config(), sdk.Callback("POST", query, {}, sealed.encode())).plaintext.decode() == text


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Vector]], Any]:
    """The vendor's @wecom/crypto, in Node."""
    folder = tmp_path_factory.mktemp("oracle")
    for file in ("package.json", "package-lock.json", "oracle.js"):
        shutil.copy(HERE / "oracle" / file, folder)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True, timeout=120)

    def ask(jobs: list[Vector]) -> Any:
        command = ["node", str(folder / "oracle.js")]
        done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True, timeout=30, check=True)
        return json.loads(done.stdout)

    return ask


def test_an_oracle_the_vendors_own_package_opens_and_signs_what_our_sandbox_seals(
    vendor: Callable[[list[Vector]], Any],
) -> None:
    texts = ["", "x", "合同金额 ¥12,800 ✅", *("y" * n for n in range(1, 66))]
    sealed = [SEAL.close(text) for text in texts]
    opened = vendor([{"do": "open", "aes_key": SEAL.aes_key, "encrypt": each} for each in sealed])
    assert [(each["message"], each["id"]) for each in opened] == [(text, CORP) for text in texts]
    sign_all = [{"do": "sign", "token": SEAL.token, "timestamp": "1", "nonce": "n", "encrypt": e} for e in sealed]
    assert vendor(sign_all) == [SEAL.stamp("1", "n", each) for each in sealed]


def test_an_oracle_the_vendors_own_package_seals_what_our_client_opens(
    vendor: Callable[[list[Vector]], Any],
) -> None:
    texts = ["x", "合同金额 ¥12,800 ✅", *("y" * n for n in range(1, 66))]
    sealed = vendor([{"do": "close", "aes_key": SEAL.aes_key, "message": text, "id": CORP} for text in texts])
    assert [decrypt(config(), each).decode() for each in sealed] == texts
