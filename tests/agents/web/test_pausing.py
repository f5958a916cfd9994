"""Pausing the recording of one's own call, confirmed by the journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from agents.roles import Role
from ivr.database import Pool
from ivr.recordings.pausing import WISHES
from tests.agents.conftest import STATE, Desk, new_call, record_call, show

AGENT = "a1001"
SAYS = {True: "RECORDING_PAUSED", False: "RECORDING_RESUMED"}


@asynccontextmanager
async def bridge(redis: Redis, pool: Pool) -> AsyncIterator[list[dict[str, Any]]]:
    """Asterisk, the bridge and the ledger: what is asked for stands in the journal."""
    granted: list[dict[str, Any]] = []
    over = asyncio.Event()

    async def grants() -> None:
        # Told rather than cancelled: the client can lose a cancellation while it connects.
        while not over.is_set():
            if (found := await redis.blpop([WISHES.list_key("n1")], timeout=0.1)) is None:
                continue
            wish = json.loads(found[1])
            granted.append(wish)
            await pool.execute(
                "INSERT INTO spool_line VALUES (call_opened_at($1), $1, 1, $2, $3)",
                wish["call_id"],
                len(granted),
                json.dumps({"eventtype": SAYS[wish["paused"]]}, separators=(",", ":")),
            )

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(grants())
        try:
            yield granted
        finally:
            over.set()


@pytest.fixture
async def call_id(desk: Desk, redis: Redis, pool: Pool) -> str:
    """An agent talks, and his desk sees it."""
    await pool.execute("SELECT make_partitions_ahead(1)")
    call_id = await record_call(pool, call_id=new_call())
    talking = STATE["agents"][AGENT] | {"activity": "talking", "call": call_id}
    await show(redis, agents={AGENT: talking})
    await desk.enter(Role.AGENT, AGENT)
    async with asyncio.timeout(30):
        while (await seen(desk)) != call_id:  # noqa: ASYNC110 - another task of the server's sets it
            await asyncio.sleep(0.05)
    return call_id


async def seen(desk: Desk) -> str:
    return str((await (await desk.ask("GET", "/calls/current")).json())["call_id"])


async def audited(pool: Pool) -> list[tuple[str, str, str]]:
    rows = await pool.fetch(
        "SELECT actor, action, object FROM audit WHERE action LIKE 'recording.%' ORDER BY seq"
    )
    return [tuple(row) for row in rows]


async def test_a_pause_is_confirmed_by_the_journal_and_audited(
    desk: Desk, redis: Redis, pool: Pool, call_id: str
) -> None:
    async with bridge(redis, pool) as granted:
        for method, paused in (("PUT", True), ("DELETE", False)):
            came = await desk.ask(method, f"/calls/{call_id}/pause")
            assert (came.status, await came.json()) == (200, {"paused": paused})
    assert [(wish["agent"], wish["paused"]) for wish in granted] == [(AGENT, True), (AGENT, False)]
    assert await audited(pool) == [
        (AGENT, "recording.paused", call_id),
        (AGENT, "recording.resumed", call_id),
    ]


async def test_what_the_journal_does_not_say_is_not_claimed(
    desk: Desk, pool: Pool, call_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.web.pausing.CONFIRM_SECONDS", 0.3)
    assert (await desk.ask("PUT", f"/calls/{call_id}/pause")).status == 503
    assert await audited(pool) == []


@pytest.mark.parametrize("person", ["a1002", "supervisor1"])
async def test_nobody_pauses_the_recording_of_anothers_call(
    desk: Desk, redis: Redis, call_id: str, person: str
) -> None:
    await desk.enter(Role.SUPERVISOR if person == "supervisor1" else Role.AGENT, person)
    assert (await desk.ask("PUT", f"/calls/{call_id}/pause")).status == 404
    assert await redis.llen(WISHES.list_key("n1")) == 0


async def test_who_takes_no_calls_may_not_pause(desk: Desk, call_id: str) -> None:
    await desk.enter(Role.QUALITY)
    assert (await desk.ask("PUT", f"/calls/{call_id}/pause")).status == 403
