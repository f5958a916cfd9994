"""The list between desk and bridge: in order, once, bounded, and there again after Redis is."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ivr import wishes
from ivr.live import connect
from tests.ivr.asterisk.fake_asterisk import until
from tests.ivr.test_live import Valkey, valkey

__all__ = ["valkey"]

KEY = "hotline:n1:wishes"


@asynccontextmanager
async def taking(valkey: Valkey, grant: Callable[[str], None]) -> AsyncIterator[Redis]:
    """Take wishes while the block runs; yields the desk's connection."""

    async def granted(_redis: Redis, wish: str) -> None:
        grant(wish)

    async with connect(valkey.settings) as redis, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(wishes.take(valkey.settings, KEY, granted))
        yield redis
        running.cancel()


async def test_wishes_are_granted_in_order_and_once(valkey: Valkey) -> None:
    granted: list[str] = []
    async with taking(valkey, granted.append) as redis:
        for number in range(20):
            await wishes.put(redis, KEY, str(number))
        await until(lambda: len(granted) >= 20)
        assert await redis.llen(KEY) == 0
    assert granted == [str(number) for number in range(20)]


async def test_the_list_is_bounded_and_ends_by_itself(valkey: Valkey) -> None:
    async with connect(valkey.settings) as redis:
        for number in range(wishes.MOST + 10):
            await wishes.put(redis, KEY, str(number))
        kept = await redis.lrange(KEY, 0, -1)
        assert [int(one) for one in kept] == list(range(10, wishes.MOST + 10))
        assert 0 < await redis.ttl(KEY) <= wishes.WANTED_SECONDS + 1


async def test_a_redis_that_was_away_is_asked_again(valkey: Valkey) -> None:
    granted: list[str] = []
    async with taking(valkey, granted.append) as redis:
        await wishes.put(redis, KEY, "before")
        await until(lambda: granted == ["before"])
        valkey.signal(signal.SIGKILL)
        valkey.start()
        async with asyncio.timeout(30):
            while granted != ["before", "after"]:
                try:
                    if await redis.llen(KEY) == 0 and granted == ["before"]:
                        await wishes.put(redis, KEY, "after")
                except (OSError, RedisError):
                    pass
                await asyncio.sleep(0.05)
