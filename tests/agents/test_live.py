"""The watch over the live picture: newest wins, a lost Redis shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from structlog.testing import capture_logs

from agents.desk import UNSEEN
from agents.live import Watch
from ivr.live import state_key
from tests.agents.conftest import show
from tests.ivr.asterisk.fake_agi import until

SECONDS = 10.0


@asynccontextmanager
async def watching(redis: Redis) -> AsyncIterator[Watch]:
    async with asyncio.TaskGroup() as tasks:
        watch = Watch(redis, "n1")
        task = tasks.create_task(watch.run())
        yield watch
        task.cancel()


async def test_what_the_bridge_writes_is_seen(redis: Redis) -> None:
    async with watching(redis) as watch:
        assert watch.picture is UNSEEN
        await show(redis)
        seen = await watch.newer(UNSEEN, SECONDS)
        assert seen["version"] == 7


async def test_all_watchers_are_told_of_the_newest(redis: Redis) -> None:
    async with watching(redis) as watch:
        waiting = [asyncio.ensure_future(watch.newer(UNSEEN, SECONDS)) for _ in range(50)]
        await asyncio.sleep(0)
        await show(redis, version=9)
        assert {one["version"] for one in await asyncio.gather(*waiting)} == {9}


async def test_waiting_for_news_has_an_end(redis: Redis) -> None:
    async with watching(redis) as watch:
        assert await watch.newer(watch.picture, 0.05) is UNSEEN


async def test_a_bridge_that_is_gone_is_no_longer_shown(redis: Redis) -> None:
    async with watching(redis) as watch:
        await show(redis)
        seen = await watch.newer(UNSEEN, SECONDS)
        await redis.delete(state_key("n1"))
        assert await watch.newer(seen, SECONDS) is UNSEEN


async def test_what_cannot_be_read_is_no_picture_and_is_logged_once(redis: Redis) -> None:
    async with watching(redis) as watch:
        with capture_logs() as logged:
            for broken in ("[", '"x"', "{}", '{"agents": {"a": {}}}', "[]"):
                await show(redis, version=len(broken))
                seen = await watch.newer(UNSEEN, SECONDS)
                await redis.set(state_key("n1"), broken)
                assert await watch.newer(seen, SECONDS) is UNSEEN
            await show(redis)
            assert (await watch.newer(UNSEEN, SECONDS))["version"] == 7
    assert [line["event"] for line in logged] == ["desk.blind", "desk.sees"] * 5


async def test_a_key_that_somebody_else_took_is_no_picture(redis: Redis) -> None:
    await redis.lpush(state_key("n1"), "not a string")
    with capture_logs() as logged:
        async with watching(redis) as watch:
            await until(lambda: logged)
            assert watch.picture is UNSEEN
            await redis.delete(state_key("n1"))
            await show(redis)
            assert (await watch.newer(UNSEEN, SECONDS))["version"] == 7


async def test_the_calls_in_line_are_known_while_the_picture_is(redis: Redis) -> None:
    async with watching(redis) as watch:
        await show(redis)
        async with asyncio.timeout(30):
            while watch.waiting != {"n1-17-1.42"}:  # noqa: ASYNC110 - looked at, not told
                await asyncio.sleep(0.02)
            await redis.delete(state_key("n1"))
            while watch.waiting:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)
