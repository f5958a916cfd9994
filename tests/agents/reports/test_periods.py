"""Spans told from a day on, held against a calendar that is counted through day by day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.periods import Relative, days_of, name_of

DAYS = st.dates(date(2000, 1, 10), date(2099, 12, 31))


def same_run(day: date, label: Callable[[date], object]) -> list[date]:
    """Walk from a day both ways as long as the label stays."""
    days = [day]
    while label(days[0] - timedelta(1)) == label(day):
        days.insert(0, days[0] - timedelta(1))
    while label(days[-1] + timedelta(1)) == label(day):
        days.append(days[-1] + timedelta(1))
    return days


@pytest.mark.parametrize(
    ("this", "last", "label"),
    [
        (Relative.THIS_WEEK, Relative.LAST_WEEK, "%G-%V"),
        (Relative.THIS_MONTH, Relative.LAST_MONTH, "%Y-%m"),
        (Relative.THIS_YEAR, Relative.LAST_YEAR, "%Y"),
    ],
)
@given(day=DAYS)
def test_a_span_is_the_days_that_share_its_label(
    this: Relative, last: Relative, label: str, day: date
) -> None:
    current = same_run(day, lambda one: one.strftime(label))
    assert days_of(this, day) == (current[0], day)
    before = same_run(current[0] - timedelta(1), lambda one: one.strftime(label))
    assert days_of(last, day) == (before[0], before[-1])


@given(day=DAYS)
def test_past_days_are_whole_and_end_before_the_day(day: date) -> None:
    for period, many in (
        (Relative.YESTERDAY, 1),
        (Relative.PAST_7_DAYS, 7),
        (Relative.PAST_30_DAYS, 30),
    ):
        first, last = days_of(period, day)
        assert (last - first).days + 1 == many
        assert last == day - timedelta(1)
    assert days_of(Relative.TODAY, day) == (day, day)


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("2026-11-21", "2026-11-21", "2026年11月21日"),
        ("2026-11-01", "2026-11-30", "2026年11月"),
        ("2024-02-01", "2024-02-29", "2024年2月"),
        ("2023-02-01", "2023-02-28", "2023年2月"),
        ("2024-02-01", "2024-02-28", "2024年2月1日至28日"),
        ("2026-11-16", "2026-11-22", "2026年11月16日至22日"),
        ("2026-10-26", "2026-11-01", "2026年10月26日至11月1日"),
        ("2025-12-29", "2026-01-04", "2025年12月29日至2026年1月4日"),
        ("2025-01-01", "2025-12-31", "2025年"),
        ("2025-10-01", "2025-12-31", "2025年10月至12月"),
        ("2024-11-01", "2025-01-31", "2024年11月至2025年1月"),
        ("2024-01-01", "2025-12-31", "2024年1月至2025年12月"),
    ],
)
def test_a_span_has_a_name(first: str, last: str, name: str) -> None:
    assert name_of(date.fromisoformat(first), date.fromisoformat(last)) == name


@given(first=DAYS, days=st.integers(0, 800))
def test_a_name_is_short_enough_for_a_message(first: date, days: int) -> None:
    assert len(name_of(first, first + timedelta(days))) <= 30
