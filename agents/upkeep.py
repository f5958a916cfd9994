"""What is kept for a time only goes when its time is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from agents import quality
from agents.database import queries
from ivr.database import OUTSIDE_FAILURES, Pool

CHANGES_KEPT: Final = timedelta(days=30)
"""How long a change that is sent again is answered as the first time."""
EVERY_SECONDS: Final = 3_600.0

_log = structlog.get_logger()


async def run(pool: Pool) -> None:
    """Tidy now and every hour until cancelled; a database that is away is tidied the next time."""
    while True:
        try:
            await tidy(pool)
        except OUTSIDE_FAILURES as error:
            _log.warning("upkeep.failed", reason=type(error).__name__)
        await asyncio.sleep(EVERY_SECONDS)


async def tidy(pool: Pool) -> None:
    """Forget answers of changes, sessions and sound figures that nobody asks for again."""
    await queries.forget_changes(pool, age=CHANGES_KEPT)
    await queries.forget_sessions(pool)
    await queries.forget_quality(pool, age=quality.KEPT)
