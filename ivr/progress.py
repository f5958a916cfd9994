"""Progress of a work order by telephone: its state and the next date, never what it is about.

PostgreSQL compares the digits and tells no more than may be spoken; the bridge's role cannot
read the table. A question has an end that a caller hardly notices, and without an answer a person
helps. What was entered is in no log.
"""

from __future__ import annotations

import asyncio
import re
from datetime import date
from typing import Final

import structlog

from ivr.database import OUTSIDE_FAILURES, Pool, queries
from ivr.menu.turn import Found, Heard, NotFound, Say, Unavailable

_log = structlog.get_logger()

DEADLINE_SECONDS: Final = 2.0
"""How long a caller listens to silence; then a person helps."""

_TAIL: Final = re.compile(r"[0-9]{6}")
_LAST_FOUR: Final = re.compile(r"[0-9]{4}")


def told(state: str, next_date: date | None) -> tuple[Say, ...]:
    """Give what a caller may hear of a work order."""
    says = (Say(f"p_wo_{state}"),)
    if next_date is None:
        return says
    return (*says, Say("p_wo_next", (("date", next_date.isoformat()),)))


async def find_progress(
    pool: Pool, entered: tuple[str, ...], *, seconds: float = DEADLINE_SECONDS
) -> Heard:
    """Look up the last six digits of an order's number with the last four of its caller's.

    Args:
        pool: the bridge's.
        entered: both, as typed.
        seconds: how long the answer may take.

    Returns:
        `Found` with what may be spoken; `NotFound`; or `Unavailable` when there is no answer or
        the digits fit more than one order, which a person has to tell apart.
    """
    match entered:
        case (tail, last_four) if _TAIL.fullmatch(tail) and _LAST_FOUR.fullmatch(last_four):
            pass
        case _:
            return NotFound()
    try:
        async with asyncio.timeout(seconds), pool.acquire(timeout=seconds) as connection:
            found = queries.work_order_progress(connection, tail=tail, last_four=last_four)
            rows = [row async for row in found]
    except OUTSIDE_FAILURES as failure:
        _log.warning("progress.unavailable", reason=type(failure).__name__)
        return Unavailable()
    match rows:
        case [row]:
            return Found(told(row["state"], row["next_date"]))
        case []:
            return NotFound()
        case _:
            return Unavailable()
