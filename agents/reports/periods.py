"""Spans of days told from a day on: yesterday, last week, this month so far. Pure.

Weeks are those of ISO 8601, from Monday. What is still under way ends with the day itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)

Days = tuple[date, date]
"""First and last day, both included."""


class Relative(StrEnum):
    """A span told from a day on."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    PAST_7_DAYS = "past_7_days"
    """Whole days before the day."""
    PAST_30_DAYS = "past_30_days"
    THIS_WEEK = "this_week"
    LAST_WEEK = "last_week"
    THIS_MONTH = "this_month"
    LAST_MONTH = "last_month"
    THIS_YEAR = "this_year"
    LAST_YEAR = "last_year"


def _monday(day: date) -> date:
    return day - day.weekday() * _DAY


def _before(first: date, begin: Callable[[date], date]) -> Days:
    """Return the whole span before the one that begins with `first`."""
    last = first - _DAY
    return begin(last), last


def _month(day: date) -> date:
    return day.replace(day=1)


def _year(day: date) -> date:
    return day.replace(month=1, day=1)


_DAYS: Final[Mapping[Relative, Callable[[date], Days]]] = {
    Relative.TODAY: lambda day: (day, day),
    Relative.YESTERDAY: lambda day: (day - _DAY, day - _DAY),
    Relative.PAST_7_DAYS: lambda day: (day - _WEEK, day - _DAY),
    Relative.PAST_30_DAYS: lambda day: (day - 30 * _DAY, day - _DAY),
    Relative.THIS_WEEK: lambda day: (_monday(day), day),
    Relative.LAST_WEEK: lambda day: _before(_monday(day), _monday),
    Relative.THIS_MONTH: lambda day: (_month(day), day),
    Relative.LAST_MONTH: lambda day: _before(_month(day), _month),
    Relative.THIS_YEAR: lambda day: (_year(day), day),
    Relative.LAST_YEAR: lambda day: _before(_year(day), _year),
}


def days_of(period: Relative, day: date) -> Days:
    """Return the days that a span means on a day."""
    return _DAYS[period](day)


def name_of(first: date, last: date) -> str:
    """Say a span in Chinese, as short as it can be said: a day, whole months, a whole year."""
    if first == last:
        return f"{first.year}年{first.month}月{first.day}日"
    if _month(first) == first and _month(last + _DAY) == last + _DAY:
        return _whole_months(first, last)
    begin = f"{first.year}年{first.month}月{first.day}日"
    if first.year != last.year:
        return f"{begin}至{last.year}年{last.month}月{last.day}日"
    if first.month != last.month:
        return f"{begin}至{last.month}月{last.day}日"
    return f"{begin}至{last.day}日"


def _whole_months(first: date, last: date) -> str:
    if _month(first) == _month(last):
        return f"{first.year}年{first.month}月"
    if first.year != last.year:
        return f"{first.year}年{first.month}月至{last.year}年{last.month}月"
    if _year(first) == first and _year(last + _DAY) == last + _DAY:
        return f"{first.year}年"
    return f"{first.year}年{first.month}月至{last.month}月"
