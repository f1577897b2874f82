"""A paid question: remembered, within the day's budget, asked by one at a time, never often in doubt."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Generic, TypeVar

from connectors.enrichment.config import Config
from connectors.enrichment.errors import FAILURES
from connectors.enrichment.provider import Provider, Query
from hub import sdk

T = TypeVar("T")
SHANGHAI = timezone(timedelta(hours=8))
FLIGHT = timedelta(seconds=60)
EMPTY_KEPT = timedelta(days=1)
TRIES_KEPT = timedelta(days=15)
MOST = {True: 2, False: 3}
"""Tries of one question: 2 when its answer may have been billed, 3 when the provider said that it failed."""

SPENT = sdk.Text(
    "今天的查询预算已用完，明天自动继续；急用请在连接里调高每日预算。",
    "Today's budget is spent; it goes on tomorrow, or raise the daily budget in the connection.",
)
BESIDE = sdk.Text("同一家企业正在查询，马上用它的结果。", "The same company is being asked for; its answer is used.")
DOUBT = sdk.Text(
    "没有得到回答，可能已计费，不再自动重试：核对数据商的账单后再重放。",
    "No answer came and it may have been billed: check the provider's bill, then replay.",
)
FAILING = sdk.Text(
    "数据商连续失败，不再自动重试：过些时候再重放。", "The provider failed again and again: replay after a while."
)
ODD = sdk.Text(
    "回答的形状不认识：打开这次尝试看原文。", "The answer has an unknown shape: open the attempt and read it."
)


@dataclass(frozen=True, slots=True)
class Bought(Generic[T]):
    """An answer, when the provider gave it (ISO), its billing reference, and what this delivery paid (yuan)."""

    value: T
    fetched_at: str
    order_number: str
    cost: Decimal


async def buy(ctx: sdk.Context[Config], provider: Provider, query: Query[T]) -> Bought[T]:
    """The answer to a question, out of the memory or for money. Repeating is safe: nothing is paid for twice.

    Raises:
        Throttled: the day's budget is spent; it waits until the next day in Shanghai.
        NotReady: the same question is on its way, in this process or another.
        Ambiguous: no answer, possibly billed; the second time it is Rejected.
        Others as the error table says.
    """
    name = f"{provider.name}{query.path}:{hashlib.sha256(query.key.encode()).hexdigest()[:40]}"
    if (kept := await ctx.memory.recall(name)) is not None:
        return _bought(ctx, query, kept)
    if not await ctx.memory.claim(f"asking:{name}", FLIGHT):
        raise sdk.NotReady(query.key, code="asking", hint=BESIDE, retry_after=timedelta(seconds=2))
    try:
        kept = await ctx.memory.recall(name)
        return _bought(ctx, query, kept or await _ask(ctx, query, name))
    finally:
        await ctx.memory.forget(f"asking:{name}")


def _bought(ctx: sdk.Context[Config], query: Query[T], kept: sdk.Json) -> Bought[T]:
    cost = Decimal(kept["cost"]) if kept["for"] == ctx.key else Decimal(0)
    return Bought(query.read(kept["raw"]), kept["fetched_at"], kept["order_number"], cost)


async def _ask(ctx: sdk.Context[Config], query: Query[T], name: str) -> sdk.Json:
    before = await ctx.memory.recall(f"tries:{name}") or {"count": 0, "billed": False}
    await _refuse_more(ctx, name, before)
    await _pay(ctx, query.price)
    tries = {"count": before["count"] + 1, "billed": True}
    await ctx.memory.keep(f"tries:{name}", tries, TRIES_KEPT)  # before the call: a crash in it is a doubt, too
    try:
        body, empty = await _call(ctx, query)
    except sdk.Ambiguous:
        await _refuse_more(ctx, name, tries)
        raise
    except sdk.VendorError as error:
        if not _is_billed(error):
            await _pay(ctx, -query.price)
        failed = {**tries, "billed": False} if error.code in FAILURES else before
        await ctx.memory.keep(f"tries:{name}", failed, TRIES_KEPT)
        await _refuse_more(ctx, name, failed)
        raise
    cost = query.price
    if empty and not ctx.config.no_data_billed:
        await _pay(ctx, -query.price)
        cost = Decimal(0)
    return await _keep(ctx, query, name, body, cost, EMPTY_KEPT if empty else query.lasts)


async def _call(ctx: sdk.Context[Config], query: Query[T]) -> tuple[sdk.Json, bool]:
    """The answer, and whether it says "no data". One that cannot be read is a doubt and is not kept."""
    body = await ctx.call("GET", query.path, params=query.params, reads=False)
    try:
        return body, not query.read(body)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise sdk.Ambiguous(f"unknown answer shape: {error}", code="shape", hint=ODD) from error


async def _keep(
    ctx: sdk.Context[Config], query: Query[T], name: str, body: sdk.Json, cost: Decimal, lasts: timedelta
) -> sdk.Json:
    bought = {
        "raw": body,
        "fetched_at": ctx.now.isoformat(timespec="seconds"),
        "order_number": query.order_number(body),
        "cost": str(cost),
        "for": ctx.key,
    }
    with suppress(sdk.Transient):  # what was paid for is used, even when it cannot be remembered
        await ctx.memory.keep(name, bought, lasts)
        await ctx.memory.forget(f"tries:{name}")
    return bought


def _is_billed(error: sdk.VendorError) -> bool:
    """Qichacha's 2xx are results, billed unless it says 无效请求; which of them really are is not documented."""
    return error.code.isdigit() and 200 <= int(error.code) < 300 and "无效请求" not in error.message


async def _refuse_more(ctx: sdk.Context[Config], name: str, tries: sdk.Json) -> None:
    """Give up on a question asked often enough; a replay by a person begins anew."""
    if tries["count"] >= MOST[tries["billed"]]:
        await ctx.memory.forget(f"tries:{name}")
        hint = DOUBT if tries["billed"] else FAILING
        raise sdk.Rejected(f"no answer after {tries['count']} tries", code="unanswered", hint=hint)


async def _pay(ctx: sdk.Context[Config], yuan: Decimal) -> None:
    """Count towards the day's budget, before the call; less than 0 gives back what was not billed."""
    today = ctx.now.astimezone(SHANGHAI).date()
    if await ctx.memory.spend(f"spent:{today.isoformat()}", yuan, ctx.config.daily_budget):
        return
    tomorrow = datetime.combine(today + timedelta(days=1), datetime.min.time(), SHANGHAI)
    words = f"{yuan} yuan more would pass the daily budget of {ctx.config.daily_budget}"
    raise sdk.Throttled(words, code="budget", hint=SPENT, retry_after=tomorrow - ctx.now)
