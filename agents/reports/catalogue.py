"""The reports at hand: which there are, what their columns mean, and the one reader for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from agents.database import queries
from ivr.database import Session
from ivr.errors import DefinitionInvalid

_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Definition:
    """One report: its query, its title, and its columns as (name in the query, heading)."""

    query: str
    title: str
    columns: tuple[tuple[str, str], ...]


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


def _calls(by: str, heading: str) -> Definition:
    return Definition(f"calls_by_{by}", f"按{heading}统计来电", (("key", heading), *_CALLS))


def _requests(by: str, heading: str) -> Definition:
    columns = (("key", heading), *_REQUESTS)
    return Definition(f"requests_by_{by}", f"按{heading}统计服务请求", columns)


REPORTS: Final[Mapping[str, Definition]] = {
    "hour": _calls("hour", "小时"),
    "day": _calls("day", "日期"),
    "week": _calls("week", "周"),
    "month": _calls("month", "月份"),
    "queue": _calls("queue", "队列"),
    "agent": _calls("agent", "咨询员"),
    "menu-path": _calls("menu_path", "菜单路径"),
    "category": _requests("category", "类别"),
    "region": _requests("region", "地区"),
}


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


@dataclass(frozen=True, slots=True)
class Report:
    """A report that has been run."""

    title: str
    period: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]


async def run_report(session: Session, name: str, filters: Filters) -> Report:
    """Run a report.

    Raises:
        DefinitionInvalid: naming the reports there are.
    """
    if name not in REPORTS:
        raise DefinitionInvalid(f"No report {name!r}; expected one of {', '.join(REPORTS)}.")
    definition = REPORTS[name]
    found = getattr(queries, definition.query)(
        session, **filters.bounds, queue=filters.queue, agent=filters.agent, unit=filters.unit
    )
    rows = [tuple(row[column] for column, _ in definition.columns) async for row in found]
    headings = tuple(heading for _, heading in definition.columns)
    period = f"{filters.first:%Y-%m-%d}至{filters.last:%Y-%m-%d}"
    return Report(definition.title, period, headings, tuple(rows))


async def calls_behind(
    session: Session, filters: Filters, scheme: str, code: str
) -> list[dict[str, Any]]:
    """Return the calls behind a category's figure; whoever asks must have the right to see them."""
    found = queries.calls_behind_requests(
        session, **filters.bounds, scheme=scheme, code=code, unit=filters.unit
    )
    return [dict(row) async for row in found]
