"""The calls behind a row of a report: exactly those that its first figure counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from agents.database import queries
from agents.reports.catalogue import REPORTS, Filters
from agents.reports.indicators import ALL_QUEUES
from ivr.database import Session
from ivr.errors import DefinitionInvalid

MOST: Final = 500
"""Calls that are given, the newest; the query holds to it."""


@dataclass(frozen=True, slots=True)
class CallBehind:
    """One call, or one request of a call, that a figure counts. It holds no number."""

    call_id: str
    at: datetime
    """When it was counted: entered the queue, began, or was filed."""
    queue: str | None
    agent: str | None
    result: str
    """How a call left its queue, how it ended, or how the request was settled."""
    code: str | None
    """The category of a request."""


def _visits(
    shape: str, *, firsts: bool = True, answered: bool = False, settled: bool = False
) -> tuple[str, Mapping[str, Any]]:
    told = {"shape": shape, "firsts": firsts, "answered": answered, "settled": settled}
    return "visits_behind", told


_WAYS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "hour": _visits("HH24"),
    "day": _visits("YYYY-MM-DD"),
    "week": _visits('IYYY-"W"IW'),
    "month": _visits("YYYY-MM"),
    "queue": _visits("queue", firsts=False),
    "agent": _visits("agent", firsts=False, answered=True),
    "menu-path": ("menu_calls_behind", {}),
    "category": ("requests_behind", {"shape": "category"}),
    "region": ("requests_behind", {"shape": "unit"}),
    "indicators-day": _visits("YYYY-MM-DD", settled=True),
    "indicators-week": _visits('IYYY-"W"IW', settled=True),
    "indicators-month": _visits("YYYY-MM", settled=True),
}
"""Of each report the query that finds its calls, and what that query is told."""


async def calls_behind(session: Session, name: str, filters: Filters, key: str) -> list[CallBehind]:
    """Return the calls behind a row, newest first; whoever asks must have the right to see calls.

    Args:
        session: where to ask.
        name: the report.
        filters: those that the report was run with.
        key: the row's first cell.

    Raises:
        DefinitionInvalid: naming the reports there are.
    """
    if name not in _WAYS:
        raise DefinitionInvalid(f"No report {name!r}; expected one of {', '.join(_WAYS)}.")
    query, told = _WAYS[name]
    if REPORTS[name].step is not None:
        key, filters = _of_a_queue(key, filters)
    found = getattr(queries, query)(
        session,
        **filters.bounds,
        queue=filters.queue,
        agent=filters.agent,
        unit=filters.unit,
        key=key,
        **told,
    )
    return [CallBehind(**row) async for row in found]


def _of_a_queue(key: str, filters: Filters) -> tuple[str, Filters]:
    """Read the row of an indicator, whose key is a span and a queue, or all queues."""
    span, _, queue = key.partition(" ")
    if queue == ALL_QUEUES:
        return span, filters
    if filters.queue and filters.queue != queue:
        return "", filters
    return span, replace(filters, queue=queue)
