"""Whose caller is in line again because his browser did not come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from agents.alarms import Alarms
from agents.events import NOTICE
from agents.feed import DESK_STREAM, Feed
from agents.live import Watch
from agents.roles import Permission
from ivr.database import Pool
from tests.agents.conftest import STATE, new_call, record_call, show

SEAT = STATE["agents"]["a1001"]


@pytest.fixture
async def watch(redis: Redis) -> AsyncIterator[Watch]:
    made = Watch(redis, "n1")
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.run())
        yield made
        running.cancel()


async def spoken(pool: Pool, talk_ms: int = 40_000) -> str:
    """Write down a call in which a1001 spoke."""
    call_id = await record_call(pool, call_id=new_call())
    await pool.execute(
        """
        INSERT INTO leg (opened_at, call_id, position, channel, kind, agent, started_at, ring_ms,
            talk_ms, hold_ms)
        VALUES (call_opened_at($1), $1, 1, 'x', 'agent', 'a1001', now(), 0, $2, 0)
        """,
        call_id,
        talk_ms,
    )
    return call_id


async def waits(redis: Redis, watch: Watch, call_id: str, activity: str = "offline") -> None:
    """Let the call stand in a line, and its agent's telephone be like this."""
    waiting = [{"call": call_id, "channel": call_id, "since_ms": 1}]
    queue = {"waiting": waiting, "longest_wait_ms": 0, "completed": 0, "abandoned": 0}
    await show(redis, queues={"consult": queue}, agents={"a1001": {**SEAT, "activity": activity}})
    async with asyncio.timeout(30):
        while watch.waiting != {call_id}:  # noqa: ASYNC110 - looked at, not told
            await asyncio.sleep(0.02)


async def told(redis: Redis) -> list[dict[str, Any]]:
    found: Any = await redis.xrange(DESK_STREAM)
    return [entry for _, entry in found]


async def test_a_supervisor_is_told_once_whose_browser_did_not_come_back(
    redis: Redis, pool: Pool, watch: Watch
) -> None:
    call_id = await spoken(pool)
    await waits(redis, watch, call_id)
    with capture_logs() as logs:
        for _ in range(2):
            alarms = Alarms(pool, watch, Feed(redis, "n1"))
            await alarms.look()
            await alarms.look()
    [entry] = await told(redis)
    assert (entry["type"], entry["needs"]) == (NOTICE, Permission.CALLS_SEE.value)
    assert entry["data"] == f'{{"alarm":"agent_lost","call_id":"{call_id}","by":"a1001"}}'
    assert [one["person"] for one in logs if one["event"] == "alarms.agent_lost"] == ["a1001"]


@pytest.mark.parametrize("activity", ["ready", "talking", "paused"])
async def test_a_caller_whose_agent_is_at_his_telephone_alarms_nobody(
    redis: Redis, pool: Pool, watch: Watch, activity: str
) -> None:
    await waits(redis, watch, await spoken(pool), activity)
    await Alarms(pool, watch, Feed(redis, "n1")).look()
    assert await told(redis) == []


async def test_a_caller_with_whom_nobody_has_spoken_alarms_nobody(
    redis: Redis, pool: Pool, watch: Watch
) -> None:
    await waits(redis, watch, await spoken(pool, talk_ms=0))
    await Alarms(pool, watch, Feed(redis, "n1")).look()
    assert await told(redis) == []
