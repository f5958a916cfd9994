"""Counts of requests in PostgreSQL: merged, proved, rebuilt, and read as a bulletin needs them.

The counts follow the requests inside the request's own transaction (a trigger appends the
change); here the waiting changes are merged, the counts compared with what they count, and the
margins of a range of months read. Reading never waits for merging: changes that still wait are
added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import structlog

from agents.database import queries
from agents.reports.tally import Period, Tally
from ivr.database import Pool, Session

Progress: TypeAlias = Callable[[date, int, int], None]
"""Told of a month that is done, the how-manieth it was, and of how many."""

log = structlog.get_logger()


def _tell_nobody(_month: date, _position: int, _months: int) -> None:
    """Go on in silence."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A cell of the counts that is not what it should be."""

    what: str
    """Which counts: month, day, unit, code, unit year or code year."""
    at: date
    scheme: str
    unit: str
    code: str
    surplus: int
    """How many too many; negative when some are missing."""


async def merge(session: Session | Pool) -> int:
    """Fold the waiting changes into the counts; returns how many there were."""
    merged: int = await queries.merge_counts(session)
    if merged:
        log.info("counts.merged", changes=merged)
    return merged


async def disagreements(session: Session, told: Progress = _tell_nobody) -> list[Disagreement]:
    """Compare every count with the requests, imports and submissions it counts.

    Month by month, so that ten million requests neither fill the memory nor outlast a deadline.
    Each month is one statement and so one snapshot: what others write meanwhile makes no
    difference.

    Args:
        session: a connection.
        told: is called after each month.
    """
    months = await _counted_months(session)
    found = []
    for position, month in enumerate(months, start=1):
        found += [_wrong(row) async for row in queries.disagreements(session, month=month)]
        told(month, position, len(months))
    return found + [_wrong(row) async for row in queries.year_disagreements(session)]


async def _counted_months(session: Session) -> list[date]:
    return [row["month"] async for row in queries.counted_months(session)]


def _wrong(row: Mapping[str, Any]) -> Disagreement:
    return Disagreement(
        row["what"], row["at"], row["scheme"], row["unit"], row["code"], row["surplus"]
    )


async def recount(pool: Pool, *, prove: bool = True, told: Progress = _tell_nobody) -> int:
    """Rebuild all counts from what they count, while others go on writing.

    The rebuilding sees one snapshot: what is committed after it brings its own changes, which
    the snapshot does not know and therefore keeps. Merging waits.

    Args:
        pool: one connection of it is used.
        prove: whether to compare the old counts first.
        told: is called after each month that was compared, and after each that was rebuilt.

    Returns:
        How many cells were wrong before; 0 when that was not asked.
    """
    async with pool.acquire() as connection:
        await queries.lock_counts(connection)
        try:
            # The lock must be held before the snapshot is taken, not inside it.
            async with connection.transaction(isolation="repeatable_read"):
                wrong = await disagreements(connection, told) if prove else []
                await _rebuild(connection, told)
        finally:
            await queries.unlock_counts(connection)
    log.info("counts.rebuilt", wrong=len(wrong))
    return len(wrong)


async def _rebuild(session: Session, told: Progress) -> None:
    months = await _counted_months(session)
    await queries.forget_counts(session)
    for position, month in enumerate(months, start=1):
        await queries.count_days_again(session, month=month)
        await queries.count_months_again(session, month=month)
        told(month, position, len(months))
    await queries.count_units_again(session)
    await queries.count_codes_again(session)
    await queries.count_unit_years_again(session)
    await queries.count_code_years_again(session)


async def load_tally(
    session: Session, edition: str, period: Period, watched: Iterable[str] = ()
) -> Tally:
    """Read the margins of a range of months.

    Args:
        session: a connection; the margins agree when it is inside a repeatable-read transaction.
        edition: id of the taxonomy the requests were filed under.
        period: all months that a bulletin needs, those it compares with included.
        watched: categories that are also wanted by unit.

    Raises:
        FiguresDisagree: the margins differ, so the counts must be rebuilt.
    """
    bounds: dict[str, Any] = {"scheme": edition, "first": period.first, "last": period.last}
    units = {
        (r["month"], r["unit"], r["service"]): r["n"]
        async for r in queries.month_units(session, **bounds)
    }
    codes = {
        (r["month"], r["code"], r["settlement"]): r["n"]
        async for r in queries.month_codes(session, **bounds)
    }
    pairs = {
        (r["month"], r["unit"], code): r["n"]
        for code in watched
        async for r in queries.month_pairs(session, code=code, **bounds)
    }
    return Tally(units, codes, pairs)


async def load_year(session: Session, edition: str, year: int) -> Tally:
    """Read the margins of a calendar year as if all of it fell into January: yearly tables.

    Raises:
        FiguresDisagree: the margins differ, so the counts must be rebuilt.
    """
    january = date(year, 1, 1)
    bounds: dict[str, Any] = {"scheme": edition, "year": january}
    units = {
        (january, r["unit"], r["service"]): r["n"]
        async for r in queries.year_units(session, **bounds)
    }
    codes = {
        (january, r["code"], r["settlement"]): r["n"]
        async for r in queries.year_codes(session, **bounds)
    }
    return Tally(units, codes)


async def watermark(session: Session, edition: str, period: Period) -> str:
    """Identify the counts that a bulletin is compiled from; equal counts, equal watermark."""
    found = await queries.watermark(session, scheme=edition, first=period.first, last=period.last)
    return f"{edition} {found['requests']}件次 {found['digest'][:16]}"
