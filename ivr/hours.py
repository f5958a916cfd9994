"""Opening hours: is this number, is this queue, open at this moment?

Pure: the moment is an argument. Days are those of China: public holidays close, make-up
workdays (调休) open, as the State Council's yearly notice says. The notice for a year comes in
the November before it; until then only the fixed festivals are known and no make-up workday,
and `unannounced` says so. The table `days` of hours.toml overrides everything, day by day.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

from holidays.countries.china import China
from pydantic import AfterValidator, Field
from pydantic.types import StringConstraints

from ivr.definition import Section, Source, parse_definition
from ivr.duty import DIALLABLE, Roster, Shift
from ivr.errors import DefinitionInvalid

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has one time and has had no summer time since 1991."""

MIDNIGHT: Final = 24 * 60
DEFAULT: Final = "default"
"""The entry of `numbers` for those that are not listed."""

_SPAN: Final = re.compile(r"^([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$")
_LOOK_AHEAD_DAYS: Final = 30
"""Longer than any run of holidays; a schedule that does not open within it never does."""


class DayKind(StrEnum):
    """What a schedule gives hours for; the first seven in the order of `date.weekday`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"
    HOLIDAY = "holiday"
    MAKEUP = "makeup"
    """A Saturday or Sunday on which China works."""


WEEK: Final = tuple(DayKind)[:7]


@dataclass(frozen=True, slots=True)
class Span:
    """Open from `opens` to before `closes`, minutes after midnight, 0 to 1440."""

    opens: int
    closes: int


Schedule = Mapping[DayKind, tuple[Span, ...]]


@dataclass(frozen=True, slots=True)
class QueueHours:
    """When a queue's people work, and which queue takes its calls when they do not."""

    schedule: str
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """The whole of hours.toml."""

    schedules: Mapping[str, Schedule]
    numbers: Mapping[str, str]
    """Dialled number, or `default`, to the schedule's name."""
    queues: Mapping[str, QueueHours]
    days: Mapping[date, DayKind] = field(default_factory=dict)
    """The centre's own calendar: these days are of this kind whatever the calendar says."""
    duty: Mapping[str, Roster] = field(default_factory=dict)
    """Queue to who is on call for it outside the hours."""
    announced: frozenset[int] = frozenset()
    """Years whose notice is in `days`, because the calendar library does not hold it yet."""

    def of_number(self, number: str) -> Schedule:
        """Give the schedule of a dialled number."""
        return self.schedules[self.numbers.get(number, self.numbers[DEFAULT])]


@cache
def _national(year: int) -> tuple[frozenset[date], frozenset[date]]:
    """Public holidays and make-up workdays of a year, as far as they are announced."""
    china = China(years=year)  # type: ignore[no-untyped-call]  # holidays leaves it untyped
    makeup = frozenset(day for day in china.weekend_workdays if day.year == year)
    return frozenset(china), makeup


def announced(hours: Hours, year: int) -> bool:
    """Tell whether the State Council's notice for the year is known here.

    Every notice since 2001 shifts some weekend, so a year without a make-up workday is a year
    whose notice the calendar has not got.
    """
    return year in hours.announced or bool(_national(year)[1])


def unannounced(hours: Hours, today: date) -> tuple[int, ...]:
    """List the years that matter now and are not announced: this one, from December the next."""
    last_month = 12
    years = (today.year, today.year + 1) if today.month == last_month else (today.year,)
    return tuple(year for year in years if not announced(hours, year))


def day_kind(hours: Hours, day: date) -> DayKind:
    """Say what kind of day it is in China, and in this centre."""
    if day in hours.days:
        return hours.days[day]
    holidays, makeup = _national(day.year)
    if day in makeup:
        return DayKind.MAKEUP
    return DayKind.HOLIDAY if day in holidays else WEEK[day.weekday()]


def spans(hours: Hours, schedule: Schedule, day: date) -> tuple[Span, ...]:
    """Give the opening spans of a day."""
    return schedule[day_kind(hours, day)]


def is_open(hours: Hours, schedule: Schedule, moment: datetime) -> bool:
    """Tell whether the schedule is open; `moment` must know its time zone."""
    local = moment.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    return any(span.opens <= minute < span.closes for span in spans(hours, schedule, local.date()))


def next_span(hours: Hours, schedule: Schedule, moment: datetime) -> Span | None:
    """Give the whole working span, first opening to last closing, of the next day with any.

    Today counts until its last closing. None when the schedule never opens.
    """
    local = moment.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    for ahead in range(_LOOK_AHEAD_DAYS):
        of_day = spans(hours, schedule, local.date() + timedelta(days=ahead))
        if of_day and (ahead or minute < of_day[-1].closes):
            return Span(of_day[0].opens, of_day[-1].closes)
    return None


def open_queue(
    hours: Hours, queue: str, moment: datetime, opened: Collection[str] = ()
) -> str | None:
    """Follow `otherwise` to a queue that is open; None when nobody answers.

    Args:
        hours: the whole table.
        queue: where the caller wants to go; one that the table does not know counts as open.
        moment: with time zone.
        opened: queues that a supervisor has opened whatever their hours.
    """
    at, seen = queue, {queue}
    while at in hours.queues:
        entry = hours.queues[at]
        if at in opened or is_open(hours, hours.schedules[entry.schedule], moment):
            return at
        if entry.otherwise is None or entry.otherwise in seen:
            return None
        at = entry.otherwise
        seen.add(at)
    return at


def _span(text: str) -> str:
    _parsed(text)
    return text


def _parsed(text: str) -> Span:
    found = _SPAN.match(text)
    if not found:
        raise ValueError("expected a span such as 08:30-12:00")
    opens, closes = (int(found[at]) * 60 + int(found[at + 1]) for at in (1, 3))
    if not opens < closes <= MIDNIGHT:
        raise ValueError("expected a span within one day; split one that passes midnight")
    return Span(opens, closes)


_Spans = Annotated[
    tuple[Annotated[str, AfterValidator(_span)], ...],
    Field(strict=False, description="ascending, not overlapping"),
]


class _Schedule(Section):
    mon: _Spans
    tue: _Spans
    wed: _Spans
    thu: _Spans
    fri: _Spans
    sat: _Spans
    sun: _Spans
    holiday: _Spans
    makeup: _Spans


class _Queue(Section):
    schedule: str
    otherwise: str | None = None


class _Day(Section):
    date: date
    kind: Annotated[DayKind, Field(strict=False)]
    note: str


DutyNumbers = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=f"^({DIALLABLE.pattern})$")], ...],
    Field(strict=False),
]


class _Shift(Section):
    begins: datetime
    ends: datetime
    numbers: DutyNumbers


class _Roster(Section):
    numbers: DutyNumbers = ()
    shifts: Annotated[tuple[_Shift, ...], Field(strict=False)] = ()


class _Hours(Section):
    schedules: dict[str, _Schedule]
    numbers: dict[Annotated[str, StringConstraints(pattern=r"^(\+?[0-9]{2,20}|default)$")], str]
    queues: dict[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,32}$")], _Queue]
    announced: Annotated[tuple[int, ...], Field(strict=False)] = ()
    days: Annotated[tuple[_Day, ...], Field(strict=False)] = ()
    duty: dict[str, _Roster] = Field(default_factory=dict)


def parse_hours(path: Path, text: str) -> Hours:
    """Make the hours of the text of hours.toml; `path` is only named in errors.

    Raises:
        DefinitionInvalid: naming file, line and key of every fault found.
    """
    raw, source = parse_definition(path, text, _Hours)
    faults = [*_overlaps(raw, source), *_dangling(raw, source)]
    if faults:
        raise DefinitionInvalid("\n".join(("", *faults)))
    return Hours(
        schedules=MappingProxyType({name: _schedule(one) for name, one in raw.schedules.items()}),
        numbers=MappingProxyType(raw.numbers),
        queues=MappingProxyType(
            {name: QueueHours(one.schedule, one.otherwise) for name, one in raw.queues.items()}
        ),
        days=MappingProxyType({day.date: day.kind for day in raw.days}),
        duty=MappingProxyType({name: _roster(one) for name, one in raw.duty.items()}),
        announced=frozenset(raw.announced),
    )


def _schedule(raw: _Schedule) -> Schedule:
    return MappingProxyType(
        {kind: tuple(_parsed(text) for text in getattr(raw, kind)) for kind in DayKind}
    )


def _roster(raw: _Roster) -> Roster:
    return Roster(
        raw.numbers, tuple(Shift(one.begins, one.ends, one.numbers) for one in raw.shifts)
    )


def _misplaced(shift: _Shift) -> str:
    if shift.begins.tzinfo or shift.ends.tzinfo:
        return "expected Chinese time without a zone, such as 2026-11-23T17:30:00."
    return "" if shift.begins < shift.ends else "expected an end after the beginning."


def _overlaps(raw: _Hours, source: Source) -> list[str]:
    faults = []
    for name, one in raw.schedules.items():
        for kind, of_day in _schedule(one).items():
            pairs = itertools.pairwise(of_day)
            if any(later.opens < earlier.closes for earlier, later in pairs):
                sentence = "expected spans in ascending order that do not overlap."
                faults.append(source.at(("schedules", name, kind), sentence))
    return faults


def _dangling(raw: _Hours, source: Source) -> list[str]:
    named = [(("numbers", number), schedule) for number, schedule in raw.numbers.items()]
    named += [(("queues", name), queue.schedule) for name, queue in raw.queues.items()]
    faults = [
        source.at(keys, f"expected one of the schedules; came {schedule!r}.")
        for keys, schedule in named
        if schedule not in raw.schedules
    ]
    faults += [
        source.at(("queues", name), f"otherwise leads to {queue.otherwise!r}, not a queue here.")
        for name, queue in raw.queues.items()
        if queue.otherwise is not None and queue.otherwise not in raw.queues
    ]
    faults += [
        source.at(("duty", name), "expected the name of a queue here.")
        for name in raw.duty
        if name not in raw.queues
    ]
    faults += [
        source.at(("duty", name, "shifts", number), sentence)
        for name, roster in raw.duty.items()
        for number, shift in enumerate(roster.shifts)
        if (sentence := _misplaced(shift))
    ]
    if DEFAULT not in raw.numbers:
        faults.append(source.at(("numbers",), "expected an entry `default`, it is missing."))
    return faults
