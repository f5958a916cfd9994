"""Handing callers over from the desk; the bridge is played by the test."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any
from unittest.mock import AsyncMock

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents import users
from agents.auth import Identity
from agents.roles import Role
from agents.web import transfers, wishes
from agents.web.api import BRIDGE_AT_ONCE
from ivr.database import Pool
from ivr.transfer_wishes import WISHES, Answer
from tests.agents.conftest import STATE, Desk, new_call, record_call, show

AGENT = "a1001"


@asynccontextmanager
async def bridge(
    redis: Redis,
    *,
    answer: StrEnum = Answer.DONE,
    asks: str = WISHES.list_key("n1"),
    answers: Callable[[str, str], str] = WISHES.answer_key,
) -> AsyncIterator[list[dict[str, Any]]]:
    """Play the bridge, which takes wishes from one list and answers each alike."""
    asked: list[dict[str, Any]] = []
    over = asyncio.Event()

    async def grants() -> None:
        # Told rather than cancelled: the client can lose a cancellation while it connects.
        while not over.is_set():
            if (found := await redis.lpop(asks)) is None:
                await asyncio.sleep(0.02)
                continue
            asked.append(json.loads(str(found)))
            await redis.set(answers("n1", asked[-1]["id"]), answer.value, ex=10)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(grants())
        try:
            yield asked
        finally:
            over.set()


@pytest.fixture
async def call_id(desk: Desk, redis: Redis, pool: Pool) -> str:
    """An agent talks, two colleagues are there, and one has gone home."""
    async with pool.acquire() as connection:
        for person, role in (("a1002", Role.AGENT), ("s1", Role.SUPERVISOR), ("q1", Role.QUALITY)):
            await users.create(connection, users.OPERATOR, Identity(person, role, f"同事{person}"))
    call_id = await record_call(pool, call_id=new_call())
    seat = STATE["agents"][AGENT]
    await show(
        redis,
        agents={
            AGENT: seat | {"activity": "talking", "call": call_id},
            "a1002": seat | {"activity": "ready", "call": ""},
            "q1": seat | {"activity": "ready", "call": ""},
        },
    )
    await desk.enter(Role.AGENT, AGENT)
    async with asyncio.timeout(30):
        while (await (await desk.ask("GET", "/calls/current")).json())["call_id"] != call_id:  # noqa: ASYNC110 - another task of the server's sets it
            await asyncio.sleep(0.05)
    return call_id


async def way(desk: Desk, call_id: str, name: str, target: str = "") -> tuple[int, dict[str, Any]]:
    body = {"way": name, "target": target}
    async with await desk.ask("POST", f"/calls/{call_id}/transfer", body) as came:
        return came.status, await came.json()


async def test_lines_and_colleagues_at_their_telephones_can_be_picked(
    desk: Desk, call_id: str
) -> None:
    assert call_id
    shown = await (await desk.ask("GET", "/transfers")).json()
    listed = {one["id"]: one["kind"] for one in shown["targets"]}
    assert listed["ambulance"] == listed["police"] == "emergency"
    assert (listed["psych12356"], listed["place_010"]) == ("psych", "hotline")
    assert shown["colleagues"] == [
        {"id": "*a1002", "person": "a1002", "name": "同事a1002", "activity": "ready"}
    ]
    assert shown["consultation"] is None


async def test_what_is_asked_reaches_the_bridge_once_and_is_audited(
    desk: Desk, redis: Redis, pool: Pool, call_id: str
) -> None:
    async with bridge(redis) as asked:
        assert await way(desk, call_id, "hand_over", "ambulance") == (200, {"consultation": None})
    [wish] = asked
    told = (wish["call_id"], wish["agent"], wish["verb"], wish["target"])
    assert told == (call_id, AGENT, "hand_over", "ambulance")
    rows = await pool.fetch(
        "SELECT actor, action, object, detail::jsonb ->> 'to' FROM audit WHERE action LIKE 'call.%'"
    )
    assert [tuple(row) for row in rows] == [
        (AGENT, "call.hand_over", f"call:{call_id}", "ambulance")
    ]


async def test_a_consultation_is_known_to_a_page_that_is_loaded_anew(
    desk: Desk, redis: Redis, call_id: str
) -> None:
    async def going_on() -> Any:  # noqa: ANN401 - as it came
        return (await (await desk.ask("GET", "/transfers")).json())["consultation"]

    async with bridge(redis):
        await way(desk, call_id, "consult", "*a1002")
        assert await going_on() == {"call_id": call_id, "name": "同事a1002", "joined": False}
        await way(desk, call_id, "join")
        assert await going_on() == {"call_id": call_id, "name": "同事a1002", "joined": True}
        await way(desk, call_id, "complete")
        assert await going_on() is None


async def test_only_the_call_at_ones_own_telephone_is_handed_over(
    desk: Desk, redis: Redis, pool: Pool, call_id: str
) -> None:
    async with bridge(redis) as asked:
        other = await record_call(pool)
        assert (await way(desk, other, "hand_over", "ambulance"))[1]["code"] == "not_talking"
        assert (await way(desk, call_id, "hand_over", f"*{AGENT}"))[1]["code"] == "unknown_target"
        await desk.enter(Role.AGENT, "a1002")
        assert (await way(desk, call_id, "hand_over", "ambulance"))[1]["code"] == "not_talking"
    assert asked == []


async def test_a_bridge_that_is_away_stops_no_form_from_being_saved(
    desk: Desk, call_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "ANSWER_SECONDS", 5.0)
    async with asyncio.TaskGroup() as tasks:
        waiting = [
            tasks.create_task(way(desk, call_id, "hand_over", "ambulance")) for _ in range(12)
        ]
        await asyncio.sleep(0.5)
        filed = {"requests": [{"code": "C02.01.01", "note": "x"}]}
        assert (await desk.ask("POST", f"/calls/{call_id}/requests", filed)).status == 201
    came = Counter(task.result()[0] for task in waiting)
    assert came == {409: BRIDGE_AT_ONCE, 503: 12 - BRIDGE_AT_ONCE}


async def test_a_transfer_that_was_done_is_audited_though_its_buttons_are_lost(
    desk: Desk, redis: Redis, pool: Pool, call_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "_remember", AsyncMock(side_effect=RedisError))
    async with bridge(redis):
        status, said = await way(desk, call_id, "consult", "ambulance")
    assert (status, said["consultation"]) == (200, None)
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE action = 'call.consult'") == 1
