"""When a report is due, held against a calendar of minutes that knows no rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.schedules import (
    LONGEST_PAUSE,
    Every,
    Rhythm,
    latest_due,
    next_due,
    pause_after,
)

AHEAD = timedelta(hours=8)
"""Of China's clock before Greenwich."""
TIMES = st.times(timezones=st.none()).map(lambda one: one.replace(second=0, microsecond=0))
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2029, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis gives the zone
RHYTHMS = st.one_of(
    st.builds(Rhythm, st.just(Every.DAY), st.just(0), TIMES),
    st.builds(Rhythm, st.just(Every.WEEK), st.integers(1, 7), TIMES),
    st.builds(Rhythm, st.just(Every.MONTH), st.integers(1, 31), TIMES),
)
MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def length(year: int, month: int) -> int:
    return MONTHS[month - 1] + (month == 2 and year % 4 == 0)


def all_due(rhythm: Rhythm, first: date, days: int) -> list[datetime]:
    """Write down each time within some days, in Greenwich's time."""
    found = []
    for number in range(days):
        day = first + timedelta(number)
        match rhythm.every:
            case Every.WEEK:
                due = (day - date(2024, 1, 1)).days % 7 + 1 == rhythm.on_day  # it was a Monday
            case Every.MONTH:
                last = length(day.year, day.month)
                due = day.day == rhythm.on_day or (rhythm.on_day > last == day.day)
            case _:
                due = True
        if due:
            here = datetime(day.year, day.month, day.day, rhythm.at.hour, rhythm.at.minute)  # noqa: DTZ001 - the zone follows
            found.append((here - AHEAD).replace(tzinfo=UTC))
    return found


@given(rhythm=RHYTHMS, after=MOMENTS)
def test_the_next_time_is_the_first_one_after(rhythm: Rhythm, after: datetime) -> None:
    written = all_due(rhythm, after.date() - timedelta(2), 70)
    assert next_due(rhythm, after) == min(one for one in written if one > after)


@given(rhythm=RHYTHMS, began=MOMENTS, away=st.timedeltas(timedelta(0), timedelta(120)))
def test_of_the_times_that_were_missed_the_last_one_is_left(
    rhythm: Rhythm, began: datetime, away: timedelta
) -> None:
    due = next_due(rhythm, began)
    now = due + away
    written = all_due(rhythm, due.date() - timedelta(2), away.days + 5)
    assert latest_due(rhythm, due, now) == max(one for one in written if one <= now)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-01-31T09:00", "2026-02-28T09:00"),
        ("2028-01-31T09:00", "2028-02-29T09:00"),
        ("2026-02-28T09:00", "2026-03-31T09:00"),
        ("2026-04-29T09:00", "2026-04-30T09:00"),
        ("2026-04-30T08:59", "2026-04-30T09:00"),
        ("2026-12-31T09:00", "2027-01-31T09:00"),
    ],
)
def test_the_31st_is_the_last_day_of_every_month(after: str, expected: str) -> None:
    rhythm = Rhythm(Every.MONTH, 31, time(9))
    due = next_due(rhythm, datetime.fromisoformat(f"{after}+08:00"))
    assert due.isoformat(timespec="minutes") == f"{expected}+08:00"


def test_pauses_double_up_to_an_hour() -> None:
    minutes = [pause_after(tries) / timedelta(minutes=1) for tries in range(1, 9)]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pause_after(10_000) == LONGEST_PAUSE
