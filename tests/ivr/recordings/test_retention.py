from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.calls import Direction
from ivr.errors import ValueRefused
from ivr.recordings.retention import (
    CENTRE_TIME,
    TERMS,
    Retained,
    RetentionClass,
    Span,
    check_span,
    judge,
)

USUAL = {rule: terms.usual for rule, terms in TERMS.items()}
ENDED = datetime(2024, 5, 17, 15, 59, 59, tzinfo=UTC)
"""One second before midnight of the 17th, in the centre's time."""

spans = st.builds(Span, st.integers(1, 999), st.sampled_from("dm"))
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))


def call(
    *,
    direction: Direction = Direction.INBOUND,
    queues: tuple[str, ...] = ("consult",),
    held: bool = False,
) -> Retained:
    return Retained(ENDED, direction, queues, held)


def at(year: int, month: int, day: int, hour: int = 12) -> datetime:
    return datetime(year, month, day, hour, tzinfo=CENTRE_TIME)


def test_a_recording_lives_through_the_whole_of_its_last_day() -> None:
    before, last, after = at(2026, 5, 16), at(2026, 5, 17, 23), at(2026, 5, 18, 0)
    assert [judge(call(), USUAL, now).due for now in (before, last, after)] == [False, False, True]


def test_psychological_help_is_kept_three_years_whatever_else_the_call_was() -> None:
    outbound = call(direction=Direction.OUTBOUND, queues=("general", "psych"))
    for one in (call(queues=("psych",)), outbound):
        verdict = judge(one, USUAL, at(2027, 5, 17))
        assert (verdict.rule, verdict.due) == (RetentionClass.PSYCHOLOGY, False)
        assert judge(one, USUAL, at(2027, 5, 18)).due


@pytest.mark.parametrize("queue", ["complaint", "report"])
def test_a_complaint_is_kept_three_years_beyond_the_two_in_which_it_is_archived(queue: str) -> None:
    one = call(queues=("general", queue))
    verdict = judge(one, USUAL, at(2029, 5, 17))
    assert (verdict.rule, verdict.due) == (RetentionClass.COMPLAINT, False)
    assert judge(one, USUAL, at(2029, 5, 18)).due
    both = call(queues=("psych", queue))
    assert judge(both, USUAL, at(2028, 1, 1)).rule is RetentionClass.COMPLAINT


def test_a_centre_that_lengthens_the_general_class_keeps_no_class_shorter_by_mistake() -> None:
    lengthened = USUAL | {RetentionClass.OUTBOUND: Span(5, "y")}
    verdict = judge(
        call(direction=Direction.OUTBOUND, queues=("psych",)), lengthened, at(2028, 1, 1)
    )
    assert (verdict.rule, verdict.last_day) == (RetentionClass.OUTBOUND, date(2029, 5, 17))


def test_a_legal_hold_wins_for_ever() -> None:
    assert not judge(call(held=True), USUAL, at(2090, 1, 1)).due


@given(spans, days)
@example(Span(1, "m"), date(2025, 1, 31))
@example(Span(36, "m"), date(2024, 2, 29))
def test_a_span_is_never_shorter_than_its_days_or_months(span: Span, day: date) -> None:
    end = span.after(day)
    if span.unit == "d":
        assert end - day == timedelta(days=span.count)
        return
    months = (end.year - day.year) * 12 + end.month - day.month
    assert months - span.count in (0, 1)
    assert end.day == (day.day if months == span.count else 1)


@given(spans, spans, days)
def test_what_is_not_shorter_never_ends_earlier(one: Span, two: Span, day: date) -> None:
    first = day.replace(day=1, year=2023 + day.year % 2)
    if not one.is_shorter_than(two):
        assert one.after(first) >= two.after(first)


@given(spans, days)
def test_nothing_that_is_due_ended_after_the_horizon(span: Span, ended: date) -> None:
    """The database is asked only for what began before it, so it must never be too early."""
    today = span.after(ended) + timedelta(days=1)
    assert ended <= span.before(today)


@given(spans)
def test_a_span_is_read_as_it_is_written(span: Span) -> None:
    assert Span.parse(str(span)) == span


@pytest.mark.parametrize(
    "text", ["", "24", "m24", "0m", "-1d", "24 m", "24M", "9999y", "2.5y", "２m"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueRefused):
        Span.parse(text)


@pytest.mark.parametrize(
    ("rule", "text", "allowed"),
    [
        ("psychology", "3y", True),
        ("psychology", "36m", True),
        ("psychology", "10y", True),
        ("psychology", "35m", False),
        ("psychology", "1095d", False),
        ("complaint", "3y", True),
        ("complaint", "35m", False),
        ("outbound", "30d", True),
        ("outbound", "29d", False),
        ("outbound", "1m", False),
        ("general", "24m", True),
        ("general", "29d", False),
    ],
)
def test_a_centre_may_lengthen_but_not_go_below_the_shortest(
    rule: str,
    text: str,
    allowed: bool,  # noqa: FBT001 - a column of the table
) -> None:
    span = Span.parse(text)
    if allowed:
        assert check_span(RetentionClass(rule), span) == span
    else:
        with pytest.raises(ValueRefused, match="expected at least"):
            check_span(RetentionClass(rule), span)
