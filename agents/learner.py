"""Learning beside the desk: a new model for the suggestions, by night or every fifty labels.

A run is a process of its own, at the lowest priority, so that no agent waits for it. Whoever made
or brought back a model, suggestions come from the one in use within a minute.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from ivr.categories.labels import is_due
from ivr.categories.versions import current
from ivr.config import Settings
from ivr.database import OUTSIDE_FAILURES, Pool

LOOK_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = 3_600.0
REST_SECONDS: Final = 3_600.0
"""After a run that came to nothing: the next would most likely fail as it did."""
_TAIL_BYTES: Final = 2_000

_log = structlog.get_logger()

COMMAND: Final = (
    *("setpriv", "--pdeathsig", "KILL", "--", "nice", "-n", "19"),
    *(sys.executable, "-m", "ivr", "classifier", "learn", "--model"),
)


async def keep_learning(
    pool: Pool, settings: Settings, renew: Callable[[], Awaitable[None]]
) -> None:
    """Look every minute whether to learn, and whether another model came into use.

    Args:
        pool: where the labels are.
        settings: the whole tree, for the folder of the models.
        renew: called once for each other model that came into use.
    """
    folder = settings.web.model
    used = await asyncio.to_thread(current, folder)
    rests_until = time.monotonic()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            rested = time.monotonic() >= rests_until
            due = rested and await is_due(pool, settings.database, datetime.now(UTC))
            if due:
                # A run that is cut off for its length raises: it rests all the same.
                rests_until = time.monotonic() + REST_SECONDS
                if await _learn(str(folder)) == 0:
                    rests_until = time.monotonic()
            now_used = await asyncio.to_thread(current, folder)
        except OUTSIDE_FAILURES as failure:
            _log.warning("learning.deferred", reason=type(failure).__name__)
            continue
        if now_used != used:
            used = now_used
            await renew()


async def _learn(folder: str) -> int | None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    _log.info("learning.started", process=process.pid)
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()
    tail = said[-_TAIL_BYTES:].decode("utf-8", "replace").strip().splitlines()
    _log.info("learning.ended", code=process.returncode, said=tail[-1] if tail else "")
    return process.returncode
