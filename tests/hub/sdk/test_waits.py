"""How long a vendor asks us to wait: in seconds or by its own clock, between a second and a day."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from hub import sdk
from tests.hub.sdk.test_hostile_answers import saying
from tests.hub.sdk.vendors import answer, facing

NOW = datetime.now(UTC).replace(microsecond=0)
DAY_S = 86_400


def by(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "90"}, 90),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "-1"}, 1),
        ({"Retry-After": "315360000"}, DAY_S),
        ({"Retry-After": "9" * 40}, DAY_S),
        ({"Retry-After": "soon"}, 5),
        ({"Retry-After": "²"}, 5),
        ({"Retry-After": "1.5"}, 5),
        ({}, 5),
        ({"Date": by(NOW), "Retry-After": by(NOW + timedelta(seconds=120))}, 120),
        ({"Date": by(NOW), "Retry-After": by(NOW - timedelta(days=3))}, 1),
        ({"Date": by(NOW), "Retry-After": by(NOW + timedelta(days=3650))}, DAY_S),
        ({"Retry-After": "Mon, 99 Foo 2026 00:00:00 GMT"}, 5),
    ],
)
async def test_a_wait_is_honoured_within_bounds(headers: Mapping[str, str], wait_s: int) -> None:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    async with facing(saying(answer(b"", *lines, status="429 Slow").replace("²".encode(), b"\xb2"))) as ctx:
        with pytest.raises(sdk.Throttled) as caught:
            await ctx.call("POST", "/save", json={})
    assert caught.value.retry_after == timedelta(seconds=wait_s)


@pytest.mark.parametrize("skew", [timedelta(minutes=-10), timedelta(minutes=10)])
async def test_a_date_is_read_by_the_clock_it_was_written_by(skew: timedelta) -> None:
    at = NOW + skew
    lines = (f"Date: {by(at)}", f"Retry-After: {by(at + timedelta(seconds=30))}")
    async with facing(saying(answer(b"", *lines, status="429 Slow"))) as ctx:
        with pytest.raises(sdk.Throttled) as caught:
            await ctx.call("POST", "/save", json={})
    assert caught.value.retry_after == timedelta(seconds=30)
