"""Reading the main figures of a span, as the text message says them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from agents.database import queries
from agents.reports.catalogue import Filters
from agents.reports.indicators import queue_call
from agents.reports.kpi import queue_indicators
from agents.reports.sms import MainFigures
from ivr.categories.taxonomy import edition
from ivr.database import Session


async def main_figures(session: Session, filters: Filters) -> MainFigures:
    """Read the main figures of whole days.

    Raises:
        FiguresDisagree: N_req is not N_ans + N_aba + N_flow + N_cb.
    """
    told = {"queue": filters.queue, "agent": filters.agent, "unit": filters.unit}
    found = [row async for row in queries.queue_calls(session, **filters.bounds, **told)]
    counts = await queries.calls_rated(session, **filters.bounds, **told)
    filed = [row async for row in queries.requests_by_service(session, **filters.bounds, **told)]
    # A nation's month is a second of arithmetic, in which others want to be served.
    queues = await asyncio.to_thread(lambda: queue_indicators([queue_call(row) for row in found]))
    return MainFigures(
        calls=counts["calls"],
        answered=queues.populations.answered,
        connected=queues.connected,
        services=_named(filed),
        rated=counts["rated"],
        content=counts["content"],
    )


def _named(filed: list[Any]) -> tuple[tuple[str, int], ...]:
    """Name the service types by their own editions, and add up those of one name."""
    counts: Counter[str] = Counter()
    for row in filed:
        counts[edition(row["scheme"]).node(row["service"]).name] += row["requests"]
    return tuple(counts.items())
