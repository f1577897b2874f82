"""Kingdee's yes and no. HTTP is 200 for both; the verdict stands in ResponseStatus, or in a text.

Repeating is safe after every refusal here: each action looks its own number up before it writes.
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from hub import sdk

EXCEPTION = "response_error:"

# Kingdee tells many refusals apart only by words, and the words differ a little between versions.
WORDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("login", "不允许用户"),
        ("field", "元数据中标识为.+字段不存在"),
        ("form", "业务对象不存在"),
        ("lock", "网控|正在被.*(操作|使用)|冲突"),
        ("stale", "已被其他用户修改"),
        ("duplicate", "已存在|唯一|重复"),
        ("missing", "不存在"),
        ("empty", "不能为空|必录"),
        ("state", "已审核|审核中|已提交|单据状态"),
    )
)
SPEAKING = frozenset({"0", "4", "8", "9", "10", "11", "12"})
"""MsgCodes that say little by themselves, so that the words decide."""


def status_of(body: sdk.Json) -> Mapping[str, sdk.Json] | None:
    """ResponseStatus, plain or wrapped twice as a failed query sends it; None for the rows of a query that went well.

    Raises LookupError or TypeError for any other shape.
    """
    if isinstance(body, list):
        if all(isinstance(row, list) and not (row and isinstance(row[0], dict)) for row in body):
            return None
        body = body[0][0]
    status: Mapping[str, sdk.Json] = body["Result"]["ResponseStatus"]
    return status


def read(answer: sdk.Answer) -> sdk.Refusal | None:
    """The success rule: IsSuccess is true, or the answer is a table of rows."""
    if answer.text.lstrip("\ufeff \r\n").startswith(EXCEPTION):
        return _refusal("exception", answer.text.split(EXCEPTION, 1)[1].strip())
    if answer.status in (401, 403, 404):
        return sdk.Refusal(f"http {answer.status}", answer.text[:300] or "-")
    status = status_of(answer.body)
    if answer.status >= 400:
        raise ValueError(f"http {answer.status} with a ResponseStatus")
    if status is None or status["IsSuccess"] is True:
        return None
    if status["IsSuccess"] is not False:
        raise ValueError("IsSuccess is neither true nor false")
    return _refusal(str(status.get("MsgCode") or 0), _words(status))


def read_each(status: Mapping[str, sdk.Json]) -> dict[int, sdk.Refusal]:
    """What was refused of several, by its place among them: the words are each one's own, the code is that of all."""
    code, errors = str(status.get("MsgCode") or 0), status.get("Errors") or []
    places = {int(each["DIndex"]) for each in errors}
    return {p: _refusal(code, _words({"Errors": [e for e in errors if int(e["DIndex"]) == p]})) for p in places}


def read_several(answer: sdk.Answer, count: int) -> sdk.Refusal | None:
    """The success rule of a call for `count` documents: an answer that tells of each is one, though it refuses some."""
    refusal = read(answer)
    if refusal is None or answer.body is None:
        return refusal
    status = status_of(answer.body) or {}
    of_items = refusal.code.rsplit("/", 1)[-1] in SPEAKING and set(read_each(status)) == set(range(count))
    return None if of_items or status.get("SuccessEntitys") else refusal


def session_lost(raw: bytes) -> bool:
    """Whether an answer says that the session is gone. Cheap for pages of rows: they hold no MsgCode."""
    if b"MsgCode" not in raw and not raw.lstrip().startswith(EXCEPTION.encode()):
        return False
    text = raw.decode("utf-8", "replace")
    try:
        body = sdk.loads(raw)
    except sdk.Unreadable:
        body = None
    try:
        refusal = read(sdk.Answer(200, {}, body, text))
    except (LookupError, TypeError, ValueError, AttributeError):
        return False
    return refusal is not None and refusal.code == "1"


def _words(status: Mapping[str, sdk.Json]) -> str:
    """Every message, with the field it names."""
    told = (
        f"{e['FieldName']}：{e.get('Message', '')}" if e.get("FieldName") else str(e.get("Message", ""))
        for e in status.get("Errors") or []
    )
    return "；".join(filter(None, told)) or "金蝶没有说明原因 / Kingdee gave no reason"


def _refusal(code: str, words: str) -> sdk.Refusal:
    if "会话信息已丢失" in words:
        return sdk.Refusal("1", words)
    if code in SPEAKING or code == "exception":
        kind = next((kind for kind, pattern in WORDS if pattern.search(words)), "")
        code = f"{kind}/{code}" if kind else code
    return sdk.Refusal(code, words, retry_after=timedelta(seconds=5) if code == "14" else None)


def _row(error: type[sdk.VendorError], zh: str, en: str) -> sdk.Row:
    return sdk.Row(error, sdk.Text(zh, en))


_FORM = "这个账套没有启用该单据：请在金蝶里启用。", "This account set has not enabled the form: enable it in Kingdee."
_BUSY = "单据正被别人操作，稍后自动重试。", "Someone is working on this document; it is retried by itself."
_FAILED = "金蝶服务器出错，稍后自动重试；先查后写。", "Kingdee's server failed; it is retried, looking before writing."
_CHECK = "按金蝶的原话改正数据后重放。", "Correct what Kingdee names, then replay."

ERRORS = sdk.ErrorTable(
    read=read,
    rows={
        "1": _row(
            sdk.NeedsReauth,
            "重新登录后仍被拒绝：核对数据中心、集成用户、应用 ID 与密钥是否有效。",
            "Refused after a new session: check the data centre, the user, the application id and its secret.",
        ),
        "2": _row(
            sdk.NeedsReauth,
            "集成用户没有权限：在金蝶里授权后恢复连接。",
            "The integration user lacks the right: grant it in Kingdee, then resume the connection.",
        ),
        "5": _row(sdk.Rejected, *_FORM),
        "6": _row(sdk.Transient, *_FAILED),
        "4": _row(sdk.Transient, *_FAILED),
        "exception": _row(sdk.Transient, *_FAILED),
        "7": _row(
            sdk.NeedsReauth,
            "金蝶许可不足或到期：处理许可后恢复连接。",
            "Kingdee's licence is used up or expired: settle it, then resume the connection.",
        ),
        "8": _row(sdk.Rejected, *_CHECK),
        "9": _row(sdk.Rejected, *_CHECK),
        "10": _row(sdk.Rejected, "金蝶里没有这条数据。", "Kingdee has no such record."),
        "11": _row(sdk.Rejected, *_CHECK),
        "12": _row(
            sdk.Rejected,
            "当前状态不允许这个操作：在金蝶里查看该单据。",
            "Its state does not allow this: look at the document in Kingdee.",
        ),
        "13": _row(sdk.Transient, *_BUSY),
        "14": _row(
            sdk.Throttled,
            "调用次数达到上限，稍后自动继续。",
            "The call limit is reached; it goes on by itself.",
        ),
        "15": _row(
            sdk.NeedsReauth,
            "不能用管理员账号登录：改用集成用户。",
            "Administrators may not sign in: use an integration user.",
        ),
        "login/*": _row(
            sdk.NeedsReauth,
            "请管理员把这个用户加入第三方应用的登录许可。",
            "Have the administrator allow this user for the application.",
        ),
        "field/*": _row(
            sdk.Rejected,
            "这个金蝶版本没有该字段：联系实施人员核对元数据。",
            "This Kingdee version lacks the field: compare the form's metadata.",
        ),
        "form/*": _row(sdk.Rejected, *_FORM),
        "lock/*": _row(sdk.Transient, *_BUSY),
        "stale/*": _row(sdk.Transient, *_BUSY),
        "duplicate/*": _row(
            sdk.Rejected,
            "编号已被占用：核对金蝶里的那张单据。",
            "The number is taken: look at that document in Kingdee.",
        ),
        "missing/*": _row(
            sdk.NotReady,
            "引用的资料在金蝶里还不存在（或未审核、未分配到组织）：建好后自动继续。",
            "Kingdee does not have what this refers to (or not audited, not allocated): it goes on once it does.",
        ),
        "empty/*": _row(sdk.Rejected, "补全必填项后重放。", "Fill the mandatory field, then replay."),
        "state/*": _row(
            sdk.Rejected,
            "当前状态不允许这个操作：在金蝶里查看该单据。",
            "Its state does not allow this: look at the document in Kingdee.",
        ),
        "http 401": _row(
            sdk.NeedsReauth,
            "网关拒绝了签名：核对应用 ID 与密钥。",
            "The gateway refused the signature: check the secret.",
        ),
        "http 403": _row(
            sdk.NeedsReauth, "网关禁止访问：核对白名单与授权。", "The gateway forbids it: check allow-lists and grants."
        ),
        "http 404": _row(
            sdk.NeedsReauth,
            "地址不对：服务器地址通常以 /k3cloud/ 结尾。",
            "Wrong address: the server address usually ends in /k3cloud/.",
        ),
    },
)
