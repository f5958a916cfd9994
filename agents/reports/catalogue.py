"""The reports at hand: which there are, what their columns mean, and the one reader for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from agents.database import queries
from agents.reports.indicators import HEADINGS, Row, Step, indicator_rows, spans
from ivr.database import Session
from ivr.errors import DefinitionInvalid

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")

Told: TypeAlias = Callable[[int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Definition:
    """One report: its query, its title, and its columns as (name in the query, heading)."""

    query: str
    title: str
    columns: tuple[tuple[str, str], ...]
    step: Step | None = None
    """Set for indicators: how long a span of the report is; the query is asked for each."""
    ranked: bool = False
    """Whether the row with the largest first figure comes first, and not the least key."""
    filters: tuple[str, ...] = ("queue", "agent")
    """By what it can be narrowed. Whom a call that was not filed belongs to, no data can say."""


_CALLS: Final = (
    ("requested", "人工请求量"),
    ("answered", "接通量"),
    ("abandoned", "放弃量"),
    ("wait_ms", "接通等待合计（毫秒）"),
)
_REQUESTS: Final = (
    ("requests", "件次"),
    ("on_the_spot", "当场办结"),
    ("transferred", "转办"),
)


def _calls(by: str, heading: str, *, ranked: bool = False) -> Definition:
    columns = (("key", heading), *_CALLS)
    return Definition(f"calls_by_{by}", f"按{heading}统计来电", columns, ranked=ranked)


def _requests(by: str, heading: str) -> Definition:
    columns = (("key", heading), *_REQUESTS)
    return Definition(
        f"requests_by_{by}",
        f"按{heading}统计服务请求",
        columns,
        ranked=True,
        filters=("queue", "agent", "unit"),
    )


def _indicators(step: Step, by: str) -> Definition:
    columns = tuple((heading, heading) for heading in HEADINGS)
    return Definition("queue_calls", f"队列指标（按{by}）", columns, step)


REPORTS: Final[Mapping[str, Definition]] = {
    "hour": _calls("hour", "小时"),
    "day": _calls("day", "日期"),
    "week": _calls("week", "周"),
    "month": _calls("month", "月份"),
    "queue": _calls("queue", "队列", ranked=True),
    "agent": _calls("agent", "咨询员", ranked=True),
    "menu-path": Definition(
        "calls_by_menu_path",
        "按菜单路径统计来电",
        (("key", "菜单路径"), ("requested", "来电量"), *_CALLS[1:]),
        ranked=True,
    ),
    "category": _requests("category", "类别"),
    "region": _requests("region", "地区"),
    "indicators-day": _indicators(Step.DAY, "日"),
    "indicators-week": _indicators(Step.WEEK, "周"),
    "indicators-month": _indicators(Step.MONTH, "月"),
}


FILTERS: Final[Mapping[str, str]] = {"queue": "队列", "agent": "工号", "unit": "上报单位"}
"""By what reports are narrowed, and what people call it."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a report covers; days are whole and both included, an empty word means all."""

    first: date
    last: date
    queue: str = ""
    agent: str = ""
    unit: str = ""

    @property
    def bounds(self) -> dict[str, datetime]:
        """The half-open span of time, from the first midnight to the one after the last day."""
        return {
            "first": datetime.combine(self.first, time(), _SHANGHAI),
            "last": datetime.combine(self.last + timedelta(days=1), time(), _SHANGHAI),
        }

    @property
    def narrowed(self) -> tuple[tuple[str, str], ...]:
        """By what it is narrowed: for each what that is called, and the one that is left."""
        told = ((word, getattr(self, key)) for key, word in FILTERS.items())
        return tuple((word, only) for word, only in told if only)


@dataclass(frozen=True, slots=True)
class Report:
    """A report that has been run."""

    title: str
    period: str
    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    adds_up: bool = True
    """Whether the figures of a column may be added up; not where they are shares or means."""
    scope: str = ""
    """By what it is narrowed, for people; empty: it covers everything."""

    @property
    def about(self) -> str:
        """What the figures are about: the days, and by what they are narrowed."""
        return f"{self.period}，{self.scope}" if self.scope else self.period


async def silence(_step: int, _steps: int) -> None:
    """Tell nobody how far it is."""


async def run_report(session: Session, name: str, filters: Filters, told: Told = silence) -> Report:
    """Run a report month by month, so that no question is long and somebody can see how far it is.

    Args:
        session: where to ask.
        name: of the catalogue.
        filters: what it covers.
        told: how many steps are done, and of how many.

    Raises:
        DefinitionInvalid: naming the reports there are, or by what this one can be narrowed.
        FiguresDisagree: the parts of an indicator's population do not add up to the whole.
    """
    if name not in REPORTS:
        raise DefinitionInvalid(f"No report {name!r}; expected one of {', '.join(REPORTS)}.")
    definition = REPORTS[name]
    if surplus := surplus_of(name, filters):
        known = ", ".join(definition.filters)
        raise DefinitionInvalid(f"{name} is narrowed by {known}; came {', '.join(surplus)}.")
    if definition.step is None:
        rows = await _counted_rows(session, definition, filters, told)
    else:
        rows = await _indicator_rows(session, definition, definition.step, filters, told)
    headings = tuple(heading for _, heading in definition.columns)
    period = f"{filters.first:%Y-%m-%d}至{filters.last:%Y-%m-%d}"
    scope = "、".join(f"{word} {only}" for word, only in filters.narrowed)
    return Report(definition.title, period, headings, tuple(rows), definition.step is None, scope)


def surplus_of(name: str, filters: Filters) -> list[str]:
    """Return by what a report is to be narrowed though its figures are not counted by it."""
    known = REPORTS[name].filters
    return [key for key in FILTERS if getattr(filters, key) and key not in known]


def steps_of(name: str, filters: Filters) -> int:
    """Return in how many steps a report is run."""
    step = REPORTS[name].step or Step.MONTH
    return len(list(spans(filters.first, filters.last, step)))


async def _counted_rows(
    session: Session, definition: Definition, filters: Filters, told: Told
) -> list[Row]:
    """Count month after month, and add up what months have in common: every column is a sum."""
    sums: dict[str, list[int]] = {}
    months = list(spans(filters.first, filters.last, Step.MONTH))
    for done, month in enumerate(months, start=1):
        within = replace(filters, first=month.first, last=month.last)
        for row in await _ask(session, definition, within):
            key, *figures = (row[column] for column, _ in definition.columns)
            known = sums.setdefault(key, [0] * len(figures))
            sums[key] = [old + new for old, new in zip(known, figures, strict=True)]
        await told(done, len(months))
    ranked = sorted(sums.items(), key=lambda one: (-one[1][0] if definition.ranked else 0, one[0]))
    return [(key, *figures) for key, figures in ranked]


async def _ask(session: Session, definition: Definition, filters: Filters) -> list[Any]:
    found = getattr(queries, definition.query)(
        session, **filters.bounds, queue=filters.queue, agent=filters.agent, unit=filters.unit
    )
    return [row async for row in found]


async def _indicator_rows(
    session: Session, definition: Definition, step: Step, filters: Filters, told: Told
) -> list[Row]:
    """Read and compute one span after the other, so that the memory holds one span's calls."""
    rows: list[Row] = []
    wanted = list(spans(filters.first, filters.last, step))
    for done, span in enumerate(wanted, start=1):
        within = replace(filters, first=span.first, last=span.last)
        found = await _ask(session, definition, within)
        # A nation's month is a second of arithmetic, in which others want to be served.
        rows += await asyncio.to_thread(indicator_rows, span.label, found)
        await told(done, len(wanted))
    return rows
