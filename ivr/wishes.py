"""What an agent's desk wishes of the bridge: a short list in Redis, taken out one after the other.

Nothing is granted twice: a wish is taken out before it is granted. Nothing is granted late: each
wish says until when it is wanted, and the list itself goes when nobody looks at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ivr.config import RedisSettings
from ivr.live import connect

WANTED_SECONDS: Final = 5.0
MOST: Final = 100
"""Wishes in a list at once; the oldest go."""

_BLOCK_SECONDS: Final = 0.5
_REST_SECONDS: Final = 1.0


async def put(redis: Redis, key: str, wish: str) -> None:
    """Write a wish down for whoever looks at the list of that key."""
    async with redis.pipeline() as pipe:
        pipe.rpush(key, wish)
        pipe.ltrim(key, -MOST, -1)
        pipe.expire(key, int(WANTED_SECONDS) + 1)
        await pipe.execute()


async def take(
    settings: RedisSettings, key: str, grant: Callable[[Redis, str], Awaitable[None]]
) -> None:
    """Grant what is in the list until cancelled; without Redis there are no wishes."""
    own = asyncio.current_task()
    async with connect(settings) as redis:
        # redis-py 8.1 can lose the cancellation of a question: seen while it connects.
        while own is None or not own.cancelling():
            try:
                found = await redis.blpop([key], timeout=_BLOCK_SECONDS)
                if found is not None:
                    await grant(redis, str(found[1]))
            except (OSError, RedisError):
                await asyncio.sleep(_REST_SECONDS)
