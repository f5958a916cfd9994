"""Issues of the bulletin: compiled from the counts, kept as draft, reviewed, published, frozen.

A published issue is the document as it was; restating a month later changes the counts and the
next compilation, never what was published. Its watermark says which counts it was made from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Final

import structlog

from agents.database import queries
from agents.reports.bulletin import compile_bulletin, history
from agents.reports.document import Bulletin
from agents.reports.editorial import Editorial
from agents.reports.render.archive import from_json, to_json
from agents.reports.scheme import Scheme
from agents.reports.tally import Count, Figures, Period, Standing, Tally, Unit, tally_counts
from agents.statistics.counts import load_tally, merge, watermark
from agents.statistics.intake import reported, unit_months
from agents.statistics.units import members
from ivr.database import Pool, Session
from ivr.errors import HotlineError

log = structlog.get_logger()


class IssueState(StrEnum):
    """Where an issue is on its way."""

    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"


_NEXT: Final[Mapping[IssueState, IssueState]] = {
    IssueState.DRAFT: IssueState.REVIEW,
    IssueState.REVIEW: IssueState.PUBLISHED,
}


class IssueRefused(HotlineError):
    """The issue cannot take this step."""


async def load_figures(session: Session, scheme: Scheme, period: Period) -> Figures:
    """Read everything that a bulletin's numbers are made from, in one transaction's view.

    Raises:
        FiguresDisagree: the counts must be rebuilt first.
    """
    wanted = history(period)
    units = await members(session, scheme.network, wanted)
    found = await reported(session, scheme.network, scheme.taxonomy.id, wanted)
    tally = await load_tally(session, scheme.taxonomy.id, wanted, scheme.watched)
    ids = {unit.id for unit in units}
    if any(unit not in ids for _, unit, _ in tally.units):
        # Other networks are counted here too: read at full depth and keep our own units.
        tally = await _tally_of(session, scheme, wanted, ids)
    return Figures(
        period=period,
        units=tuple(
            u for u in units if any(r.unit == u.id and _within(r.month, period) for r in found)
        ),
        months=unit_months(found),
        tally=tally,
        ranked=await _ranked(session, scheme, period),
    )


def _within(month: date, period: Period) -> bool:
    return period.first <= month <= period.last


async def _tally_of(session: Session, scheme: Scheme, period: Period, units: set[str]) -> Tally:
    cells = queries.month_cells(
        session, scheme=scheme.taxonomy.id, first=period.first, last=period.last
    )
    counts = [
        Count(r["month"], r["unit"], r["code"][0], r["code"], r["settlement"], r["n"])
        async for r in cells
        if r["unit"] in units
    ]
    return tally_counts(counts, scheme.watched)


async def _ranked(
    session: Session, scheme: Scheme, period: Period
) -> dict[date, tuple[tuple[Unit, int], ...]]:
    if scheme.ranked_network is None:
        return {}
    totals: defaultdict[date, list[tuple[Unit, int]]] = defaultdict(list)
    async for r in queries.ranked_totals(
        session, network=scheme.ranked_network, first=period.first, last=period.last
    ):
        unit = Unit(r["unit_id"], r["name"], r["brief_name"], r["heading_name"], r["position"])
        totals[r["month"]].append((unit, r["total"]))
    return {month: tuple(pairs) for month, pairs in totals.items()}


async def compile_issue(
    pool: Pool, scheme: Scheme, period: Period, editorial: Editorial, *, outbound: bool = False
) -> Bulletin:
    """Compile the bulletin of some months from today's counts, marked as a draft."""
    async with pool.acquire() as connection:
        await merge(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            figures = await load_figures(connection, scheme, period)
            mark = await watermark(connection, scheme.taxonomy.id, history(period))
    waiting = figures.standing_units(Standing.MISSING)
    log.info(
        "bulletin.compiled",
        scheme=scheme.id,
        months=period.label,
        units=len(figures.units),
        missing=len(waiting),
    )
    return compile_bulletin(figures, scheme, editorial, outbound=outbound, watermark=f"草稿 {mark}")


async def keep_draft(session: Session, bulletin: Bulletin, *, issue: int, by: str) -> int:
    """Keep a compiled issue as the draft of its months; returns its number in the books."""
    key = {
        "scheme": bulletin.scheme,
        "first": bulletin.first_month,
        "last": bulletin.last_month,
    }
    content = {
        "issue": issue,
        "document": to_json(bulletin),
        "watermark": bulletin.watermark,
        "changed_by": by,
    }
    found = await queries.issue_in_work(session, **key)
    if found is None:
        made = await queries.store_issue(session, **key, **content)
        return int(made["bulletin_id"])
    await queries.replace_issue(session, bulletin_id=found["bulletin_id"], **content)
    return int(found["bulletin_id"])


async def move_on(session: Session, bulletin_id: int, to: IssueState, *, by: str) -> Bulletin:
    """Send a draft to review, or publish a reviewed issue; call it in a transaction.

    Whoever publishes is not the one who sent it to review.

    Raises:
        IssueRefused: the step is not the next one, or the same person would take both.
    """
    found = await queries.issue(session, bulletin_id=bulletin_id)
    if found is None:
        raise IssueRefused(f"No issue {bulletin_id}.")
    state = IssueState(found["state"])
    if _NEXT.get(state) is not to:
        raise IssueRefused(f"Issue {bulletin_id} is in state {state}; it cannot become {to}.")
    bulletin = from_json(found["document"])
    if to is IssueState.PUBLISHED:
        if found["changed_by"] == by:
            raise IssueRefused(f"{by} sent issue {bulletin_id} to review; another must publish it.")
        bulletin = replace(bulletin, watermark=bulletin.watermark.removeprefix("草稿 "))
        await queries.replace_issue_document(
            session,
            bulletin_id=bulletin_id,
            document=to_json(bulletin),
            watermark=bulletin.watermark,
        )
    await queries.set_issue_state(session, bulletin_id=bulletin_id, state=to.value, changed_by=by)
    log.info("bulletin.moved", bulletin_id=bulletin_id, state=to.value, by=by)
    return bulletin


async def kept_issue(session: Session, bulletin_id: int) -> Bulletin:
    """Return an issue as it was kept, whatever the counts say today.

    Raises:
        IssueRefused: there is no such issue.
    """
    found = await queries.issue(session, bulletin_id=bulletin_id)
    if found is None:
        raise IssueRefused(f"No issue {bulletin_id}.")
    return from_json(found["document"])
