"""The document of the benchmarks: a contract of about 2 KB, 25 fields, 10 lines."""

from decimal import Decimal

from hub.sdk import dumps

LINES = [
    {
        "product": f"数控车床 CK{61 + n}",
        "spec": "标准型",
        "unit": "台",
        "quantity": 2,
        "unit_price": Decimal("31400.00"),
        "tax_rate": Decimal("0.13"),
        "amount": Decimal("62800.00"),
    }
    for n in range(10)
]
FIELDS = {
    "contract": "HT-2026-0001",
    "customer": {"number": "C-0001", "name": " 苏州恒锐精密机械有限公司 "},
    "credit_code": "91320594ma1abcde2c",
    "currency": "CNY",
    "amount": Decimal("628000.00"),
    "signed_on": "2026-11-20",
    "due_on": "2026-12-31",
    "title": "数控设备采购合同",
    "department": "华东销售部",
    "salesman": "zhangsan",
    "org": "100",
    "bank": "中国银行苏州分行",
    "account": "4589200012345678",
    "address": "苏州工业园区金鸡湖大道88号",
    "phone": "0512-66668888",
    "contact": "李工",
    "email": "li.gong@hengrui.example",
    "terms": "月结 30 天",
    "kind": "专票",
    "source": "CRM",
    "remark": "请在月底前开票",
    "rate": "1",
    "lines": LINES,
}


def contract(number: str, event: str = "contract.approved") -> bytes:
    """One of them, as a webhook's body."""
    return dumps({"event": event, "number": number, **FIELDS}).encode()
