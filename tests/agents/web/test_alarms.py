"""Pressing for help."""

from __future__ import annotations

from typing import Any
from unittest.mock import AsyncMock

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.feed import DESK_STREAM, Feed
from agents.roles import Permission, Role
from agents.throttle import HELP
from ivr.database import Pool
from tests.agents.conftest import Desk, record_call


async def test_who_presses_for_help_is_named_to_those_who_lead_and_written_down(
    desk: Desk, pool: Pool, redis: Redis
) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    assert (await desk.ask("POST", "/help", {"call_id": call_id})).status == 204
    assert (await desk.ask("POST", "/help", {})).status == 204
    entries: Any = await redis.xrange(DESK_STREAM)
    told = [(entry["data"], entry["needs"]) for _, entry in entries if entry["type"] == "notice"]
    needs = Permission.CALLS_SEE.value
    assert told == [
        (f'{{"alarm":"help","call_id":"{call_id}","by":"a1001"}}', needs),
        ('{"alarm":"help","call_id":"","by":"a1001"}', needs),
    ]
    rows = await pool.fetch("SELECT actor, object FROM audit WHERE action = 'help.asked'")
    assert [tuple(row) for row in rows] == [("a1001", f"call:{call_id}"), ("a1001", "call:")]


async def test_nobody_cries_from_somebody_elses_call(desk: Desk, pool: Pool) -> None:
    call_id = await record_call(pool)
    await desk.enter(person="a1002")
    assert (await desk.ask("POST", "/help", {"call_id": call_id})).status == 404
    assert (await desk.ask("POST", "/help", {"call_id": "x"})).status == 400


async def test_a_key_that_sticks_does_not_flood_those_who_lead(desk: Desk) -> None:
    await desk.enter()
    came = [(await desk.ask("POST", "/help", {})).status for _ in range(HELP.most + 1)]
    assert came == [204] * HELP.most + [429]


async def test_only_who_takes_calls_has_the_key(desk: Desk) -> None:
    await desk.enter(Role.ANALYST)
    assert (await desk.ask("POST", "/help", {})).status == 403


async def test_who_was_not_heard_is_heard_when_the_desk_asks_again(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.enter()
    with monkeypatch.context() as broken:
        broken.setattr(Feed, "tell", AsyncMock(side_effect=RedisError))
        assert (await desk.ask("POST", "/help", {}, key="k" * 8)).status == 503
    assert (await desk.ask("POST", "/help", {}, key="k" * 8)).status == 204
    entries: Any = await redis.xrange(DESK_STREAM)
    assert [entry["type"] for _, entry in entries].count("notice") == 1
