"""Counters that forget by themselves and keep nobody's name."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from agents.throttle import WINDOW_SECONDS, Limit, Throttle
from tests.agents.conftest import Clock

FIVE = Limit("test", 5)


async def test_so_many_a_minute_and_no_more_however_many_at_once(redis: Redis) -> None:
    throttle = Throttle(redis, Clock())
    came = await asyncio.gather(*(throttle.take(FIVE, "anna") for _ in range(8)))
    assert sorted(came)[:5] == [0] * 5
    assert all(0 < wait <= WINDOW_SECONDS for wait in sorted(came)[5:])
    assert await throttle.take(FIVE, "bert") == 0
    assert await throttle.take(Limit("other", 5), "anna") == 0


async def test_looking_does_not_count(redis: Redis) -> None:
    throttle = Throttle(redis, Clock())
    for _ in range(10):
        assert await throttle.full(FIVE, "anna") == 0
    for _ in range(5):
        await throttle.take(FIVE, "anna")
    assert await throttle.full(FIVE, "anna") > 0


async def test_the_next_minute_is_a_new_one(redis: Redis) -> None:
    clock = Clock()
    throttle = Throttle(redis, clock)
    for _ in range(5):
        await throttle.take(FIVE, "anna")
    clock.time += await throttle.take(FIVE, "anna")
    assert await throttle.take(FIVE, "anna") == 0


async def test_redis_holds_no_name_and_nothing_without_an_end(redis: Redis) -> None:
    await Throttle(redis, Clock()).take(FIVE, "13812341234")
    [key] = await redis.keys("*")
    assert "1381234" not in str(key)
    assert 0 < await redis.ttl(key) <= WINDOW_SECONDS
