"""O-2 as rows of a report, and spans that leave no day out."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.indicators import ALL_QUEUES, HEADINGS, Step, indicator_rows, queue_call, spans


def found(queue: str, outcome: str, wait: int, *handled: int) -> dict[str, Any]:
    """A row of the query, from seconds; of an answered call also talk, hold and after-call work."""
    talk, hold, after = handled or (0, 0, 0)
    return {
        "queue": queue,
        "outcome": outcome,
        "wait_ms": 1_000 * wait,
        "talk_ms": 1_000 * talk,
        "hold_ms": 1_000 * hold,
        "after_ms": 1_000 * after,
    }


O_2 = [
    found("consult", "answered", 4, 180, 0, 30),
    found("consult", "answered", 15, 240, 20, 40),
    found("consult", "answered", 16, 120, 0, 20),
    found("consult", "answered", 20, 300, 0, 60),
    found("consult", "answered", 21, 90, 10, 30),
    found("consult", "answered", 75, 150, 0, 20),
    found("consult", "abandoned", 3),
    found("consult", "abandoned", 5),
    found("consult", "abandoned", 12),
    found("consult", "abandoned", 60),
    found("consult", "flowed", 120),
    found("consult", "callback", 90),
]


def test_a_queue_day_reads_as_its_worked_example() -> None:
    rows = indicator_rows("2016-10-01", O_2)
    assert [row[0] for row in rows] == ["2016-10-01 consult", f"2016-10-01 {ALL_QUEUES}"]
    assert dict(zip(HEADINGS[1:], rows[0][1:], strict=True)) == {
        "人工请求量": 12,
        "接通量": 6,
        "放弃量": 4,
        "其中5秒内放弃": 2,
        "转出量": 1,
        "预约回拨量": 1,
        "接通率（%）": "60.0",
        "15秒接听率（%）": "20.0",
        "放弃率（%）": "20.0",
        "接通率（毛，%）": "50.0",
        "15秒接听率（毛，%）": "16.7",
        "放弃率（毛，%）": "33.3",
        "平均接通等待（秒）": "25.17",
        "接通等待中位数（秒）": "18.00",
        "平均通话（秒）": "180.00",
        "平均保持（秒）": "5.00",
        "平均话后处理（秒）": "33.33",
        "平均处理（秒）": "218.33",
        "平均放弃等待（秒）": "20.00",
        "平均放弃等待（净，秒）": "36.00",
    }


def test_the_row_of_all_queues_is_made_of_the_calls_and_not_of_the_rows() -> None:
    other = [found("psych", "answered", 40, 60, 0, 0)]
    rows = indicator_rows("x", [*other, *O_2])
    median = HEADINGS.index("接通等待中位数（秒）")
    assert [row[0] for row in rows] == ["x consult", "x psych", f"x {ALL_QUEUES}"]
    assert [row[median] for row in rows] == ["18.00", "40.00", "20.00"]


def test_a_queue_that_nobody_got_through_to_has_dashes_and_no_zeros() -> None:
    row = indicator_rows("x", [found("psych", "abandoned", 2)])[0]
    assert set(row[7:10]) == {"—"}
    assert indicator_rows("x", []) == []


def test_a_call_that_left_its_queue_in_no_known_way_is_not_passed_over() -> None:
    for outcome in (None, "vanished"):
        with pytest.raises(ValueError, match=str(outcome)):
            queue_call(found("psych", "x", 2) | {"outcome": outcome})


@given(
    first=st.dates(date(2014, 1, 1), date(2027, 12, 31)),
    days=st.integers(0, 800),
    step=st.sampled_from(Step),
)
def test_every_day_is_in_one_span_under_one_name(first: date, days: int, step: Step) -> None:
    last = first + timedelta(days=days)
    made = list(spans(first, last, step))
    assert [made[0].first, made[-1].last] == [first, last]
    for one, following in pairwise(made):
        assert following.first - one.last == timedelta(days=1)
    assert len({one.label for one in made}) == len(made)
    assert all(
        (one.last - one.first).days < {"day": 1, "week": 7, "month": 31}[step] for one in made
    )


def test_a_week_that_crosses_the_new_year_is_one_week() -> None:
    made = list(spans(date(2026, 12, 28), date(2027, 1, 4), Step.WEEK))
    assert [(one.label, one.last) for one in made] == [
        ("2026-W53", date(2027, 1, 3)),
        ("2027-W01", date(2027, 1, 4)),
    ]
