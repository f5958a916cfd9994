"""The live picture of queues and seats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse
from redis.asyncio import Redis

from tests.agents.conftest import STATE, Desk, show

SECONDS = 10.0


@asynccontextmanager
async def stream(desk: Desk) -> AsyncIterator[ClientResponse]:
    async with await desk.get("/api/v1/live") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        yield answer


async def shown(answer: ClientResponse) -> dict[str, Any]:
    """Wait for the next picture."""
    async with asyncio.timeout(SECONDS):
        while line := await answer.content.readline():
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
                return found
    raise AssertionError("the stream ended")


async def test_the_picture_comes_at_once_and_again_when_it_changes(
    desk: Desk, redis: Redis
) -> None:
    await desk.enter()
    async with stream(desk) as answer:
        assert (await shown(answer))["current"] is False
        await show(redis)
        picture = await shown(answer)
        assert picture["current"] is True
        assert [queue["waiting"] for queue in picture["queues"]] == [1, 0]
        await show(redis, queues={"psych": STATE["queues"]["psych"]}, version=8)
        assert [queue["name"] for queue in (await shown(answer))["queues"]] == ["psych"]


async def test_a_picture_on_a_wall_does_not_keep_a_session(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.web.desk.CHECK_SECONDS", 0.02)
    await desk.enter()
    async with stream(desk) as answer:
        await shown(answer)
        [key] = await redis.keys("hotline:session:*")
        await redis.expire(key, 60)
        await asyncio.sleep(0.3)
        assert await redis.ttl(key) <= 60


async def test_a_stream_ends_with_its_session(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.web.desk.CHECK_SECONDS", 0.05)
    await desk.enter()
    async with stream(desk) as answer:
        await shown(answer)
        assert (await desk.ask("DELETE", "/session", key=None)).status == 204
        async with asyncio.timeout(SECONDS):
            await answer.content.read()


async def test_readers_who_leave_harm_nobody(desk: Desk, redis: Redis) -> None:
    await desk.enter()
    for _ in range(20):
        async with stream(desk) as answer:
            await shown(answer)
            answer.close()
    async with stream(desk) as answer:
        await show(redis)
        while not (await shown(answer))["current"]:
            pass
