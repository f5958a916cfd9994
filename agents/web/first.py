"""Several things at once, until the first of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def first(*ways: Coroutine[None, None, T]) -> T:
    """Run all until one ends, and let go of the others.

    Returns:
        What that one returned; what it raised is raised as it is, not in a group. How the others
        end is nobody's business any more.
    """
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_outcome(way)) for way in ways]
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for way in running:
            way.cancel()
    outcome = next(one for one in running if one in done).result()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def _outcome(way: Coroutine[None, None, T]) -> T | Exception:
    try:
        return await way
    except Exception as error:  # noqa: BLE001 - raised again where it is waited for
        return error
