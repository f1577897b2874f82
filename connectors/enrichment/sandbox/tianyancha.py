"""The fake Tianyancha: a bare token, business errors inside HTTP 200."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from connectors.enrichment.sandbox.desk import Desk
from connectors.enrichment.sandbox.registry import Entry, find, search

CHINA = timezone(timedelta(hours=8))
PATHS = {
    "/services/open/search/2.0": "word",
    "/services/open/ic/baseinfo/normal": "keyword",
    "/services/open/ic/baseinfo/special": "keyword",
}
WORDS = {
    300000: "无数据",
    300001: "请求失败",
    300002: "账号失效",
    300003: "账号过期",
    300004: "访问频率过快",
    300005: "无权限访问此api",
    300006: "余额不足",
    300007: "剩余次数不足",
    300008: "缺少必要参数",
    300009: "账号信息有误",
    300010: "URL不存在",
    300011: "此IP无权限访问此api",
    300012: "报告生成中",
}


def answer(desk: Desk, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
    """One call: account, limits, parameters, data, in this order."""
    if headers.get("authorization") != desk.token:
        return _no(300009)
    if path not in PATHS:
        return _no(300010)
    if code := desk.trouble():
        return _no(int(code))
    if desk.kit.faults.hit("throttle"):
        return _no(300004)
    if path in desk.not_bought:
        return _no(300005)
    asked = query.get(PATHS[path], "")
    if not asked:
        return _no(300008)
    if desk.is_empty():
        return _no(300007)
    return _search(desk, asked, query) if PATHS[path] == "word" else _read(desk, asked, path)


def _no(code: int) -> dict[str, Any]:
    return {"error_code": code, "reason": WORDS[code], "result": None}


def _yes(result: dict[str, Any]) -> dict[str, Any]:
    return {"error_code": 0, "reason": "ok", "result": result}


def _search(desk: Desk, word: str, query: Mapping[str, str]) -> dict[str, Any]:
    found = search(word)
    desk.charge("company.searched", "tianyancha", word=word, hits=len(found))
    if not found:
        return _no(300000)
    size, page = min(int(query.get("pageSize", "20")), 20), int(query.get("pageNum", "1"))
    rows = found[(page - 1) * size : page * size]
    return _yes({"total": len(found), "items": [_item(entry, word) for entry in rows]})


def _read(desk: Desk, keyword: str, path: str) -> dict[str, Any]:
    entry = find(keyword)
    special = path.endswith("special")
    if entry is None or (entry.kind != 1) != special:
        desk.charge("company.read", "tianyancha", keyword=keyword, company="")
        return _no(300000)
    desk.charge("company.read", "tianyancha", keyword=keyword, company=entry.name)
    return _yes(_base_info(entry))


def _item(entry: Entry, word: str) -> dict[str, Any]:
    old = any(word in name for name in entry.former) and word not in entry.name
    return {
        "id": entry.id,
        "name": entry.name.replace(word, f"<em>{word}</em>"),
        "type": 2 if entry.person else 1,
        "companyType": entry.kind,
        "matchType": "历史名称匹配" if old else "公司名称匹配",
        "creditCode": entry.code,
        "regNumber": entry.number,
        "orgNumber": None,
        "legalPersonName": entry.legal,
        "regStatus": entry.status,
        "regCapital": entry.capital,
        "base": entry.base,
        "estiblishTime": f"{entry.established} 00:00:00.0" if entry.established else None,
    }


def _base_info(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": entry.name,
        "historyNames": "".join(f"{name};" for name in entry.former) or None,
        "historyNameList": list(entry.former) or None,
        "creditCode": entry.code,
        "regNumber": entry.number,
        "legalPersonName": entry.legal,
        "type": 1,
        "regStatus": entry.status,
        "regCapital": entry.capital,
        "regCapitalCurrency": entry.currency,
        "estiblishTime": _milliseconds(entry.established),
        "approvedTime": None,
        "fromTime": _milliseconds(entry.established),
        "toTime": None,
        "revokeDate": 1262275200000 if "吊销" in entry.status else None,
        "companyOrgType": "个体工商户" if entry.form else "有限责任公司(自然人投资或控股)",
        "regLocation": entry.address,
        "industry": entry.industry or None,
        "base": entry.base,
        "compForm": entry.form,
        "tags": "",
    }


def _milliseconds(day: str | None) -> int | None:
    """Midnight in China; the vendor's samples show +08:00."""
    return round(datetime.fromisoformat(day).replace(tzinfo=CHINA).timestamp() * 1000) if day else None
