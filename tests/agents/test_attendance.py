"""Presence kept true, against a PostgreSQL, a Valkey and a manager port."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from agents import attendance, requests, users
from agents.attendance import Attendance, Doors
from agents.auth import Identity, Sessions
from agents.feed import DESK_STREAM, Feed
from agents.live import Watch
from agents.presence import State
from agents.requests import Written
from agents.roles import Role
from ivr.asterisk.link import Link, Pace
from ivr.config import DatabaseSettings
from ivr.database import Pool
from ivr.live import state_key
from tests.agents.conftest import record_call
from tests.ivr.asterisk.fake_asterisk import FakeAsterisk, fake_asterisk, until

__all__ = ["fake_asterisk"]

ANNA = Identity("a1001", Role.AGENT, "安娜")
SECONDS = 30.0


class Centre:
    """One agent, her telephone as the bridge shows it, and her presence."""

    def __init__(self, redis: Redis, pool: Pool, keeper: Attendance, watch: Watch) -> None:
        self.redis, self.pool, self.keeper, self.watch = redis, pool, keeper, watch
        self.seat: dict[str, Any] = {"queues": ["consult"], "paused": [], "pause_reason": ""}
        self.version = 0

    async def phone(self, activity: str, call: str = "", **more: object) -> None:
        """Let the bridge show the telephone, and wait until it is seen and seen to."""
        self.version += 1
        self.seat |= {"activity": activity, "call": call, **more}
        seats = {"a1001": self.seat}
        state = {"at_ms": 1, "current": True, "version": self.version, "queues": {}}
        await self.redis.set(state_key("n1"), json.dumps(state | {"agents": seats}))
        async with asyncio.timeout(SECONDS):
            while self.watch.seats != seats:  # noqa: ASYNC110 - looked at, not told
                await asyncio.sleep(0.01)
        await self.keeper.look()

    async def means(self, state: State, reason: str = "") -> None:
        async with self.pool.acquire() as connection:
            await attendance.mean(connection, "a1001", state, reason)
        await self.keeper.look()

    async def shown(self) -> str:
        found = await attendance.standing_of(self.pool, "a1001")
        assert found is not None
        return found.shown.state.value

    async def log(self) -> list[str]:
        rows = await self.pool.fetch("SELECT state FROM presence_log ORDER BY log_id")
        return [row["state"] for row in rows]


@asynccontextmanager
async def centre(
    redis: Redis, pool: Pool, database: DatabaseSettings, link: Link | None = None
) -> AsyncIterator[Centre]:
    async with pool.acquire() as connection:
        await users.create(connection, users.OPERATOR, ANNA)
    await Sessions(redis, pool).open(ANNA)
    watch, feed = Watch(redis, "n1"), Feed(redis, "n1")
    doors = Doors(pool, database, watch, feed, link)
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch.run())
        yield Centre(redis, pool, Attendance(doors, timedelta(seconds=60)), watch)
        watching.cancel()


async def told(asterisk: FakeAsterisk, sent: Callable[[list[dict[str, str]]], bool]) -> None:
    await until(lambda: sent(asterisk.named("QueuePause")), SECONDS)


async def test_a_call_is_shown_and_logged_from_ring_to_wrap_up(
    redis: Redis, pool: Pool, database: DatabaseSettings
) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        for activity in ("ready", "ringing", "talking", "ready"):
            await at.phone(activity, "n1-17-1.42" if activity != "ready" else "")
            await at.keeper.look()
        assert await at.shown() == "wrap_up"
        assert await at.log() == ["available", "ringing", "talking", "wrap_up"]
        async with pool.acquire() as connection:
            assert not await attendance.end_wrap_up(connection, "a1001", "another")
            assert await attendance.end_wrap_up(connection, "a1001", "n1-17-1.42")
        await at.keeper.look()
        assert await at.shown() == "available"
    assert await pool.fetchval("SELECT count(*) FROM presence_log WHERE until IS NULL") == 1


async def test_a_wrap_up_is_that_of_the_call_though_the_queue_gives_it_up_before_the_telephone(
    redis: Redis, pool: Pool, database: DatabaseSettings
) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        await at.phone("talking", "n1-17-1.42")
        await at.phone("talking", "")
        await at.phone("ready")
        async with pool.acquire() as connection:
            assert await attendance.end_wrap_up(connection, "a1001", "n1-17-1.42")
        assert await at.log() == ["available", "talking", "wrap_up"]


async def test_a_wrap_up_ends_by_itself(
    redis: Redis, pool: Pool, database: DatabaseSettings
) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        await at.phone("talking", "n1-17-1.42")
        await at.phone("ready")
        await pool.execute("UPDATE presence SET until = now()")
        await at.keeper.look()
        assert await at.shown() == "available"
    told = [json.loads(entry["data"]) for entry in await notices(redis)]
    assert told == [{"alarm": "form_unfinished", "call_id": "n1-17-1.42", "by": "a1001"}]


async def test_a_form_that_was_saved_alarms_nobody(
    redis: Redis, pool: Pool, database: DatabaseSettings
) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        await at.phone("talking", "n1-17-1.42")
        await at.phone("ready")
        async with pool.acquire() as connection:
            assert await attendance.end_wrap_up(connection, "a1001", "n1-17-1.42")
        await at.keeper.look()
    assert await notices(redis) == []


@pytest.mark.parametrize(("by", "state"), [("a1001", "available"), ("a1002", "wrap_up")])
async def test_a_form_that_was_saved_in_the_talk_leaves_its_agent_nothing_to_wrap_up(
    redis: Redis, pool: Pool, database: DatabaseSettings, by: str, state: str
) -> None:
    call_id = await record_call(pool, by)
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        await at.phone("talking", call_id)
        async with pool.acquire() as connection:
            written = Written("C02.01.01", "on_the_spot")
            assert await requests.save(connection, by, call_id, [(written, None)])
        await at.phone("ready")
        assert await at.shown() == state
        await pool.execute("UPDATE presence SET until = now() WHERE state = 'wrap_up'")
        await at.keeper.look()
        assert await at.shown() == "available"
    assert await notices(redis) == []


async def notices(redis: Redis) -> list[dict[str, str]]:
    entries: Any = await redis.xrange(DESK_STREAM)
    return [entry for _, entry in entries if entry["type"] == "notice"]


async def test_the_queues_are_paused_as_meant_and_put_right_when_they_differ(
    redis: Redis, pool: Pool, database: DatabaseSettings
) -> None:
    async with fake_asterisk() as asterisk:
        link = Link(asterisk.settings(), pace=Pace(snapshot=None))
        async with asyncio.TaskGroup() as tasks, centre(redis, pool, database, link) as at:
            running = tasks.create_task(link.run())
            await until(lambda: link.connected, SECONDS)
            await at.phone("ready")
            assert asterisk.named("QueuePause") == []  # who never used a desk is left alone
            await at.means(State.PAUSED, "meal")
            await told(asterisk, lambda sent: any(one["Paused"] == "true" for one in sent))
            assert asterisk.named("QueuePause")[-1]["Interface"] == "PJSIP/agent-a1001"
            assert asterisk.named("QueuePause")[-1]["Reason"] == "MEAL"
            await at.phone("paused", paused=["consult"], pause_reason="MEAL")
            told_once = len(asterisk.named("QueuePause"))
            await at.keeper.look()
            assert len(asterisk.named("QueuePause")) == told_once
            at.keeper._told.clear()
            await at.means(State.AVAILABLE)
            await told(asterisk, lambda sent: sent[-1]["Paused"] == "false")
            running.cancel()


def rung_out(at: float) -> dict[str, Any]:
    """Describe a telephone that app_queue has paused, since a second of 1970's."""
    return {"paused": ["consult"], "pause_reason": "Auto-Pause", "since_ms": round(at * 1_000)}


async def test_whoever_let_it_ring_is_shown_paused_and_not_unpaused(
    redis: Redis, pool: Pool, database: DatabaseSettings
) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        await at.phone("paused", **rung_out(time.time() + 1))
        assert await at.shown() == "paused"
        [row] = await pool.fetch("SELECT state, reason FROM presence")
        assert tuple(row) == ("paused", "no_answer")


async def test_whoever_is_back_says_it_once_though_the_queues_are_slow_to_follow(
    redis: Redis, pool: Pool, database: DatabaseSettings
) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        await at.phone("paused", **rung_out(time.time() - 1))
        await at.keeper.look()
        assert await at.shown() == "available"


async def test_what_somebody_says_is_shown_to_him_before_the_keeper_has_looked(
    redis: Redis, pool: Pool, database: DatabaseSettings
) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.PAUSED, "meal")
        await at.phone("ready")
        async with pool.acquire() as connection:
            await attendance.mean(connection, "a1001", State.AVAILABLE)
        seat = at.watch.seats["a1001"]
        said = await attendance.standing_of(pool, "a1001", seat)
        assert said is not None
        assert said.shown.state is State.AVAILABLE
        talking = {**seat, "activity": "talking", "call": "n1-17-1.42"}
        said = await attendance.standing_of(pool, "a1001", talking)
        assert said is not None
        assert said.shown.state is State.TALKING


async def test_whoever_left_is_away(redis: Redis, pool: Pool, database: DatabaseSettings) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        await Sessions(redis, pool).end_all("a1001")
        await at.phone("talking", "n1-17-1.42")
        assert await at.shown() == "talking"
        await at.phone("ready")
        assert await at.shown() == "away"


@pytest.mark.parametrize("keepers", [1, 3])
async def test_several_keepers_write_one_log(
    redis: Redis, pool: Pool, database: DatabaseSettings, keepers: int
) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        doors = Doors(pool, database, at.watch, Feed(redis, "n1"), None)
        others = [Attendance(doors, timedelta(seconds=60)) for _ in range(keepers)]
        for activity in ("talking", "ready"):
            await at.phone(activity, "n1-17-1.42" if activity == "talking" else "")
            await asyncio.gather(*(keeper.look() for keeper in others))
        assert await at.log() == ["available", "talking", "wrap_up"]


async def test_a_bridge_that_is_away_ends_no_talk(
    redis: Redis, pool: Pool, database: DatabaseSettings
) -> None:
    async with centre(redis, pool, database) as at:
        await at.means(State.AVAILABLE)
        await at.phone("talking", "n1-17-1.42")
        await redis.flushall()
        async with asyncio.timeout(SECONDS):
            while at.watch.seats:  # noqa: ASYNC110 - looked at, not told
                await asyncio.sleep(0.01)
        await at.keeper.look()
        assert await at.shown() == "talking"
