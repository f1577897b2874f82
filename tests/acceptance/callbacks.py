"""Genuine callbacks of the vendors that call us, sealed as their sandboxes do, and what spoils them."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlencode

from connectors.dingtalk.sandbox.app import SEAL as DINGTALK
from connectors.dingtalk.sandbox.seal import Seal as DingTalkSeal
from connectors.webhook.sandbox.app import THEIRS as WEBHOOK
from connectors.webhook.sandbox.seal import Seal as WebhookSeal
from connectors.wecom.sandbox.app import CORP
from connectors.wecom.sandbox.app import SEAL as WECOM
from connectors.wecom.sandbox.messenger import change, xml
from connectors.wecom.sandbox.seal import Seal as WeComSeal
from connectors.yonyou.sandbox.gate import APP_KEY, APP_SECRET
from connectors.yonyou.sandbox.seal import FIELDS, letters
from connectors.yonyou.sandbox.seal import Seal as YonyouSeal

WHEN = 1764316800000
YONYOU = YonyouSeal(APP_KEY, APP_SECRET, letters(APP_SECRET))
Parts = tuple[tuple[str, Any], ...]
"""Signature, time, nonce and sealed text, by the vendor's names for them."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A request's query, percent-encoded, its body, and headers beside the content type."""

    query: str
    body: bytes
    content_type: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """A request, how its vendor writes it, and what of it proves it: equal where nothing that counts is spoiled."""

    parts: Parts
    write: Callable[[Parts], Wire]
    proof: Callable[[Parts], object]

    @property
    def wire(self) -> Wire:
        return self.write(self.parts)


Send = Callable[[int], Signed]
S = TypeVar("S", DingTalkSeal, WebhookSeal, WeComSeal, YonyouSeal)


@dataclass(frozen=True, slots=True)
class Vendor:
    """Tells one fact, sealed and signed anew for each sending's number. A stranger has one of its secrets wrong."""

    genuine: Send
    strangers: Sequence[Send]


def vendor(seal: S, send: Callable[[S, int], Signed]) -> Vendor:
    wrong = [replace(seal, **{secret.name: getattr(seal, secret.name)[::-1]}) for secret in fields(seal)]
    return Vendor(partial(send, seal), [partial(send, each) for each in wrong])


def dingtalk(seal: DingTalkSeal, sending: int) -> Signed:
    message = {
        "EventType": "bpms_instance_change",
        "eventId": "event-1",
        "processInstanceId": "proc-1",
        "type": "finish",
        "result": "agree",
        "finishTime": WHEN,
        "createTime": WHEN - 100_000,
    }
    boxed = seal.close(json.dumps(message), _salt(sending))
    return Signed(_stamped(seal.stamp, sending, boxed), _query_and_json, _sorted)


def wecom(seal: WeComSeal, sending: int) -> Signed:
    message = change("add_external_contact", "wm1", "zhangsan", "lead-42")
    told = xml({"ToUserName": CORP, "FromUserName": "sys", **message, "CreateTime": WHEN // 1000, "WelcomeCode": "C"})
    return Signed(_stamped(seal.stamp, sending, seal.close(told, _salt(sending))), _query_and_xml, _sorted)


def yonyou(seal: YonyouSeal, sending: int) -> Signed:
    """All of it in the body; each of the three kinds of signature takes its turn."""
    message = {
        "type": "GL_VOUCHER_EVENT_AUDIT_AFTER",
        "eventId": "event-1",
        "timestamp": WHEN,
        "tenantId": "tenant-1",
        "content": {"voucherVO": [{"id": 1827364509182736451, "accbook": "A01", "billcode": "记-0001"}]},
    }
    scheme = sorted(FIELDS)[sending % 3]
    boxed = seal.close(json.dumps(message), _salt(sending))
    (_, stamp), (_, when), *others = _stamped(partial(seal.stamp, scheme), sending, boxed)
    return Signed(((FIELDS[scheme], stamp), ("timestamp", int(when)), *others), _json, _sorted)


def webhook(seal: WebhookSeal, sending: int) -> Signed:
    """All of it in headers; each sending writes the same message with some more blanks, within minutes of now."""
    message = {"type": "order.paid", "timestamp": "2026-11-28T10:00:00Z", "data": {"total": 199.65}}
    body, when = json.dumps(message) + " " * (sending % 100), str(int(time.time()) // 100 * 100 + sending % 100)
    stamp = seal.stamp("msg-1", when, body.encode())
    parts = ("webhook-signature", stamp), ("webhook-timestamp", when), ("webhook-id", "msg-1"), ("body", body)
    return Signed(parts, _headers_and_body, partial(_listed, stamp))


def _salt(sending: int) -> bytes:
    return Random(sending).randbytes(16)


def _stamped(stamp: Callable[[str, str, str], str], sending: int, boxed: str) -> Parts:
    when, nonce = str(WHEN + sending), _salt(sending).hex()
    return ("msg_signature", stamp(when, nonce, boxed)), ("timestamp", when), ("nonce", nonce), ("encrypt", boxed)


def _query(parts: Parts) -> str:
    return urlencode([each for each in parts if each[0] != "encrypt"], errors="surrogatepass")


def _query_and_json(parts: Parts) -> Wire:
    return replace(_json([each for each in parts if each[0] == "encrypt"]), query=_query(parts))


def _query_and_xml(parts: Parts) -> Wire:
    sealed = "".join(f"<Encrypt><![CDATA[{value}]]></Encrypt>" for name, value in parts if name == "encrypt")
    body = f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName>{sealed}</xml>"
    return Wire(_query(parts), body.encode(errors="surrogatepass"), "text/xml")


def _json(parts: Sequence[tuple[str, Any]]) -> Wire:
    """By hand, for a name may come twice."""
    inside = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in parts)
    return Wire("", f"{{{inside}}}".encode(), "application/json")


def _headers_and_body(parts: Parts) -> Wire:
    written = [(name.encode(), str(value).encode(errors="surrogatepass")) for name, value in parts]
    body = b"".join(value for name, value in written if name == b"body")
    return Wire("", body, "application/json", tuple(each for each in written if each[0] != b"body"))


GENUINE = {
    "dingtalk": vendor(DINGTALK, dingtalk),
    "webhook": vendor(WEBHOOK, webhook),
    "wecom": vendor(WECOM, wecom),
    "yonyou": vendor(YONYOU, yonyou),
}


def spoil(sender: Vendor, sending: int, chance: Random) -> Wire:
    """A request with one thing wrong in what proves it: sealed by a stranger, other parts, or other bytes."""
    good, later = sender.genuine(sending), sender.genuine(sending + chance.randint(1, 3))
    match chance.randrange(10):
        case 0:
            return chance.choice(sender.strangers)(sending).wire
        case 1 | 2 | 3:
            return chance.choice((_cut, _noise, _other_byte))(good, chance)
    parts = good.parts
    while good.proof(parts) == good.proof(good.parts):
        parts = chance.choice((_edited, _borrowed, _swapped, _moved, _lost, _doubled, _odd))(good.parts, later, chance)
    return good.write(parts)


def _sorted(parts: Parts) -> object:
    """What is signed, and its signature. Time and nonce may change places: the vendors sort what they sign."""
    told = [str(value) for _, value in parts]
    return told[:1], sorted(told[1:])


def _listed(stamp: str, parts: Parts) -> object:
    """Whether the good signature is in the list, and what it signs; of a header that comes twice the last counts."""
    told = {name: str(value) for name, value in parts}
    body = "".join(str(value) for name, value in parts if name == "body")
    signed = [told.get(name) for name in ("webhook-timestamp", "webhook-id")]
    return stamp in told.get("webhook-signature", "").split(" "), signed, body


def _cut(good: Signed, chance: Random) -> Wire:
    wire = good.wire
    return replace(wire, body=wire.body[: chance.randrange(len(wire.body))])


def _noise(good: Signed, chance: Random) -> Wire:
    return replace(good.wire, body=chance.randbytes(chance.randrange(300)))


def _other_byte(good: Signed, chance: Random) -> Wire:
    """One byte of a part is another, whatever that does to the JSON or XML around it."""
    wire = good.wire
    part = chance.choice([told for _, value in good.parts if (told := str(value).encode()) in wire.body])
    at = wire.body.index(part) + chance.randrange(len(part))
    other = bytes([wire.body[at] ^ chance.randrange(1, 256)])
    return replace(wire, body=wire.body[:at] + other + wire.body[at + 1 :])


def _put(parts: Parts, at: int, value: Any) -> Parts:
    return (*parts[:at], (parts[at][0], value), *parts[at + 1 :])


def _edited(parts: Parts, _later: Signed, chance: Random) -> Parts:
    """A few characters are left out, others stand there."""
    which = chance.randrange(len(parts))
    text = str(parts[which][1])
    begin = chance.randrange(len(text) + 1)
    end = begin + chance.choice((0, 1, 1, 16, len(text)))
    other = "".join(chance.choices("aZ019+/= \n\x00é１😀\ud800", k=chance.choice((0, 1, 1, 16))))
    return _put(parts, which, text[:begin] + other + text[end:])


def _borrowed(parts: Parts, later: Signed, chance: Random) -> Parts:
    """Replayed with one part of another sending."""
    which = chance.randrange(len(parts))
    return _put(parts, which, later.parts[which][1])


def _swapped(parts: Parts, _later: Signed, chance: Random) -> Parts:
    one, two = chance.sample(range(len(parts)), 2)
    return _put(_put(parts, one, parts[two][1]), two, parts[one][1])


def _moved(parts: Parts, _later: Signed, chance: Random) -> Parts:
    """The sealed text's tail leads the time or the nonce: sorted and joined for a signature, it may read the same."""
    boxed, which = parts[-1][1], chance.choice((1, 2))
    at = 4 * chance.randrange(len(boxed) // 4)
    return _put(_put(parts, which, boxed[at:] + str(parts[which][1])), len(parts) - 1, boxed[:at])


def _lost(parts: Parts, _later: Signed, chance: Random) -> Parts:
    gone = set(chance.sample(range(len(parts)), chance.randint(1, len(parts))))
    return tuple(each for at, each in enumerate(parts) if at not in gone)


def _doubled(parts: Parts, later: Signed, chance: Random) -> Parts:
    """A part comes again, and says something else."""
    which = chance.randrange(len(parts))
    return (*parts, (parts[which][0], later.parts[which][1]))


def _odd(parts: Parts, _later: Signed, chance: Random) -> Parts:
    """Something else than a text."""
    which = chance.randrange(len(parts))
    return _put(parts, which, chance.choice((None, True, 5, -1.5, [], {}, [parts[which][1]], "")))
