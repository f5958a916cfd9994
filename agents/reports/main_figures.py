"""Reading the main figures of a span, as the text message says them.

PostgreSQL counts, month after month; here is only added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from agents.database import queries
from agents.reports.catalogue import Filters, Told, silence
from agents.reports.indicators import Step, spans
from agents.reports.kpi import SHORT_MS, Populations
from agents.reports.rounding import Ratio
from agents.reports.sms import MainFigures
from ivr.categories.taxonomy import edition
from ivr.database import Session

_UNKNOWN: Final = Ratio(0, 0)
_POPULATIONS: Final = ("requested", "answered", "abandoned", "short", "flowed", "callbacks")


async def main_figures(session: Session, filters: Filters, told: Told = silence) -> MainFigures:
    """Read the main figures of whole days.

    With a unit named there are 件次 alone: a request belongs to a unit, but whom a call that was
    not filed belongs to no data can say. With an agent named there is no share of answered calls:
    whoever gave up had not come to any agent.

    Args:
        session: where to ask.
        filters: what they cover.
        told: how many months are done, and of how many.

    Raises:
        FiguresDisagree: N_req is not N_ans + N_aba + N_flow + N_cb.
    """
    months = list(spans(filters.first, filters.last, Step.MONTH))
    filed: Counter[tuple[str, str]] = Counter()
    calls: Counter[str] = Counter()
    for done, month in enumerate(months, start=1):
        within = replace(filters, first=month.first, last=month.last)
        filed.update(await _filed(session, within))
        if not filters.unit:
            calls.update(await _calls(session, within))
        await told(done, len(months))
    services = _named(filed)
    if filters.unit:
        return MainFigures(None, 0, _UNKNOWN, services, 0, 0)
    queues = Populations(**{key: calls[key] for key in _POPULATIONS})
    return MainFigures(
        calls=calls["calls"],
        answered=queues.answered,
        connected=_UNKNOWN if filters.agent else Ratio(queues.answered, queues.net),
        services=services,
        rated=calls["rated"],
        content=calls["content"],
    )


async def _calls(session: Session, filters: Filters) -> dict[str, int]:
    told: dict[str, Any] = {**filters.bounds, "queue": filters.queue, "agent": filters.agent}
    left = await queries.first_queues(session, **told, short_ms=SHORT_MS)
    return {**left, **await queries.calls_rated(session, **told)}


async def _filed(session: Session, filters: Filters) -> dict[tuple[str, str], int]:
    found = queries.requests_by_service(
        session, **filters.bounds, queue=filters.queue, agent=filters.agent, unit=filters.unit
    )
    return {(row["scheme"], row["service"]): row["requests"] async for row in found}


def _named(filed: Mapping[tuple[str, str], int]) -> tuple[tuple[str, int], ...]:
    """Name the service types by their own editions, and add up those of one name."""
    counts: Counter[str] = Counter()
    for scheme, service in sorted(filed):
        counts[edition(scheme).node(service).name] += filed[scheme, service]
    return tuple(counts.items())
