"""YonBIP's yes and no. HTTP is 200 for nearly all of both; `code` is text or a number.

Repeating is safe after every refusal here: customers are looked up first, receivables carry our number and key.
"""

from datetime import timedelta

from hub import sdk

ILLEGAL_TOKEN = "非法token"
LIMITED = frozenset({"310032", "310039", "310042", "310046"})


def read(answer: sdk.Answer) -> sdk.Refusal | None:
    """The success rule: code 200 with nothing in it that failed."""
    body = answer.body
    if not isinstance(body, dict):
        return _without_json(answer)
    code = str(body["code"])
    if code != "200":
        wait = timedelta(seconds=20) if code in LIMITED else None
        return sdk.Refusal(code, _words(body), str(body.get("traceId") or ""), wait)
    if answer.status >= 400:
        raise ValueError(f"http {answer.status} with code 200")
    if body.get("success") is False:
        return sdk.Refusal("not-success", _words(body))
    return _partial(body.get("data"))


def _without_json(answer: sdk.Answer) -> sdk.Refusal | None:
    if ILLEGAL_TOKEN in answer.text[:200]:
        return sdk.Refusal("310036", answer.text[:200])
    if answer.status in (401, 403, 404):
        return sdk.Refusal(f"http {answer.status}", answer.text[:300] or "-")
    raise ValueError("not a JSON object")


def _partial(data: sdk.Json) -> sdk.Refusal | None:
    """Code 200 around rows that failed is a no: `failCount` counts them, `messages` says why."""
    if not isinstance(data, dict):
        return None
    messages = data.get("messages") or []
    if not int(data.get("failCount") or 0) and not messages:
        return None
    told = (str(m.get("message", m)) if isinstance(m, dict) else str(m) for m in messages)
    return sdk.Refusal("partial", "；".join(told) or "部分失败 / some rows failed")


def _words(body: dict[str, sdk.Json]) -> str:
    """Yonyou's own sentence with its display code; never branched on."""
    words = str(body.get("message") or "用友没有说明原因 / Yonyou gave no reason")
    return f"{words}（{body['displayCode']}）" if body.get("displayCode") else words


_APP = ("应用不存在或已停用：在开放平台核对应用后恢复连接。", "The app is unknown or stopped: check it, then resume.")
_IP = ("出口 IP 不在允许范围：在开放平台的 IP 规则里加上。", "Our address is not allowed: add it to the IP rules.")
_LIMIT = ("调用次数达到上限，稍后自动继续。", "The call limit is reached; it goes on by itself.")
_BUG = ("请求不合网关的规则：把这次尝试交给连枢的开发者。", "The gateway's rules are broken: show the attempt to us.")
_CHECK = ("按用友的原话改正数据后重放。", "Correct what Yonyou names, then replay.")
_PLATFORM = ("用友平台出错，稍后自动重试。", "Yonyou's platform failed; it is retried by itself.")
_DOUBT = (
    "用友没有给出结果，可能已生效：稍后用同一个键重发。",
    "No outcome was told: it is sent again, same key.",
)
_GRANT = (
    "应用没有这个接口的授权：在开放平台给应用勾选到末级的接口分类。",
    "The API is not granted to the app: tick its leaf category on the open platform.",
)
_ABSENT = (
    "这个租户没有该接口：核对网关地址，以及应收（EFI）模块是否启用。",
    "The tenant lacks this API: check the gateway address and that the EFI receivables module is in use.",
)
_STALE = (
    "换新令牌后仍被拒绝：核对应用是否启用、租户是否正确。",
    "Refused with a new token: check that the app is enabled and belongs to this tenant.",
)
_TAKEN = (
    "用友说已提交过，却找不到那张单：在用友里查看。",
    "Yonyou calls it a repeat but has no such record.",
)
_KIND: tuple[tuple[type[sdk.VendorError], tuple[str, str], str], ...] = (
    (sdk.Ambiguous, _DOUBT, "202 310504 310071 310072 310076 310077 315001"),
    (sdk.Rejected, _TAKEN, "10004 100004"),
    (sdk.Rejected, _BUG, "310001 310002 310405"),
    (sdk.NeedsReauth, _STALE, "310003 310036"),
    (sdk.NeedsReauth, _APP, "310005 310006 10018"),
    (sdk.NeedsReauth, _IP, "310031 310038 310041 310047"),
    (sdk.NeedsReauth, _GRANT, "310037"),
    (sdk.NeedsReauth, _ABSENT, "310404"),
    (sdk.Throttled, _LIMIT, " ".join(sorted(LIMITED))),
    (sdk.Transient, _PLATFORM, "310007 310009 310043 310061 310062 310063 310064 310065 310066"),
    (sdk.Rejected, _CHECK, "310008 310015 310023 310025 999 404 0 not-success partial"),
    (sdk.Rejected, ("用友里没有这条数据。", "Yonyou has no such record."), "1002"),
    (sdk.NeedsReauth, ("网关禁止访问：核对地址与授权。", "The gateway forbids it: check address and grants."), "http*"),
)

ERRORS = sdk.ErrorTable(
    read=read,
    rows={code: sdk.Row(error, sdk.Text(*hint)) for error, hint, codes in _KIND for code in codes.split()},
)
