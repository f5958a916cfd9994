"""The ledger process: journal → lines in PostgreSQL → records, and recordings to their calls.

Needs Asterisk's files and PostgreSQL, nothing else. No failure of either ends it: each part waits
with growing, jittered pauses and goes on where the database says it stopped.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import stamina
import structlog

from ivr.config import Settings
from ivr.database import OUTSIDE_FAILURES, Pool, make_pool, queries, transaction
from ivr.folding import Folding
from ivr.intake import CursorMoved, Intake
from ivr.lines import note_starts
from ivr.recordings import keeping
from ivr.recordings.sweeper import Sweeper
from ivr.supervision import Supervisor
from ivr.transcripts import Transcriber

log = structlog.get_logger()

_AHEAD_MONTHS: Final = 2
_SWEEP_SECONDS: Final = 0.5
_UPKEEP_SECONDS: Final = 30.0
_LONGEST_PAUSE: Final = 5.0
"""Between tries while something outside is down."""
_LOOK_AGAIN_SECONDS: Final = 0.5
_LONGEST_BOOT: Final = 18
"""Digits of the number of a start, as the column holds them."""
_STUCK_SECONDS: Final = 60.0
"""Longer than every deadline of one step and its pause: past it the process hangs."""

_LONGEST_FILE_SECONDS: Final = 900.0
"""A recording of hours is encoded at the lowest priority; until it is kept, nothing comes round."""


class Ledger:
    """The parts of the ledger, and what wakes them."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._intake = Intake(pool, settings)
        self._folding = Folding(pool, settings.database)
        self._sweeper = Sweeper(pool, settings)
        self._keeping = keeping.Keeping(pool, settings)
        self._lines_came = asyncio.Event()
        self._back_by: dict[str, float] = {}

    def healthy(self) -> bool:
        """Whether every part comes round in time, be it to find that PostgreSQL is away."""
        return time.monotonic() < min(self._back_by.values(), default=math.inf)

    async def run(self) -> None:
        """Run every part until cancelled."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._keep(self.take_in), name="intake")
            parts.create_task(self._keep(self.fold), name="folding")
            parts.create_task(self._keep(self.sweep, _LONGEST_FILE_SECONDS), name="recordings")
            parts.create_task(self._keep(self.upkeep), name="upkeep")
            parts.create_task(self._keep(self.tend, keeping.STUCK_SECONDS), name="archive")
            parts.create_task(self._keep(self.miss, keeping.STUCK_SECONDS), name="missing")

    async def _keep(
        self, step: Callable[[], Awaitable[float]], longest: float = _STUCK_SECONDS
    ) -> None:
        """Take a step again and again, pausing as long as it says, through every failure."""
        pause = 0.0
        while True:
            async for attempt in stamina.retry_context(
                on=(*OUTSIDE_FAILURES, CursorMoved),
                attempts=None,
                timeout=None,
                wait_initial=0.1,
                wait_max=_LONGEST_PAUSE,
                wait_jitter=0.5,
            ):
                self._back_by[step.__name__] = time.monotonic() + longest
                with attempt:
                    pause = await step()
            self._back_by[step.__name__] = time.monotonic() + longest + pause
            await asyncio.sleep(pause)

    async def take_in(self) -> float:
        """Take in what the journal has; without pause while there is more."""
        taken = await self._intake.step()
        if taken:
            self._lines_came.set()
        return 0.0 if taken else self._settings.spool.poll_seconds

    async def fold(self) -> float:
        """Fold what is due, then wait for lines, or for calls whose patience is over."""
        self._lines_came.clear()
        if not await self._folding.step():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                    await self._lines_came.wait()
        return 0.0

    async def sweep(self) -> float:
        """Bring finished recordings to their calls."""
        return 0.0 if await self._sweeper.step() else _SWEEP_SECONDS

    async def tend(self) -> float:
        """Move recordings on, delete those whose time is over, and watch the disk."""
        return await self._keeping.step()

    async def miss(self) -> float:
        """Look for sound that never came; to read what a failover has lost may take long."""
        await self._sweeper.look_for_missing()
        return _UPKEEP_SECONDS

    async def upkeep(self) -> float:
        """See to what no line asks for: partitions, lost calls, a large journal."""
        boot = await asyncio.to_thread(_present_boot, self._settings.spool.boots)
        async with transaction(self._pool, self._settings.database) as connection:
            await queries.make_partitions_ahead(connection, months=_AHEAD_MONTHS)
            if boot is not None:
                await note_starts(connection, [(self._settings.node.name, boot)])
            await queries.mark_lost_calls_due(connection)
        await self._intake.tidy(datetime.now(UTC))
        return _UPKEEP_SECONDS


def _present_boot(counter: Path | None) -> int | None:
    """Read the number of Asterisk's present start; None where nobody keeps it."""
    try:
        said = counter.read_text(encoding="ascii").strip() if counter else ""
    except (OSError, UnicodeDecodeError) as error:
        log.warning("boots.unreadable", why=type(error).__name__)
        return None
    return int(said) if said.isdecimal() and len(said) <= _LONGEST_BOOT else None


async def run(settings: Settings, supervisor: Supervisor) -> None:
    """Keep the ledger until cancelled.

    Args:
        settings: the whole tree; the node, the spool, the recordings and the database are used.
        supervisor: told that we are ready, alive, and going down.
    """
    pool = make_pool(settings.database, purpose="ledger")
    try:
        await pool
        ledger = Ledger(pool, settings)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ledger.run(), name="ledger")
            if settings.transcripts.recogniser:
                tasks.create_task(Transcriber(pool, settings).run(), name="transcripts")
            tasks.create_task(supervisor.keep_watched(ledger.healthy), name="watchdog")
            supervisor.ready()
            log.info("ledger.ready", spool=str(settings.spool.directory))
    finally:
        supervisor.stopping()
        # close() would wait for a frozen server; nothing uncommitted is worth that.
        pool.terminate()
