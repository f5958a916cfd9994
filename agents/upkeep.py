"""What is done over and over: forgetting what is over, folding what has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeAlias

import structlog

from agents import quality
from agents.database import queries
from agents.statistics import counts
from ivr.database import OUTSIDE_FAILURES, Pool

Chore: TypeAlias = Callable[[Pool], Awaitable[None]]

CHANGES_KEPT: Final = timedelta(days=30)
"""How long a change that is sent again is answered as the first time."""
RUNS_KEPT: Final = timedelta(days=365)
"""How long it can be looked up what came of a long run, or of a scheduled report."""
HOUR, MINUTE = 3_600.0, 60.0

_log = structlog.get_logger()


async def run(pool: Pool) -> None:
    """Do every chore now and again until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        for chore, seconds in CHORES:
            tasks.create_task(_repeat(pool, chore, seconds), name=chore.__name__)


async def _repeat(pool: Pool, chore: Chore, seconds: float) -> None:
    """Do a chore again and again; a database that is away has it done the next time."""
    while True:
        try:
            await chore(pool)
        except OUTSIDE_FAILURES as error:
            _log.warning("upkeep.failed", chore=chore.__name__, reason=type(error).__name__)
        await asyncio.sleep(seconds)


async def tidy(pool: Pool) -> None:
    """Forget answers, sessions, sound figures and runs that nobody asks for again."""
    await queries.forget_changes(pool, age=CHANGES_KEPT)
    await queries.forget_sessions(pool)
    await queries.forget_quality(pool, age=quality.KEPT)
    await queries.forget_runs(pool, age=RUNS_KEPT)
    await queries.forget_mailings(pool, age=RUNS_KEPT)


async def merge(pool: Pool) -> None:
    """Fold the requests of the last minute into the counts, so that readers add up few by hand."""
    await counts.merge(pool)


CHORES: Final[tuple[tuple[Chore, float], ...]] = ((tidy, HOUR), (merge, MINUTE))
"""What is done, and how long it then rests."""
