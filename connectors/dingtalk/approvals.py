"""Approvals (OA 审批): start an instance once, and find it again after doubt by the key it carries."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from connectors.dingtalk.config import Config
from hub import sdk

INSTANCES = "/v1.0/workflow/processInstances"
LIST = "/v1.0/workflow/processes/instanceIds/query"
PAGE = 20
GONE = ("processInstanceNotExist", "invalidProcessInstanceId", "aflowProcessInstNotExist")


class Cell(BaseModel):
    """One form field: its label in the template, and its value as text."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    value: str = Field(max_length=65_535)


class Table(BaseModel):
    """A table field and its rows."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    rows: list[list[Cell]] = Field(min_length=1, max_length=200)


class Approval(BaseModel):
    """What is to be approved. Without an originator the connection's own is taken."""

    model_config = ConfigDict(extra="forbid")

    title: str = ""
    originator_user_id: str = ""
    fields: list[Cell] = Field(min_length=1, max_length=148)
    table: Table | None = None


async def create_approval(ctx: sdk.Context[Config], approval: Approval) -> sdk.Made:
    """Start an approval instance of the connection's template.

    Not safe to repeat blindly: DingTalk has no idempotency key. The instance carries ours in a text field of its
    own (`key_label`), and `find_approval` looks for it after doubt.

    Raises Rejected for a form or person the template does not take, Ambiguous when no answer came.
    """
    values = [cell.model_dump() for cell in approval.fields]
    if approval.table:
        rows = [[cell.model_dump() for cell in row] for row in approval.table.rows]
        values.append({"name": approval.table.name, "value": sdk.dumps(rows)})
    values.append({"name": ctx.config.key_label, "value": ctx.key})
    body = {
        "originatorUserId": approval.originator_user_id or ctx.config.originator_user_id,
        "processCode": ctx.config.process_code,
        "deptId": ctx.config.dept_id,
        "formComponentValues": values,
    }
    answer = await ctx.call("POST", INSTANCES, json=body)
    if not isinstance(answer, dict) or not answer.get("instanceId"):
        raise sdk.Ambiguous("no instanceId in the answer", code="shape", hint=UNCLEAR)
    return sdk.Made(id=answer["instanceId"])


async def find_approval(ctx: sdk.Context[Config], approval: Approval) -> sdk.Made | None:
    """The instance that carries our key, or None. Reads only; looks back `look_back_hours`."""
    since = ctx.now - timedelta(hours=ctx.config.look_back_hours)
    until = datetime.now(UTC) + timedelta(minutes=5)
    originator = approval.originator_user_id or ctx.config.originator_user_id
    async for page in _pages(ctx, since, until, {"userIds": [originator]}):
        for instance in page:
            if await _carries_key(ctx, instance):
                return sdk.Made(id=instance)
    return None


async def find_approvals(ctx: sdk.Context[Config], made: Sequence[sdk.Made]) -> list[sdk.Made]:
    """Those of our instances that are there. Reads only, one call for each."""
    return [each for each in made if await _stands(ctx, each.id)]


async def approvals_made(ctx: sdk.Context[Config], since: datetime, until: datetime) -> AsyncIterator[list[sdk.Made]]:
    """Every instance of the template that was started in a time, whoever started it. Reads only."""
    async for page in _pages(ctx, since, until, {}):
        yield [sdk.Made(id=instance) for instance in page]


async def _stands(ctx: sdk.Context[Config], instance: str) -> bool:
    try:
        await ctx.call("GET", INSTANCES, params={"processInstanceId": instance})
    except sdk.Rejected as refused:
        if refused.code not in GONE:
            raise
        return False
    return True


async def _pages(
    ctx: sdk.Context[Config], since: datetime, until: datetime, narrowed: dict[str, sdk.Json]
) -> AsyncIterator[list[str]]:
    token: str | None = "0"
    while token is not None:
        asked = {
            "processCode": ctx.config.process_code,
            "startTime": _ms(since),
            "endTime": _ms(until),
            "nextToken": int(token),
            "maxResults": PAGE,
            **narrowed,
        }
        page = (await ctx.call("POST", LIST, json=asked, reads=True))["result"]
        yield page["list"]
        token = str(page["nextToken"]) if page.get("nextToken") else None


async def _carries_key(ctx: sdk.Context[Config], instance: str) -> bool:
    body = await ctx.call("GET", INSTANCES, params={"processInstanceId": instance})
    values = body["result"]["formComponentValues"]
    return any(v["name"] == ctx.config.key_label and v["value"] == ctx.key for v in values)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


UNCLEAR = sdk.Text(
    "钉钉的回答里没有实例号：会先查后发。", "DingTalk's answer names no instance: we look before sending again."
)
