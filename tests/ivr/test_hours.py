from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.duty import on_duty
from ivr.errors import DefinitionInvalid
from ivr.hours import (
    SHANGHAI,
    DayKind,
    Hours,
    Span,
    announced,
    day_kind,
    is_open,
    next_span,
    open_queue,
    parse_hours,
    spans,
    unannounced,
)

WORKDAY = '["08:30-12:00", "14:00-17:30"]'
FILE = f"""
announced = [2030]
[schedules.always]
{chr(10).join(f'{kind} = ["00:00-24:00"]' for kind in DayKind)}
[schedules.office]
{chr(10).join(f"{kind} = {WORKDAY}" for kind in ("mon", "tue", "wed", "thu", "fri", "makeup"))}
sat = []
sun = []
holiday = []
[schedules.never]
{chr(10).join(f"{kind} = []" for kind in DayKind)}
[numbers]
default = "always"
12320 = "office"
[queues]
anyone = {{ schedule = "office", otherwise = "duty" }}
consult = {{ schedule = "office", otherwise = "anyone" }}
duty = {{ schedule = "always" }}
alone = {{ schedule = "office" }}
ring = {{ schedule = "never", otherwise = "round" }}
round = {{ schedule = "never", otherwise = "ring" }}
[[days]]
date = 2026-11-24
kind = "holiday"
note = "moving house"
"""


def parse(text: str = FILE) -> Hours:
    return parse_hours(Path("hours.toml"), text)


HOURS = parse()
OFFICE = HOURS.schedules["office"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-23 08:29:59", False),
        ("2026-11-23 08:30:00", True),
        ("2026-11-23 11:59:59", True),
        ("2026-11-23 12:00:00", False),
        ("2026-11-23 14:00:00", True),
        ("2026-11-23 17:29:59", True),
        ("2026-11-23 17:30:00", False),
        ("2026-11-21 10:00:00", False),  # Saturday
        ("2026-10-01 10:00:00", False),  # National Day, a Thursday
        ("2026-10-10 10:00:00", True),  # a Saturday worked for National Day
        ("2026-02-14 10:00:00", True),  # a Saturday worked for Spring Festival
        ("2026-02-23 10:00:00", False),  # a Monday off for it
        ("2026-11-24 10:00:00", False),  # the centre's own
    ],
)
def test_the_office_is_open_exactly_within_its_spans(moment: str, expected: bool) -> None:  # noqa: FBT001 - the table's column
    assert is_open(HOURS, OFFICE, at(moment)) is expected


def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    assert is_open(HOURS, OFFICE, datetime(2026, 11, 23, 0, 30, tzinfo=UTC))
    assert not is_open(HOURS, OFFICE, datetime(2026, 11, 23, 9, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 11, 23), DayKind.MON),
        (date(2026, 11, 22), DayKind.SUN),
        (date(2016, 10, 8), DayKind.MAKEUP),
        (date(2016, 10, 9), DayKind.MAKEUP),
        (date(2016, 9, 15), DayKind.HOLIDAY),
        (date(2015, 2, 28), DayKind.MAKEUP),
        (date(2026, 11, 24), DayKind.HOLIDAY),
        (date(2027, 2, 6), DayKind.HOLIDAY),
    ],
)
def test_a_day_is_what_the_notice_or_the_centre_says(day: date, kind: DayKind) -> None:
    assert day_kind(HOURS, day) is kind


def test_a_year_without_notice_is_told_from_december_on() -> None:
    assert announced(HOURS, 2026)
    assert announced(HOURS, 2030)
    assert not announced(HOURS, 2031)
    assert unannounced(HOURS, date(2026, 11, 30)) == ()
    assert unannounced(HOURS, date(2031, 12, 1)) == (2031, 2032)
    assert unannounced(HOURS, date(2029, 12, 31)) == (2029,)


def test_the_next_span_is_that_of_the_next_working_day() -> None:
    working = Span(510, 1050)
    assert next_span(HOURS, OFFICE, at("2026-11-23 07:00")) == working
    assert next_span(HOURS, OFFICE, at("2026-11-23 12:30")) == working
    assert next_span(HOURS, OFFICE, at("2026-09-30 20:00")) == working
    assert next_span(HOURS, HOURS.schedules["never"], at("2026-11-23 12:30")) is None


@pytest.mark.parametrize(
    ("queue", "moment", "expected"),
    [
        ("consult", "2026-11-23 10:00", "consult"),
        ("consult", "2026-11-23 20:00", "duty"),
        ("duty", "2026-11-23 20:00", "duty"),
        ("alone", "2026-11-23 20:00", None),
        ("ring", "2026-11-23 20:00", None),
        ("unheard_of", "2026-11-23 20:00", "unheard_of"),
    ],
)
def test_a_closed_queue_hands_over_or_says_that_nobody_answers(
    queue: str, moment: str, expected: str | None
) -> None:
    assert open_queue(HOURS, queue, at(moment)) == expected


moments = st.datetimes(datetime(2001, 1, 1), datetime(2040, 1, 1)).map(  # noqa: DTZ001 - replaced next
    lambda moment: moment.replace(tzinfo=SHANGHAI)
)


@given(moments)
def test_open_means_within_a_span_of_that_day(moment: datetime) -> None:
    minutes = [
        minute
        for span in spans(HOURS, OFFICE, moment.date())
        for minute in range(span.opens, span.closes)
    ]
    assert is_open(HOURS, OFFICE, moment) == (moment.hour * 60 + moment.minute in minutes)


@given(moments)
def test_around_the_clock_is_always_open(moment: datetime) -> None:
    assert is_open(HOURS, HOURS.schedules["always"], moment)
    assert open_queue(HOURS, "consult", moment) in {"consult", "anyone", "duty"}


@given(moments)
def test_a_week_has_a_working_day_outside_the_long_holidays(moment: datetime) -> None:
    days = [moment.date() + timedelta(days=ahead) for ahead in range(10)]
    assert any(spans(HOURS, OFFICE, day) for day in days)


@pytest.mark.parametrize(
    ("old", "new", "place", "sentence"),
    [
        ('fri = ["08:30-12:00", "14:00-17:30"]', 'fri = ["8:30-12:00"]', "fri", "such as"),
        ('fri = ["08:30-12:00", "14:00-17:30"]', 'fri = ["22:00-06:00"]', "fri", "midnight"),
        ('fri = ["08:30-12:00", "14:00-17:30"]', 'fri = ["22:00-24:01"]', "fri", "midnight"),
        (
            'fri = ["08:30-12:00", "14:00-17:30"]',
            'fri = ["14:00-17:30", "08:30-12:00"]',
            "schedules.office.fri",
            "ascending",
        ),
        ("sat = []\n", "", "schedules.office.sat", "missing"),
        ('default = "always"', "", "numbers", "`default`"),
        ('default = "always"', 'default = "nights"', "numbers.default", "'nights'"),
        ('otherwise = "duty"', 'otherwise = "moon"', "queues.anyone", "'moon'"),
        ('kind = "holiday"', 'kind = "feast"', "days.0.kind", "'feast'"),
        ("date = 2026-11-24", 'date = "soon"', "days.0.date", "'soon'"),
    ],
)
def test_a_fault_is_named(old: str, new: str, place: str, sentence: str) -> None:
    assert old in FILE
    with pytest.raises(DefinitionInvalid) as caught:
        parse(FILE.replace(old, new))
    assert "hours.toml:" in caught.value.detail
    assert place in caught.value.detail
    assert sentence in caught.value.detail


DUTY = """
[duty.anyone]
numbers = ["13800000000"]
[[duty.anyone.shifts]]
begins = 2026-11-23T17:30:00
ends = 2026-11-24T08:30:00
numbers = ["02583620521"]
"""


def test_who_is_on_call_is_read_with_the_shifts() -> None:
    roster = parse_hours(Path("hours.toml"), FILE + DUTY).duty["anyone"]
    assert on_duty(roster, at("2026-11-23 20:00")) == ("02583620521", "13800000000")
    assert on_duty(roster, at("2026-11-24 20:00")) == ("13800000000",)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"13800000000"', '"0085212345678"', "duty.anyone.numbers"),
        ("2026-11-24T08:30:00", "2026-11-22T08:30:00", "an end after the beginning"),
        ("2026-11-24T08:30:00", "2026-11-24T08:30:00+08:00", "without a zone"),
        ("duty.anyone", "duty.moon", "name of a queue"),
    ],
)
def test_a_roster_that_would_ring_nobody_is_refused(old: str, new: str, complaint: str) -> None:
    with pytest.raises(DefinitionInvalid, match=complaint):
        parse_hours(Path("hours.toml"), FILE + DUTY.replace(old, new))
