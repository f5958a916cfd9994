"""The reader of both streams: bounded, and through a Redis that goes away."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from redis.asyncio import Redis

from agents.auth import Identity
from agents.events import NOTICE, Cursor, Event
from agents.feed import (
    DESK_STREAM,
    HERE,
    HERE_SECONDS,
    QUEUED,
    REMEMBERED_SECONDS,
    REPLAYED,
    Feed,
    Listener,
)
from agents.roles import Role
from tests.agents.conftest import Clock
from tests.ivr.test_live import Valkey

ANNA = Identity("a1001", Role.AGENT, "安娜")
SECONDS = 20.0


def test_a_listener_that_is_too_slow_is_marked_and_holds_no_more() -> None:
    listener = Listener(ANNA)
    for _ in range(QUEUED):
        listener.put("x")
    assert not listener.overrun
    listener.put("x")
    assert listener.overrun


async def test_whoever_missed_too_much_reads_everything_anew(redis: Redis) -> None:
    feed = Feed(redis, "n1")
    await feed.tell(Event(NOTICE, {"n": -1}, to="a1001"))
    entries: Any = await redis.xrange("hotline:desk:events")
    [(first, _)] = entries
    for number in range(REPLAYED + 1):
        await feed.tell(Event(NOTICE, {"n": number}, to="a1001"))
    entries = await redis.xrevrange("hotline:desk:events", count=1)
    [(last, _)] = entries
    missed = await feed.missed(Cursor("0-0", str(first)), Cursor("0-0", str(last)), ANNA)
    assert [("renewed" in message) for message in missed] == [True]


async def test_listeners_hear_again_after_redis_was_killed(
    redis: Redis, valkey_server: Valkey
) -> None:
    feed = Feed(redis, "n1")
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feed.run())
        with feed.listening(ANNA) as (listener, _):
            valkey_server.signal(signal.SIGKILL)
            await asyncio.sleep(0.5)
            valkey_server.start()
            assert "renewed" in str(await listener.next())
            await feed.tell(Event(NOTICE, {"n": 1}, to="a1001"))
            assert '"n":1' in str(await listener.next())
        assert feed.listeners == 0
        running.cancel()


async def test_an_entry_that_is_none_of_ours_is_passed_over(redis: Redis) -> None:
    feed = Feed(redis, "n1")
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feed.run())
        with feed.listening(ANNA) as (listener, _):
            await asyncio.sleep(0.1)
            await redis.xadd("hotline:desk:events", {"type": "notice", "data": "{", "to": "a1001"})
            await redis.xadd("hotline:desk:events", {"something": "else"})
            await feed.tell(Event(NOTICE, {"n": 1}, to="a1001"))
            assert '"n":1' in str(await listener.next())
        running.cancel()


async def test_what_two_processes_notice_is_told_once(redis: Redis) -> None:
    event = Event(NOTICE, {"text": "x"}, to="a1001")
    told = [await Feed(redis, "n1").tell_once(event, name) for name in ("x:1", "x:1", "x:2")]
    assert told == [True, False, True]
    assert await redis.xlen(DESK_STREAM) == 2
    assert 0 < await redis.ttl("hotline:told:x:1") <= REMEMBERED_SECONDS


async def asked(redis: Redis) -> int:
    """Count the pipelines that the server was sent."""
    found: Any = await redis.info("commandstats")
    return int(found.get("cmdstat_exec", {"calls": 0})["calls"])


async def test_several_are_told_in_one_question(redis: Redis) -> None:
    before = await asked(redis)
    await Feed(redis, "n1").tell_all([Event(NOTICE, {}, to=f"a{n}") for n in range(5)])
    assert await asked(redis) == before + 1
    assert await redis.xlen(DESK_STREAM) == 5


async def test_a_desk_counts_as_open_wherever_it_hangs_and_no_longer_when_its_process_is_gone(
    redis: Redis,
) -> None:
    clock = Clock()
    mine, other = Feed(redis, "n1", clock), Feed(redis, "n1", clock)
    lines = [Event(NOTICE, {}, to="a1001"), Event(NOTICE, {}, to="a1002")]
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(mine.run())
        with mine.listening(ANNA):
            while not await redis.exists(HERE):  # noqa: ASYNC110 - the feed writes it
                await asyncio.sleep(0.02)
        running.cancel()
    assert await other.hearers(lines) == ["a1001"]
    assert await other.hearers(lines[1:]) == []
    clock.time += HERE_SECONDS + 1
    assert await other.hearers(lines) == []
