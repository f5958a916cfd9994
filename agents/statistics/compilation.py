"""From the counts in the database to a compiled issue."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

import structlog

from agents.database import queries
from agents.reports.bulletin import compile_bulletin, history
from agents.reports.document import Bulletin
from agents.reports.scheme import Scheme
from agents.reports.tally import Count, Figures, Period, Standing, Tally, Unit, tally_counts
from agents.statistics.counts import load_tally, merge, watermark
from agents.statistics.intake import reported, unit_months
from agents.statistics.issue_drafts import proofread
from agents.statistics.issues import DRAFT_MARK, Draft, IssueRefused
from agents.statistics.units import members
from ivr.database import Session

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that an issue's numbers are made from, as it was at one moment."""

    figures: Figures
    mark: str
    """Identifies the counts."""


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


async def gather(session: Session, scheme: Scheme, period: Period) -> Gathered:
    """Read today's counts of some months.

    Args:
        session: a connection outside of any transaction.
        scheme: of the bulletin.
        period: its months.

    Raises:
        IssueRefused: a month has no counts at all; it names the months and who has not reported.
        FiguresDisagree: the counts must be rebuilt first.
    """
    await merge(session)
    async with session.transaction(isolation="repeatable_read", readonly=True):
        figures = await load_figures(session, scheme, period)
        mark = await watermark(session, scheme.taxonomy.id, history(period))
    if uncounted := [month for month in period.months if not _is_counted(figures, month)]:
        months = [f"{month:%Y-%m}" for month in uncounted]
        units = [unit.name for unit in figures.units]
        raise IssueRefused(
            "nothing_counted",
            f"Expected counts of {', '.join(months)}; not reported: {'、'.join(units) or '-'}.",
            {"months": months, "units": units},
        )
    return Gathered(figures, mark)


def _is_counted(figures: Figures, month: date) -> bool:
    at = Period(month, month)
    return any(figures.standing(unit.id, at) is not Standing.MISSING for unit in figures.units)


def compiled(gathered: Gathered, scheme: Scheme, draft: Draft) -> Bulletin:
    """Compile an issue from what was gathered, marked as a draft.

    Raises:
        IssueRefused: the written part holds what cannot be printed.
        DefinitionInvalid: the written part leaves no place, or two, for the statistics.
    """
    proofread(draft.editorial)
    figures = gathered.figures
    log.info(
        "bulletin.compiled",
        scheme=scheme.id,
        months=figures.period.label,
        units=len(figures.units),
        missing=len(figures.standing_units(Standing.MISSING)),
    )
    return compile_bulletin(
        figures,
        scheme,
        draft.editorial,
        outbound=draft.outbound,
        watermark=f"{DRAFT_MARK}{gathered.mark}",
    )
