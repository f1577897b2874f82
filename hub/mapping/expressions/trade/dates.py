"""Dates and times. A time without an offset is one of the zone, which is Asia/Shanghai unless said otherwise."""

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from hub.domain.text import Text
from hub.mapping.expressions.trade.declare import Count, Group, Kind, Moment, Word
from hub.sdk.exact import Json

GROUP = Group(Text("日期与时间", "Dates and times"))
HOME = "Asia/Shanghai"
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIME = re.compile(DAY.pattern + r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?")
TOKENS: dict[str, tuple[str, str]] = {
    "YYYY": ("year", "04d"),
    "MM": ("month", "02d"),
    "DD": ("day", "02d"),
    "HH": ("hour", "02d"),
    "mm": ("minute", "02d"),
    "ss": ("second", "02d"),
    "M": ("month", "d"),
    "D": ("day", "d"),
    "H": ("hour", "d"),
}
TOKEN = re.compile("|".join(TOKENS))

When = date | datetime


def _read(value: Json) -> When:
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError
    if DAY.fullmatch(value):
        return date.fromisoformat(value)
    if not TIME.fullmatch(value):
        raise ValueError
    return datetime.fromisoformat(value)


def _zone(value: Json) -> ZoneInfo:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_]+(/[A-Za-z_+-]+[0-9]*)*", value):
        raise ValueError
    try:
        return ZoneInfo(value)
    except (OSError, LookupError) as error:
        raise ValueError from error


DateOrTime = Annotated[
    When, Kind(Text("日期或时间", "a date or time as 2026-11-20T08:00:00+08:00"), ("string",), _read)
]
Zone = Annotated[tzinfo, Kind(Text("时区名", "a time zone as Asia/Shanghai"), ("string",), _zone)]
SHANGHAI = ZoneInfo(HOME)


@GROUP.offer(
    "时间在某时区的那一天；日期原样",
    "The day that a time has in a zone; a date stays as it is",
    ("date('2026-11-28T20:00:00Z')", "2026-11-29"),
    ("date('2026-11-28 20:00:00')", "2026-11-28"),
)
def date_(value: DateOrTime, zone: Zone = SHANGHAI) -> str:
    return (_in(value, zone).date() if isinstance(value, datetime) else value).isoformat()


@GROUP.offer(
    "时间换到某时区，带偏移；日期是那天零点",
    "A time in a zone, with its offset; a date is its first moment",
    ("time('2026-11-28T20:00:00Z')", "2026-11-29T04:00:00+08:00"),
    ("time('2026-11-28', 'UTC')", "2026-11-28T00:00:00+00:00"),
)
def time(value: DateOrTime, zone: Zone = SHANGHAI) -> str:
    return _in(value, zone).isoformat()


@GROUP.offer(
    "按写法读出日期；记号 YYYY MM M DD D，其余原样",
    "Reads a date written after a pattern of YYYY MM M DD D",
    ("parse_date('2026年11月8日', 'YYYY年M月D日')", "2026-11-08"),
    ("parse_date('20261108', 'YYYYMMDD')", "2026-11-08"),
)
def parse_date(text: Word, pattern: Word) -> str:
    found = _parsed(text, pattern)
    return date(found["year"], found["month"], found["day"]).isoformat()


@GROUP.offer(
    "按写法读出某时区的时间；另有记号 HH H mm ss",
    "Reads a time of a zone; the pattern may have HH H mm ss too",
    ("parse_time('2026/11/08 09:30', 'YYYY/MM/DD HH:mm')", "2026-11-08T09:30:00+08:00"),
)
def parse_time(text: Word, pattern: Word, zone: Zone = SHANGHAI) -> str:
    found = _parsed(text, pattern)
    clock = (found.get("hour", 0), found.get("minute", 0), found.get("second", 0))
    return datetime(found["year"], found["month"], found["day"], *clock, tzinfo=zone).isoformat()


@GROUP.offer(
    "把日期或时间按写法写出，时间先换到该时区",
    "Writes a date, or a time of the zone, after a pattern",
    ("format_date('2026-11-28T20:00:00Z', 'YYYY/MM/DD HH:mm')", "2026/11/29 04:00"),
    ("format_date('2026-11-08', 'YYYY年M月D日')", "2026年11月8日"),
)
def format_date(value: DateOrTime, pattern: Word, zone: Zone = SHANGHAI) -> str:
    moment = _in(value, zone)
    return TOKEN.sub(lambda token: format(getattr(moment, TOKENS[token[0]][0]), TOKENS[token[0]][1]), pattern)


@GROUP.offer(
    "加上几天，可以是负数", "So many days later; below zero earlier", ("add_days('2026-12-31', `1`)", "2027-01-01")
)
def add_days(value: DateOrTime, days: Count) -> str:
    return (value + timedelta(days=days)).isoformat()


@GROUP.offer(
    "加上几个月，没有那一天就取月末",
    "So many months later, on the month's last day where there is no such day",
    ("add_months('2027-01-31', `1`)", "2027-02-28"),
)
def add_months(value: DateOrTime, months: Count) -> str:
    years, month = divmod(value.year * 12 + value.month - 1 + months, 12)
    last = monthrange(years, month + 1)[1] if 1 <= years <= 9999 else 31
    return value.replace(year=years, month=month + 1, day=min(value.day, last)).isoformat()


@GROUP.offer("当月第一天", "The first day of the month", ("month_start('2026-11-20')", "2026-11-01"))
def month_start(value: DateOrTime, zone: Zone = SHANGHAI) -> str:
    return _in(value, zone).date().replace(day=1).isoformat()


@GROUP.offer("当月最后一天", "The last day of the month", ("month_end('2028-02-10')", "2028-02-29"))
def month_end(value: DateOrTime, zone: Zone = SHANGHAI) -> str:
    day = _in(value, zone).date()
    return day.replace(day=monthrange(day.year, day.month)[1]).isoformat()


@GROUP.offer(
    "两个日期相差几天", "How many days from one date to another", ("days_between('2026-11-20', '2026-12-01')", 11)
)
def days_between(start: DateOrTime, end: DateOrTime, zone: Zone = SHANGHAI) -> int:
    return (_in(end, zone).date() - _in(start, zone).date()).days


@GROUP.offer(
    "秒数时间戳变时间", "The time of a timestamp in seconds", ("from_epoch(`1795824000`)", "2026-11-28T08:00:00+08:00")
)
def from_epoch(seconds: Moment, zone: Zone = SHANGHAI) -> str:
    return _since(timedelta(seconds=seconds), zone)


@GROUP.offer(
    "毫秒时间戳变时间",
    "The time of a timestamp in milliseconds",
    ("from_epoch_ms(`1795824000500`)", "2026-11-28T08:00:00.500000+08:00"),
)
def from_epoch_ms(milliseconds: Moment, zone: Zone = SHANGHAI) -> str:
    return _since(timedelta(milliseconds=milliseconds), zone)


@GROUP.offer("时间变毫秒时间戳", "A time's timestamp in milliseconds", ("epoch_ms('2026-11-28')", 1795795200000))
def epoch_ms(value: DateOrTime, zone: Zone = SHANGHAI) -> int:
    return (_in(value, zone) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _in(value: When, zone: tzinfo) -> datetime:
    """The moment, seen in the zone."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=zone)
    return value.astimezone(zone) if value.tzinfo else value.replace(tzinfo=zone)


def _since(elapsed: timedelta, zone: tzinfo) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + elapsed).astimezone(zone).isoformat()


def _parsed(text: str, pattern: str) -> dict[str, int]:
    """The numbers that stand in the text where the pattern has its marks."""
    names = [TOKENS[mark] for mark in TOKEN.findall(pattern)]
    kinds = [name for name, _ in names]
    if len(pattern) > 100 or len(set(kinds)) != len(kinds) or not {"year", "month", "day"} <= set(kinds):
        raise ValueError(f"the pattern {pattern[:40]!r} needs year, month and day, each once")
    literals = [re.escape(part) for part in TOKEN.split(pattern)]
    digits = [f"([0-9]{{{size[1]}}})" if size != "d" else "([0-9]{1,2})" for _, size in names]
    whole = "".join(part for pair in zip(literals, [*digits, ""], strict=True) for part in pair)
    found = re.fullmatch(whole, text)
    if not found:
        raise ValueError(f"{text[:40]!r} is not written as {pattern[:40]!r}")
    return dict(zip(kinds, map(int, found.groups()), strict=True))
