"""The fake Qichacha: a hashed token, a lock after failures, order numbers, HTTP 200 whatever happens."""

import time
from collections.abc import Mapping
from hashlib import md5
from typing import Any

from connectors.enrichment.sandbox.desk import Desk
from connectors.enrichment.sandbox.registry import Entry, find, search

PATHS = {"/FuzzySearch/GetList": "searchKey", "/ECIV4/GetBasicDetailsByName": "keyword"}
PAGE_SIZE = 5
SKEW_S = 300
GOOD, BAD = "【有效请求】", "【无效请求】"
WORDS = {
    "101": "当前的KEY无效或者还未生效中",
    "102": "当前KEY已欠费",
    "107": "被禁止的IP或者签名错误",
    "110": "当前相同查询连续出错，请等2小时后重试",
    "112": "您的账号剩余使用量已不足或已过期",
    "120": "流量异常，请稍后重试",
    "122": "超过接口并发限制",
    "199": "系统未知错误",
    "201": "查询无结果",
    "202": "查询参数错误",
    "205": "等待处理中",
    "208": "此接口不支持此公司类型查询",
    "213": "参数长度不能小于2",
    "214": "您还未购买过该接口",
}
RESULTS = ("201", "205", "208")


def seal(key: str, seconds: str, secret: str) -> str:
    """The Token header a caller must send."""
    digest = md5(usedforsecurity=False)
    for part in (key, seconds, secret):
        digest.update(part.encode("ascii"))
    return digest.hexdigest().upper()


def answer(desk: Desk, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    """One call: key, signature, limits, parameters, data, in this order."""
    if no := _admit(desk, path, query, headers):
        return _no(no)
    asked = query.get(PATHS[path], "")
    same = f"{path}?{asked}"
    if desk.is_locked(same):
        return _no("110")
    if len(asked) < 2:
        desk.fail(same)
        return _no("213" if asked else "202")
    if desk.is_empty():
        return _no("112")
    return _search(desk, asked, same) if path.startswith("/FuzzySearch") else _read(desk, asked, same)


def _admit(desk: Desk, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The code of the first thing that is wrong, or ""."""
    if query.get("key") != desk.key:
        return "101"
    seconds = headers.get("timespan", "")
    if not seconds.isascii() or not seconds.isdigit() or abs(int(seconds) - time.time()) > SKEW_S:
        return "107"
    if headers.get("token", "") != seal(desk.key, seconds, desk.secret):
        return "107"
    if code := desk.trouble():
        return code
    if desk.kit.faults.hit("throttle"):
        return "120"
    if desk.busy > desk.most_at_once:
        return "122"
    return "214" if path in desk.not_bought or path not in PATHS else ""


def _no(code: str, order: str | None = None) -> dict[str, Any]:
    words = f"{GOOD if code in RESULTS else BAD}{WORDS.get(code, '错误')}"
    return {"Status": code, "Message": words, "OrderNumber": order, "Paging": None, "Result": None}


def _yes(order: str, result: Any, total: int | None = None) -> dict[str, Any]:
    paging = None if total is None else {"PageSize": PAGE_SIZE, "PageIndex": 1, "TotalRecords": total}
    return {"Status": "200", "Message": f"{GOOD}查询成功", "OrderNumber": order, "Paging": paging, "Result": result}


def _search(desk: Desk, word: str, same: str) -> dict[str, Any]:
    found = [entry for entry in search(word) if not entry.person]
    order = desk.charge("company.searched", "qichacha", word=word, hits=len(found))
    if not found:
        desk.fail(same)
        return _no("201", order)
    rows = [
        {
            "KeyNo": entry.key_no,
            "Name": entry.name,
            "CreditCode": entry.code or entry.number,
            "StartDate": entry.established,
            "OperName": entry.legal,
            "Status": entry.status,
            "No": entry.number,
            "Address": entry.address or None,
        }
        for entry in found[:PAGE_SIZE]
    ]
    return _yes(order, rows, len(found))


def _read(desk: Desk, keyword: str, same: str) -> dict[str, Any]:
    entry = find(keyword)
    order = desk.charge("company.read", "qichacha", keyword=keyword, company=entry.name if entry else "")
    if entry is None:
        desk.fail(same)
        return _no("201", order)
    return _yes(order, _face(entry))


def _face(entry: Entry) -> dict[str, Any]:
    return {
        "KeyNo": entry.key_no,
        "Name": entry.name,
        "CreditCode": entry.code or entry.number,
        "No": entry.number,
        "OperName": entry.legal,
        "Status": entry.status,
        "StartDate": f"{entry.established} 00:00:00" if entry.established else None,
        "EndDate": None,
        "RegistCapi": entry.capital,
        "RecCap": None,
        "EconKind": "个体工商户" if entry.form else "有限责任公司",
        "Province": entry.base.upper(),
        "Address": entry.address or None,
        "OriginalName": [{"Name": name, "ChangeDate": "2015-05-05"} for name in entry.former] or None,
        "EntType": entry.ent_type,
        "RevokeInfo": {"RevokeDate": "2010-01-01"} if "吊销" in entry.status else None,
    }
