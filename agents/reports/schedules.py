"""When a scheduled report is due, and when one that failed is tried again. Pure.

Times are those of China's clock, which has known no summer time since 1991.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
LONGEST_PAUSE: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_LONGEST_STEP: Final = timedelta(days=31)


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a report is due, again and again."""

    every: Every
    on_day: int
    """0; of a week 1 for Monday to 7; of a month 1 to 31, in a shorter month its last day."""
    at: time
    """By China's clock."""

    def falls_on(self, day: date) -> bool:
        """Tell whether the report is due on a day."""
        if self.every is Every.WEEK:
            return day.isoweekday() == self.on_day
        if self.every is Every.MONTH:
            return day.day == min(self.on_day, monthrange(day.year, day.month)[1])
        return True


def next_due(rhythm: Rhythm, after: datetime) -> datetime:
    """Return the first time that lies after another."""
    day = after.astimezone(SHANGHAI).date()
    while True:
        due = datetime.combine(day, rhythm.at, SHANGHAI)
        if due > after and rhythm.falls_on(day):
            return due
        day += _DAY


def latest_due(rhythm: Rhythm, due: datetime, now: datetime) -> datetime:
    """Return the last time that has come, of several that were missed.

    Args:
        rhythm: when it is due.
        due: a time that has come, which is returned when there was none after it.
        now: the present, not before `due`.
    """
    latest = due
    following = next_due(rhythm, max(due, now - _LONGEST_STEP - _DAY))
    while following <= now:
        latest, following = following, next_due(rhythm, following)
    return latest


def pause_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries in vain: a minute, then twice as long each time.

    Args:
        tries: made so far, one or more.
    """
    return min(timedelta(minutes=2 ** min(tries - 1, 10)), LONGEST_PAUSE)
