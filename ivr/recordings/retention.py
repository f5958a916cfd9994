"""How long a recording is kept: classes as data, and the rule that reads them. Pure.

A centre may lengthen what stands here and never go below the shortest that is allowed. Days are
those of the centre, and a recording lives through the whole of its last day.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self
from zoneinfo import ZoneInfo

from ivr.calls import Direction
from ivr.errors import ValueRefused

CENTRE_TIME: Final = ZoneInfo("Asia/Shanghai")

_SPAN: Final = re.compile(r"(?P<count>[1-9][0-9]{0,3})(?P<unit>[dmy])")
_LONGEST: Final = MappingProxyType({"d": 9_999, "m": 1_200, "y": 100})
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in calendar units, such as `24m`."""

    count: int
    unit: str
    """`d` days, `m` months, `y` years."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a span.

        Raises:
            ValueRefused: it is none, or longer than a century.
        """
        match = _SPAN.fullmatch(text)
        if match is None:
            raise ValueRefused(f"Expected days, months or years as 30d, 24m or 3y, came {text!r}.")
        if int(match["count"]) > _LONGEST[match["unit"]]:
            raise ValueRefused(f"Expected at most a century, came {text!r}.")
        return cls(int(match["count"]), match["unit"])

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    def after(self, day: date) -> date:
        """Return the day that is this much later.

        A day that its month does not have becomes the first of the next, so that nothing is ever
        kept shorter than said.
        """
        if self.unit == "d":
            return date.fromordinal(day.toordinal() + self.count)
        months = self.count * (_MONTHS if self.unit == "y" else 1)
        year, month = divmod(day.year * _MONTHS + day.month - 1 + months, _MONTHS)
        if day.day <= calendar.monthrange(year, month + 1)[1]:
            return date(year, month + 1, day.day)
        year, month = divmod(year * _MONTHS + month + 1, _MONTHS)
        return date(year, month + 1, 1)

    def before(self, day: date) -> date:
        """Return the day this much earlier, or the last of its month where that has no such day."""
        if self.unit == "d":
            return date.fromordinal(day.toordinal() - self.count)
        months = self.count * (_MONTHS if self.unit == "y" else 1)
        year, month = divmod(day.year * _MONTHS + day.month - 1 - months, _MONTHS)
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last))

    def is_shorter_than(self, other: Span) -> bool:
        """Tell whether there is a day after which this span ends before the other."""
        days = (date(year, month, 1) for year in (2023, 2024) for month in range(1, _MONTHS + 1))
        return any(self.after(day) < other.after(day) for day in days)


class RetentionClass(StrEnum):
    """What decides how long the sound of a call is kept."""

    PSYCHOLOGY = "psychology"
    """心理援助: at least 3 years (technical guideline for psychological hotlines, 2021)."""
    COMPLAINT = "complaint"
    """投诉举报: until three years after its case was archived. A call does not know its case, so we
    count from the call, with two years in which a case is archived."""
    OUTBOUND = "outbound"
    """外呼: at least 30 days (notice on call centres, ministry of information technology, 2020)."""
    GENERAL = "general"
    """Everything else. No rule names a length; the shortest named for any call is the floor."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long one class is kept."""

    shortest: Span
    usual: Span


TERMS: Final[Mapping[RetentionClass, Terms]] = MappingProxyType(
    {
        RetentionClass.PSYCHOLOGY: Terms(Span(3, "y"), Span(3, "y")),
        RetentionClass.COMPLAINT: Terms(Span(3, "y"), Span(5, "y")),
        RetentionClass.OUTBOUND: Terms(Span(30, "d"), Span(24, "m")),
        RetentionClass.GENERAL: Terms(Span(30, "d"), Span(24, "m")),
    }
)

PSYCHOLOGY_QUEUES: Final = frozenset({"psych"})
COMPLAINT_QUEUES: Final = frozenset({"complaint", "report"})


@dataclass(frozen=True, slots=True)
class Retained:
    """What the rule must know of a call."""

    ended_at: datetime
    direction: Direction
    queues: Collection[str]
    """Every queue the caller was in or left a message for."""
    held: bool
    """Under a legal hold."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule says of a recording."""

    rule: RetentionClass
    """Of several that apply, the one that keeps longest."""
    span: Span
    last_day: date
    """In the centre's time."""
    due: bool
    """Whether it may and must go now."""


def classes(call: Retained) -> tuple[RetentionClass, ...]:
    """Return every class that a call belongs to."""
    found = []
    if PSYCHOLOGY_QUEUES.intersection(call.queues):
        found.append(RetentionClass.PSYCHOLOGY)
    if COMPLAINT_QUEUES.intersection(call.queues):
        found.append(RetentionClass.COMPLAINT)
    if call.direction is Direction.OUTBOUND:
        found.append(RetentionClass.OUTBOUND)
    return tuple(found) or (RetentionClass.GENERAL,)


def judge(call: Retained, spans: Mapping[RetentionClass, Span], now: datetime) -> Verdict:
    """Say until when a recording is kept, and whether its time is over.

    Args:
        call: what the recording is of.
        spans: the centre's own lengths by class.
        now: any time zone.
    """
    day = call.ended_at.astimezone(CENTRE_TIME).date()
    rule = max(classes(call), key=lambda found: spans[found].after(day))
    last_day = spans[rule].after(day)
    over = now.astimezone(CENTRE_TIME).date() > last_day
    return Verdict(rule, spans[rule], last_day, due=over and not call.held)


def horizon(span: Span, now: datetime) -> date:
    """Return a day after which no call can have ended whose time of this length is over."""
    return span.before(now.astimezone(CENTRE_TIME).date())


def check_span(rule: RetentionClass, span: Span) -> Span:
    """Return a centre's own length for a class.

    Raises:
        ValueRefused: it is shorter than allowed.
    """
    shortest = TERMS[rule].shortest
    if span.is_shorter_than(shortest):
        raise ValueRefused(f"{rule}: expected at least {shortest}, came {span}.")
    return span
