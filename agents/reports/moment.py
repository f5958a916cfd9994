"""All figures of a report are of one moment, and no report is computed for longer than is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ivr.database import Session
from ivr.errors import HotlineError

LONGEST_SECONDS: Final = 900.0
"""For all steps of a report, whoever asks for it; each has the time of any other statement."""


class TooLong(HotlineError):
    """A report takes longer than any may."""


@asynccontextmanager
async def one_moment(session: Session) -> AsyncIterator[Session]:
    """Let all that is read in the block be of one moment.

    What is filed, corrected or folded meanwhile would otherwise be in one figure and not in
    another, or be counted twice. The session must not be in a transaction.
    """
    async with session.transaction(isolation="repeatable_read", readonly=True):
        yield session


@asynccontextmanager
async def one_report(session: Session) -> AsyncIterator[Session]:
    """Let all that is read in the block be of one moment, and the block end within the limit.

    Raises:
        TooLong: it did not; what runs is cancelled in PostgreSQL too.
    """
    limit = asyncio.timeout(LONGEST_SECONDS)
    try:
        async with limit, one_moment(session):
            yield session
    except TimeoutError:
        if limit.expired():
            raise TooLong from None
        raise
