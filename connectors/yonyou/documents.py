"""What customers and receivables share: the gateway's path, our idempotency key, and the word for a difference."""

from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256

from hub import sdk


def address(path: str) -> str:
    """Path of an API below the gateway."""
    return f"/yonbip{path}"


def resubmit_key(kind: str, number: str, data: Mapping[str, sdk.Json]) -> str:
    """The MDD key (32 characters): the same for the same content, another one when the content was corrected."""
    revision = sha256(sdk.dumps(dict(data)).encode()).hexdigest()
    return sha256(f"yonyou|{kind}|{number}|{revision}".encode()).hexdigest()[:32]


def once(kind: str, number: str, data: Mapping[str, sdk.Json]) -> sdk.Json:
    """The body of an idempotent save."""
    return {"data": {"resubmitCheckKey": resubmit_key(kind, number, data), **data}}


def exact(value: sdk.Json) -> Decimal:
    """An amount as YonBIP answers it: a number or text."""
    return Decimal(str(value))


def check_same(kind: str, number: str, pairs: Mapping[str, tuple[object, object]]) -> None:
    """Rejected, with both values, where ours and theirs differ. `pairs`: field → (ours, theirs)."""
    different = {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}
    if not different:
        return
    told = "；".join(f"{field}: 我方 {ours}，用友 {theirs}" for field, (ours, theirs) in different.items())
    raise sdk.Rejected(
        f"{kind} {number} 已存在但内容不同 / exists with other content: {told}",
        code="differs",
        hint=sdk.Text(
            "编号相同而内容不同：在用友里核对后改正一方，再重放。",
            "Same number, other content: compare in Yonyou, correct one side, then replay.",
        ),
    )
