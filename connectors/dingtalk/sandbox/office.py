"""The organisation behind the fake DingTalk: its template, people, approval instances, and the approver."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import simplejson

TEMPLATE = "PROC-LIANSHU-0001"
ORIGINATOR = "manager4220"
APPROVER = "director01"
TEXTS = ("合同编号", "客户名称", "合同金额（元）", "签订日期", "连枢请求号")
TABLE = "合同明细"
COLUMNS = ("产品", "规格", "数量", "单价（元）", "金额（元）")


class RefusedError(Exception):
    """A refusal of the new API: HTTP status, code, message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(slots=True)
class Instance:
    """One approval instance."""

    id: str
    values: list[dict[str, Any]]
    originator: str
    created: datetime
    status: str = "RUNNING"
    result: str = ""
    finished: datetime | None = None

    @property
    def key(self) -> str:
        """What the caller put into the request-number field."""
        return next((str(v["value"]) for v in self.values if v["name"] == "连枢请求号"), "")

    @property
    def title(self) -> str:
        """The title DingTalk gives it."""
        return f"合同审批 {next((v['value'] for v in self.values if v['name'] == '合同编号'), '')}"


@dataclass(slots=True)
class Office:
    """All instances, in the order they were started."""

    instances: dict[str, Instance] = field(default_factory=dict)

    def start(self, asked: dict[str, Any]) -> Instance:
        """Check a request as DingTalk does and start an instance."""
        if asked.get("processCode") != TEMPLATE:
            raise RefusedError("processCodeError", "审批模板编码错误")
        if asked.get("originatorUserId") not in (ORIGINATOR, APPROVER):
            raise RefusedError("processInstanceInvalidParameter", "发起人不是在职员工")
        values = asked.get("formComponentValues") or []
        if not values:
            raise RefusedError("invalidParameter", "formComponentValues 不能为空")
        for value in values:
            _check(value)
        made = Instance(uuid4().hex[:12] + "-" + uuid4().hex[:10], values, asked["originatorUserId"], datetime.now(UTC))
        self.instances[made.id] = made
        return made

    def find(self, instance_id: str) -> Instance:
        """The instance of an id."""
        if instance_id not in self.instances:
            raise RefusedError("processInstanceNotExist", "审批实例不存在")
        return self.instances[instance_id]

    def forget_newest(self, percent: int) -> list[str]:
        """Lose the newest instances, so many of a hundred; their ids."""
        kept = len(self.instances) - len(self.instances) * percent // 100
        lost = list(self.instances)[kept:]
        for instance_id in lost:
            del self.instances[instance_id]
        return lost

    def decide(self, instance_id: str, result: str) -> Instance:
        """The approver agrees or refuses; an ended instance stays as it is."""
        made = self.find(instance_id)
        if made.status != "RUNNING":
            raise RefusedError("aflowProcessInstStatusException", "流程已结束")
        made.status, made.result, made.finished = "COMPLETED", result, datetime.now(UTC)
        return made


def _check(value: dict[str, Any]) -> None:
    name, text = value.get("name"), value.get("value")
    if name not in (*TEXTS, TABLE):
        raise RefusedError("formConverterError", f"模板中没有名为 {name} 的控件")
    if not isinstance(text, str) or len(text) > 65_535:
        raise RefusedError("invalidParameter", f"控件 {name} 的值必须是文本")
    if name == TABLE:
        _check_rows(text)


def _check_rows(text: str) -> None:
    try:
        names = {cell["name"] for row in simplejson.loads(text) for cell in row}
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError("formConverterError", "明细不是行的数组") from error
    if not names or names - set(COLUMNS):
        raise RefusedError("formConverterError", f"明细中没有列 {', '.join(sorted(names - set(COLUMNS)))}")


def shown(value: dict[str, Any]) -> dict[str, Any]:
    """A form value as it is read: a table has another shape than it was written in."""
    if value["name"] != TABLE:
        return {"id": value["name"], "name": value["name"], "value": value["value"], "componentType": "TextField"}
    rows = [
        {"rowValue": [{"label": c["name"], "value": c["value"], "key": c["name"]} for c in row], "rowNumber": f"R_{n}"}
        for n, row in enumerate(simplejson.loads(value["value"]))
    ]
    return {
        "id": TABLE,
        "name": TABLE,
        "componentType": "TableField",
        "value": simplejson.dumps(rows, ensure_ascii=False),
        "extValue": simplejson.dumps({"statValue": [], "componentName": "TableField"}),
    }
