"""A queue's indicators as rows of a report: by queue and span, every figure from single calls.

Spans are days, weeks of ISO 8601, or months; the first and the last of a report are cut off at its
own days. The row of all queues is computed from the calls again, because neither a share nor a
median can be added up from those of the queues.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeAlias

from agents.reports.kpi import ANSWER_SECONDS, Outcome, QueueCall, QueueIndicators, queue_indicators
from agents.reports.rounding import DASH, Ratio, rounded

ALL_QUEUES: Final = "全部队列"
_DAY: Final = timedelta(days=1)
_PLACES: Final = 2

Row: TypeAlias = tuple[str | int, ...]


class Step(StrEnum):
    """How long a span is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Span:
    """Days in a row, both included, and what they are called."""

    label: str
    first: date
    last: date


_LABELS: Final[Mapping[Step, str]] = {
    Step.DAY: "%Y-%m-%d",
    Step.WEEK: "%G-W%V",
    Step.MONTH: "%Y-%m",
}


def spans(first: date, last: date, step: Step) -> Iterator[Span]:
    """Give the spans from a day to another, both included."""
    day = first
    while day <= last:
        label = day.strftime(_LABELS[step])
        end = day
        while end < last and (end + _DAY).strftime(_LABELS[step]) == label:
            end += _DAY
        yield Span(label, day, end)
        day = end + _DAY


def _seconds(milliseconds: Ratio) -> str:
    value = Ratio(milliseconds.numerator, 1_000 * milliseconds.denominator).value(_PLACES)
    return DASH if value is None else str(value)


def _median(indicators: QueueIndicators) -> str:
    wait = indicators.median_wait_ms
    return DASH if wait is None else str(rounded(wait / Decimal(1_000), _PLACES))


_COLUMNS: Final[Sequence[tuple[str, Callable[[QueueIndicators], str | int]]]] = (
    ("人工请求量", lambda one: one.populations.requested),
    ("接通量", lambda one: one.populations.answered),
    ("放弃量", lambda one: one.populations.abandoned),
    ("其中5秒内放弃", lambda one: one.populations.short),
    ("转出量", lambda one: one.populations.flowed),
    ("预约回拨量", lambda one: one.populations.callbacks),
    ("接通率（%）", lambda one: one.connected.printed()),
    (f"{ANSWER_SECONDS}秒接听率（%）", lambda one: one.in_time.printed()),
    ("放弃率（%）", lambda one: one.abandoned.printed()),
    ("接通率（毛，%）", lambda one: one.connected_gross.printed()),
    (f"{ANSWER_SECONDS}秒接听率（毛，%）", lambda one: one.in_time_gross.printed()),
    ("放弃率（毛，%）", lambda one: one.abandoned_gross.printed()),
    ("平均接通等待（秒）", lambda one: _seconds(one.answer_speed_ms)),
    ("接通等待中位数（秒）", _median),
    ("平均通话（秒）", lambda one: _seconds(one.talk_ms)),
    ("平均保持（秒）", lambda one: _seconds(one.hold_ms)),
    ("平均话后处理（秒）", lambda one: _seconds(one.after_ms)),
    ("平均处理（秒）", lambda one: _seconds(one.handle_ms)),
    ("平均放弃等待（秒）", lambda one: _seconds(one.abandon_wait_ms)),
    ("平均放弃等待（净，秒）", lambda one: _seconds(one.abandon_wait_net_ms)),
)

HEADINGS: Final = ("时段与队列", *(heading for heading, _ in _COLUMNS))


def queue_call(row: Mapping[str, Any]) -> QueueCall:
    """Read a call as the query `queue_calls` gives it.

    Raises:
        ValueError: it left its queue in a way that no indicator knows.
    """
    return QueueCall(
        wait_ms=row["wait_ms"],
        outcome=Outcome(row["outcome"]),
        talk_ms=row["talk_ms"],
        hold_ms=row["hold_ms"],
        after_ms=row["after_ms"],
    )


def indicator_rows(label: str, found: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Compute a span: a row for each queue that somebody asked for, then one of all queues.

    Args:
        label: what the span is called.
        found: the calls of the span, as the query `queue_calls` gives them.

    Raises:
        FiguresDisagree: N_req is not N_ans + N_aba + N_flow + N_cb.
        ValueError: a call left its queue in a way that no indicator knows.
    """
    queues: defaultdict[str, list[QueueCall]] = defaultdict(list)
    for row in found:
        queues[row["queue"]].append(queue_call(row))
    if not queues:
        return []
    queues = defaultdict(list, sorted(queues.items()))
    queues[ALL_QUEUES] = [call for calls in queues.values() for call in calls]
    return [_row(f"{label} {queue}", queue_indicators(calls)) for queue, calls in queues.items()]


def _row(key: str, indicators: QueueIndicators) -> Row:
    return (key, *(cell(indicators) for _, cell in _COLUMNS))
