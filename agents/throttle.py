"""Limits on how often something may be done: counters in Redis that forget by themselves.

    hotline:limit:<what>:<hash of whom>:<minute>

Whom is hashed: an address or a made-up account name is nobody's business in Redis.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

WINDOW_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Limit:
    """So many a minute."""

    what: str
    most: int


LOGIN_BY_ACCOUNT: Final = Limit("login-account", 5)
LOGIN_BY_ADDRESS: Final = Limit("login-address", 5)
"""Failures alone: a whole shift signs in from one address within a minute."""
LINK_BY_ADDRESS: Final = Limit("link-address", 5)
PASSWORD: Final = Limit("password", 5)
SEARCH: Final = Limit("search", 300)
"""Five a second: somebody who types."""
EXPORT: Final = Limit("export", 10)
REVEAL: Final = Limit("reveal", 20)
HELP: Final = Limit("help", 6)
NOTIFY: Final = Limit("notify", 10)


class Throttle:
    """Counts; raises what Redis raises, and the caller then refuses."""

    def __init__(self, redis: Redis, now: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._now = now

    async def take(self, limit: Limit, whom: str) -> int:
        """Count one more; returns 0, or after how many seconds there is room again."""
        key = self._key(limit, whom)
        async with self._redis.pipeline() as pipe:
            pipe.incr(key)
            pipe.expire(key, WINDOW_SECONDS)
            count, _ = await pipe.execute()
        return self._left() if count > limit.most else 0

    async def full(self, limit: Limit, whom: str) -> int:
        """Look without counting; returns as `take` does."""
        count = await self._redis.get(self._key(limit, whom))
        return self._left() if int(count or 0) >= limit.most else 0

    def _left(self) -> int:
        return WINDOW_SECONDS - int(self._now()) % WINDOW_SECONDS

    def _key(self, limit: Limit, whom: str) -> str:
        hashed = hashlib.sha256(whom.encode("utf-8", "replace")).hexdigest()[:32]
        return f"hotline:limit:{limit.what}:{hashed}:{int(self._now()) // WINDOW_SECONDS}"
