"""Genuine callbacks of the vendors that call us, sealed by their sandboxes, and what spoils them."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from connectors.dingtalk.sandbox.app import SEAL


@dataclass(frozen=True, slots=True)
class Wire:
    """One request. `proof`: the part of the body that is sealed; what stands around it proves nothing."""

    query: Mapping[str, str]
    body: bytes
    proof: str
    content_type: str = "application/json"


def dingtalk(number: int) -> Wire:
    message = {
        "EventType": "bpms_instance_change",
        "eventId": f"event-{number}",
        "processInstanceId": f"proc-{number}",
        "type": "finish",
        "result": "agree",
        "finishTime": 1764316800000,
        "createTime": 1764316700000,
    }
    boxed = SEAL.close(json.dumps(message))
    query = {
        "msg_signature": SEAL.stamp("1764316800000", "n0nce", boxed),
        "timestamp": "1764316800000",
        "nonce": "n0nce",
    }
    return Wire(query, json.dumps({"encrypt": boxed}).encode(), boxed)


GENUINE: dict[str, Callable[[int], Wire]] = {"dingtalk": dingtalk}


def spoil(wire: Wire, chance: random.Random) -> Wire:
    """The same request, with one thing wrong in what proves it."""
    return chance.choice((_other_letter, _cut, _other_query, _without, _noise, _swapped))(wire, chance)


def _other_letter(wire: Wire, chance: random.Random) -> Wire:
    """One character of the sealed text is another one of its alphabet."""
    at = chance.randrange(len(wire.proof) - 4)  # the last letters of base64 may hold bits that mean nothing
    letter = chance.choice([c for c in "abcXYZ019+/" if c != wire.proof[at]])
    sealed = wire.proof[:at] + letter + wire.proof[at + 1 :]
    return replace(wire, body=wire.body.replace(wire.proof.encode(), sealed.encode()))


def _cut(wire: Wire, chance: random.Random) -> Wire:
    begin = wire.body.index(wire.proof.encode())
    return replace(wire, body=wire.body[: chance.randrange(begin + len(wire.proof))])


def _other_query(wire: Wire, chance: random.Random) -> Wire:
    name = chance.choice(sorted(wire.query))
    value = wire.query[name]
    at = chance.randrange(len(value))
    letter = chance.choice([c for c in "0a9Zé\x00" if c != value[at]])
    return replace(wire, query={**wire.query, name: value[:at] + letter + value[at + 1 :]})


def _without(wire: Wire, chance: random.Random) -> Wire:
    gone = chance.choice(sorted(wire.query))
    return replace(wire, query={name: value for name, value in wire.query.items() if name != gone})


def _noise(wire: Wire, chance: random.Random) -> Wire:
    return replace(wire, body=chance.randbytes(chance.randrange(300)))


def _swapped(wire: Wire, chance: random.Random) -> Wire:
    """The signature stands where another value should. (Time and nonce may change places: the vendors sort them.)"""
    signature = next(name for name in wire.query if "signature" in name)
    other = chance.choice([name for name in wire.query if name != signature])
    return replace(wire, query={**wire.query, signature: wire.query[other], other: wire.query[signature]})
