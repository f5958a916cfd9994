"""What the emergency switch was seen to be last, kept in Redis for a bridge that starts blind.

    hotline:<node>:surge     JSON of the `ivr.surge.StandingOrder` in force; `null` for off

It is written with every look at the database, so a Redis that was flushed has it again within
seconds. Nobody decides by it while the database can be asked.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ivr.menu.model import LOCALES
from ivr.surge import StandingOrder

KEPT_SECONDS: Final = 86_400
"""What was true longer ago than a day is not known any more."""

_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""A prompt's key; it becomes part of a file's name."""


def surge_key(node: str) -> str:
    """Return the key of a node's last known order."""
    return f"hotline:{node}:surge"


class SurgeMemory:
    """The last known order of one node; a Redis that is away knows none and keeps none."""

    def __init__(self, redis: Redis, node: str, deadline_seconds: float) -> None:
        self._redis = redis
        self._key = surge_key(node)
        self._deadline = deadline_seconds

    async def keep(self, order: StandingOrder | None) -> None:
        """Remember the order, or that there is none."""
        try:
            async with asyncio.timeout(self._deadline):
                await self._redis.set(self._key, msgspec.json.encode(order), ex=KEPT_SECONDS)
        except (OSError, RedisError):
            return

    async def recall(self) -> StandingOrder | None:
        """Give the order that was in force when it was last seen; None for off and unknown."""
        try:
            async with asyncio.timeout(self._deadline):
                kept = await self._redis.get(self._key)
            order = msgspec.json.decode(kept or "null", type=StandingOrder | None)
        except (OSError, RedisError, msgspec.DecodeError):
            return None
        return order if order is not None and _plausible(order) else None


def _plausible(order: StandingOrder) -> bool:
    """Tell whether what Redis says can be an order; its key and its locales name a file."""
    return bool(_KEY.fullmatch(order.announcement)) and set(order.texts) in (set(), set(LOCALES))
