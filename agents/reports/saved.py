"""Saved reports: a report as it stood on a screen, under a name, its span told relatively."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from typing import Final

import asyncpg

from agents.database import queries
from agents.reports.catalogue import Filters
from agents.reports.periods import Relative, days_of
from agents.reports.schedules import SHANGHAI, Every, Rhythm, next_due
from ivr.database import Session
from ivr.errors import HotlineError

MOST: Final = 100
"""Reports that one person keeps."""


class NameTaken(HotlineError):
    """The person has another saved report of that name."""


class TooMany(HotlineError):
    """The person keeps as many as one may."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be shown, and what he calls it."""

    name: str
    report: str
    """A name of the catalogue."""
    period: Relative
    queue: str = ""
    agent: str = ""
    unit: str = ""
    shared: bool = False

    def filters(self, day: date) -> Filters:
        """Return what the report covers when it is run on a day."""
        first, last = days_of(self.period, day)
        return Filters(first, last, queue=self.queue, agent=self.agent, unit=self.unit)


@dataclass(frozen=True, slots=True)
class Saved:
    """A report that somebody keeps."""

    saved_id: int
    owner: str
    owner_name: str
    wish: Wish


def today(now: datetime) -> date:
    """Return the day by China's clock."""
    return now.astimezone(SHANGHAI).date()


async def all_for(session: Session, person: str) -> list[Saved]:
    """List one's own reports, then those that others share."""
    return [_read(row) async for row in queries.saved_reports(session, person=person)]


async def one_for(session: Session, saved_id: int, person: str) -> Saved | None:
    """Return a report that somebody may open; None for any other."""
    row = await queries.saved_report(session, saved_id=saved_id, person=person)
    return None if row is None else _read(row)


async def save(session: Session, owner: str, wish: Wish) -> int:
    """Keep a report; returns its number.

    Raises:
        NameTaken: by another one of the same person.
        TooMany: they are `MOST` already.
    """
    if await queries.count_saved_reports(session, owner=owner) >= MOST:
        raise TooMany(f"expected fewer than {MOST}.")
    made = await queries.save_report(session, owner=owner, **asdict(wish))
    if made is None:
        raise NameTaken(f"expected another name than {wish.name!r}.")
    return int(made)


async def change(session: Session, saved_id: int, owner: str, wish: Wish) -> bool:
    """Replace one's own report, name and all; False when there is none of that number.

    Raises:
        NameTaken: by another one of the same person.
    """
    try:
        async with session.transaction():
            found = await queries.change_saved_report(
                session, saved_id=saved_id, owner=owner, **asdict(wish)
            )
    except asyncpg.UniqueViolationError:
        raise NameTaken(f"expected another name than {wish.name!r}.") from None
    return found is not None


async def delete(session: Session, saved_id: int, owner: str) -> bool:
    """Put one's own report away, with what is mailed of it; False when there is none."""
    return await queries.delete_saved_report(session, saved_id=saved_id, owner=owner) is not None


async def restore(session: Session, saved_id: int, owner: str, now: datetime) -> bool:
    """Bring one's own report back; nothing is mailed for the time that it was away.

    Raises:
        NameTaken: by a report that was saved meanwhile.
    """
    try:
        async with session.transaction():
            if await queries.restore_saved_report(session, saved_id=saved_id, owner=owner) is None:
                return False
    except asyncpg.UniqueViolationError:
        raise NameTaken("expected the name to be free.") from None
    for row in [one async for one in queries.schedules_of_report(session, saved_id=saved_id)]:
        due = next_due(rhythm_of(row["every"], row["on_day"], row["at"]), now)
        await queries.set_next_due(session, schedule_id=row["schedule_id"], next_due=due)
    return True


def rhythm_of(every: str, on_day: int, at: time) -> Rhythm:
    """Read a rhythm as it is kept."""
    return Rhythm(Every(every), on_day, at)


def _read(row: asyncpg.Record) -> Saved:
    wish = Wish(
        name=row["name"],
        report=row["report"],
        period=Relative(row["period"]),
        queue=row["queue"],
        agent=row["agent"],
        unit=row["unit"],
        shared=row["shared"],
    )
    return Saved(row["saved_id"], row["owner"], row["owner_name"], wish)
