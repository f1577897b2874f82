"""The tenant behind the fake YonBIP: its customers, receivables, and the memory of idempotent saves."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from connectors.yonyou.sandbox.gate import RefusedError

CHINA = timezone(timedelta(hours=8))
ORG, CURRENCY, ITEM, KIND = "0001", "CNY", "TY0001", "ar_colsale"
FIRST_ID = 1827364509182736450
HEAD = ("direction", "billDate", "objectType", "exchangeRate", "exchangeRateDate")
PAIRS = {
    "financeOrg": ORG,
    "org": ORG,
    "bustype": KIND,
    "oriCurrency": CURRENCY,
}


@dataclass(slots=True)
class Books:
    """All records. `number_ids`: ids are told as JSON numbers. `repeat_code`: what a late repeat is answered."""

    number_ids: bool = False
    repeat_code: str = "100004"
    replay_s: int = 3600
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    receivables: dict[str, dict[str, Any]] = field(default_factory=dict)
    _kept: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    _next: int = FIRST_ID

    def ident(self) -> Any:
        """The next id: 19 digits."""
        self._next += 1
        return self._next if self.number_ids else str(self._next)

    def repeated(self, api: str, key: str | None) -> Any:
        """The first answer of a key within its hour, None for a new key; RefusedError once the hour is over."""
        if key is None:
            return None
        if not isinstance(key, str) or len(key) > 32:
            raise RefusedError("999", "resubmitCheckKey长度不能超过32")
        if (api, key) not in self._kept:
            return None
        at, answer = self._kept[api, key]
        if time.time() - at < self.replay_s:
            return answer
        first = answer[0] if isinstance(answer, list) else answer
        raise RefusedError(self.repeat_code, "重复提交", data={"id": first["id"]})

    def keep(self, api: str, key: str | None, answer: Any) -> Any:
        """Remember the answer to a key."""
        if key is not None:
            self._kept[api, key] = (int(time.time()), answer)
        return answer

    def add_customer(self, data: dict[str, Any]) -> dict[str, Any]:
        """Check and keep a new customer."""
        _no_nulls(data)
        _inserted(data)
        if not data.get("code") or not (data.get("name") or {}).get("simplifiedName"):
            raise RefusedError("310008", "客户编码、客户名称不能为空")
        if data.get("createOrgCode") != ORG:
            raise RefusedError("999", "创建组织不存在")
        if data["code"] in self.customers:
            raise RefusedError("999", f"客户编码[{data['code']}]已存在，编码不允许重复")
        self.customers[data["code"]] = {**data, "id": self.ident(), "pubts": now()}
        return self.customers[data["code"]]

    def add_receivable(self, data: dict[str, Any], *, submitted: bool) -> dict[str, Any]:
        """Check and keep a new receivable, with 0.00 losing nothing on the way."""
        _no_nulls(data)
        _inserted(data)
        if missing := [name for name in HEAD if name not in data]:
            raise RefusedError("310008", f"{missing[0]}不能为空")
        self._check_pairs(data)
        for row in data.get("bodyItem") or [{}]:
            self._check_row(row)
        self._check_pair(data)
        number = f"YSQD{len(self.receivables) + 1:08d}"
        made = {**data, "id": self.ident(), "code": number, "pubts": now(), "status": 0}
        made["verifyState"] = 1 if submitted else 0
        self.receivables[str(made["id"])] = made
        return made

    def receivable(self, ident: object) -> dict[str, Any]:
        """The receivable of an id."""
        if str(ident) not in self.receivables:
            raise RefusedError("1002", "数据不存在")
        return self.receivables[str(ident)]

    def of_voucher(self, code: str) -> dict[str, Any]:
        """The receivable of an external number."""
        return next(bill for bill in self.receivables.values() if bill.get("extVouchCode") == code)

    def submit(self, bill: dict[str, Any]) -> None:
        """Send a bill into approval."""
        if bill["verifyState"]:
            raise RefusedError("999", "提交失败,当前单据已提交,不允许重复操作!")
        bill |= {"verifyState": 1, "pubts": now()}

    def _check_pairs(self, data: dict[str, Any]) -> None:
        for name, known in PAIRS.items():
            if data.get(f"{name}Code") != known:
                raise RefusedError("999", f"{name}不允许为空或不存在!")
        if data.get("customerCode") not in self.customers:
            raise RefusedError("999", f"客户[{data.get('customerCode')}]不存在")

    def _check_row(self, row: dict[str, Any]) -> None:
        _inserted(row)
        self._check_pairs(row)
        if row.get("materialCode") != ITEM:
            raise RefusedError("999", "物料不存在")
        for side in ("ori", "local"):
            whole, parts = f"{side}TaxIncludedAmount", (f"{side}TaxExcludedAmount", f"{side}TaxAmount")
            if row.get(whole) is None or row[whole] != sum((row.get(part) or 0 for part in parts), Decimal(0)):
                raise RefusedError("999", "含税金额不等于无税金额与税额之和")
        plan = row.get("grandsonItem") or []
        if plan and sum((each["oriTaxIncludedAmount"] for each in plan), Decimal(0)) != row["oriTaxIncludedAmount"]:
            raise RefusedError("999", "收款计划金额合计不等于行金额")

    def _check_pair(self, data: dict[str, Any]) -> None:
        system, code = data.get("extSystemCode"), data.get("extVouchCode")
        if system and not code:
            raise RefusedError("999", "外部系统编码不为空时外部单据号不能为空")
        for bill in self.receivables.values():
            if system and (bill.get("extSystemCode"), bill.get("extVouchCode")) == (system, code):
                raise RefusedError("999", f"外部单据号[{code}]已存在")


def total(bill: dict[str, Any]) -> Decimal:
    """Sum of a bill's rows, tax included."""
    return sum((Decimal(row["oriTaxIncludedAmount"]) for row in bill["bodyItem"]), Decimal("0.00"))


def flat(bill: dict[str, Any]) -> list[dict[str, Any]]:
    """A bill as the list tells it: one row for each of its rows."""
    head = {name: value for name, value in bill.items() if name != "bodyItem"}
    return [head | {f"bodyItem_{name}": value for name, value in row.items()} for row in bill["bodyItem"]]


def now() -> str:
    """A pubts."""
    return datetime.now(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _inserted(data: dict[str, Any]) -> None:
    if data.get("_status") != "Insert":
        raise RefusedError("999", "_status不能为空，且必须为Insert")


def _no_nulls(value: Any) -> None:
    """Since 2025-03 a null is a value; none of ours is meant to be."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        if item is None:
            raise RefusedError("310023", "类型校验失败: null")
        _no_nulls(item)
