"""A line from whoever leads."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from typing import Any

from redis.asyncio import Redis

from agents.auth import Identity
from agents.feed import DESK_STREAM, HERE, Feed
from agents.roles import Permission, Role, may
from agents.throttle import NOTIFY, WINDOW_SECONDS
from agents.web.notices import LONGEST
from ivr.database import Pool
from tests.agents.conftest import Desk, telephone


async def told(redis: Redis) -> list[tuple[str, str, str]]:
    """Give to whom, to which permission and what, of all lines so far."""
    entries: Any = await redis.xrange(DESK_STREAM)
    return [
        (entry["to"], entry["needs"], json.loads(entry["data"])["text"])
        for _, entry in entries
        if entry["type"] == "notice"
    ]


async def test_a_line_goes_to_one_person_and_is_written_down_without_its_words(
    desk: Desk, pool: Pool, redis: Redis
) -> None:
    await desk.enter(person="a1001")
    await desk.enter(Role.SUPERVISOR)
    answer = await desk.ask("POST", "/notices", {"text": " 请到会议室 ", "person": "a1001"})
    assert await answer.json() == {"people": ["a1001"], "reached": []}
    assert await told(redis) == [("a1001", "", "请到会议室")]
    [row] = await pool.fetch("SELECT actor, object, detail FROM audit WHERE action = 'notice.sent'")
    assert tuple(row) == ("supervisor1", "user:a1001", '{"length": 5, "reached": 0}')


async def test_a_line_goes_to_all_who_sit_at_a_desk(desk: Desk, redis: Redis) -> None:
    await desk.enter(Role.SUPERVISOR)
    assert (await desk.ask("POST", "/notices", {"text": "系统十分钟后维护"})).status == 200
    assert await told(redis) == [("", Permission.CALLS_TAKE.value, "系统十分钟后维护")]


async def test_a_line_goes_to_those_who_answer_a_queue(desk: Desk, redis: Redis) -> None:
    await desk.enter()
    await telephone(desk, redis, "talking", "n1-17-1763785000.1")
    await desk.enter(Role.SUPERVISOR)
    body = {"text": "流感咨询口径已更新", "queue": "psych"}
    answer = await desk.ask("POST", "/notices", body)
    assert (await answer.json())["people"] == ["a1001"]
    assert await told(redis) == [("a1001", "", "流感咨询口径已更新")]


async def reached(desk: Desk, body: dict[str, str]) -> list[str]:
    answer = await desk.ask("POST", "/notices", {"text": "请注意", **body})
    assert answer.status == 200
    found: list[str] = (await answer.json())["reached"]
    return found


async def test_whoever_sends_a_line_is_told_at_whose_open_desks_it_shows(
    desk: Desk, redis: Redis
) -> None:
    """But for his own, and that of somebody to whom such lines do not go."""
    feed = Feed(redis, "n1")
    here = [
        Identity("a1001", Role.AGENT),
        Identity("a1002", Role.AGENT),
        Identity("analyst1", Role.ANALYST),
        Identity("supervisor1", Role.SUPERVISOR),
    ]
    await desk.enter(person="a1001")
    await desk.enter(person="a1009")
    await desk.enter(Role.SUPERVISOR)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feed.run())
        with ExitStack() as stack:
            for one in here:
                stack.enter_context(feed.listening(one))
            while await redis.zcard(HERE) < len(here):  # noqa: ASYNC110 - the feed writes it
                await asyncio.sleep(0.02)
            assert await reached(desk, {}) == ["a1001", "a1002"]
            assert await reached(desk, {"person": "a1001"}) == ["a1001"]
            assert await reached(desk, {"person": "a1009"}) == []
        running.cancel()


async def test_a_line_that_redis_does_not_take_is_not_called_sent(
    desk: Desk, redis: Redis, pool: Pool
) -> None:
    await desk.enter(Role.SUPERVISOR)
    await redis.set(DESK_STREAM, "no stream")
    body = {"text": "请注意"}
    assert (await desk.ask("POST", "/notices", body, key="a" * 20)).status == 503
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE action = 'notice.sent'") == 0
    await redis.delete(DESK_STREAM)
    assert (await desk.ask("POST", "/notices", body, key="a" * 20)).status == 200
    assert [text for _, _, text in await told(redis)] == ["请注意"]


REFUSED = (
    ({"text": "请回电", "person": "a1009"}, 404),
    ({"text": "请回电", "queue": "nobody"}, 404),
    ({"text": "请回电", "person": "a1001", "queue": "psych"}, 422),
    ({"text": "   "}, 400),
    ({"text": "字" * (LONGEST + 1)}, 400),
    ({"text": "一行\n又一行"}, 400),
    ({"text": "请回电", "to": "everybody"}, 400),
)


async def test_a_line_for_nobody_or_without_end_is_refused(desk: Desk, redis: Redis) -> None:
    await desk.enter(Role.SUPERVISOR)
    for body, status in REFUSED:
        assert (await desk.ask("POST", "/notices", body)).status == status, body
    assert await told(redis) == []


async def test_desks_are_not_flooded(desk: Desk) -> None:
    await desk.enter(Role.SUPERVISOR)
    came = [
        (await desk.ask("POST", "/notices", {"text": "请注意"})).status
        for _ in range(NOTIFY.most + 1)
    ]
    assert came == [200] * NOTIFY.most + [429]
    desk.clock.time += WINDOW_SECONDS
    assert (await desk.ask("POST", "/notices", {"text": "请注意"})).status == 200


async def test_only_who_leads_sends_lines(desk: Desk, redis: Redis) -> None:
    for role in Role:
        if not may(role, Permission.PEOPLE_NOTIFY):
            await desk.enter(role)
            assert (await desk.ask("POST", "/notices", {"text": "请注意"})).status == 403, role
    assert await told(redis) == []
