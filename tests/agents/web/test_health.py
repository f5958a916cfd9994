"""Health, readiness and figures, with a real PostgreSQL and Valkey that are taken away."""

from __future__ import annotations

import asyncio
import signal
import socket

import pytest
from redis.asyncio import Redis

from agents.roles import Role
from agents.service import running
from ivr.config import DatabaseSettings
from tests.agents.conftest import METRICS_TOKEN, Desk, show
from tests.ivr.test_live import Valkey

BEARER = {"Authorization": f"Bearer {METRICS_TOKEN}"}


async def test_ready_says_that_both_stores_answer(desk: Desk) -> None:
    answer = await desk.get("/ready")
    assert answer.status == 200
    assert await answer.json() == {"postgres": "ok", "redis": "ok"}


async def test_ready_names_redis_when_it_does_not_answer(desk: Desk, valkey_server: Valkey) -> None:
    valkey_server.signal(signal.SIGKILL)
    try:
        answer = await desk.get("/ready")
        assert answer.status == 503
        assert await answer.json() == {"postgres": "ok", "redis": "lost"}
    finally:
        valkey_server.start()
    assert (await desk.get("/ready")).status == 200


@pytest.mark.parametrize("frozen", [False, True])
async def test_ready_says_in_time_that_postgres_is_gone_or_frozen(
    desk: Desk, *, frozen: bool
) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        if frozen:
            door.listen()
        url = f"postgresql://nobody@127.0.0.1:{door.getsockname()[1]}/nothing"
        settings = desk.settings.model_copy(update={"database": DatabaseSettings(url=url)})
        async with running(settings) as port, asyncio.timeout(10):
            answer = await desk.browser.get(f"http://127.0.0.1:{port}/ready")
            assert answer.status == 503
            assert await answer.json() == {"postgres": "lost", "redis": "ok"}
            assert (await desk.browser.get(f"http://127.0.0.1:{port}/health")).status == 200


async def test_figures_show_queues_agents_and_answers_by_route(desk: Desk, redis: Redis) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    await show(redis)
    async with await desk.get("/api/v1/live") as answer:
        while b'"current":true' not in await answer.content.readline():
            pass
    await desk.get("/secret/13812341234")
    await desk.post("/leave")
    await desk.enter(Role.ADMINISTRATOR)
    page = await (await desk.get("/metrics")).text()
    assert 'hotline_queue_waiting{queue="consult"} 1.0' in page
    assert 'hotline_agents{activity="ready"} 2.0' in page
    assert "hotline_live_current 1.0" in page
    assert 'hotline_http_requests_total{route="/leave",status="204"} 1.0' in page
    assert 'hotline_http_requests_total{route="none",status="404"} 1.0' in page
    assert "13812341234" not in page


async def test_figures_of_a_bridge_that_is_gone_are_not_kept(desk: Desk, redis: Redis) -> None:
    await show(redis)
    await redis.flushall()
    page = await (await desk.get("/metrics", headers=BEARER)).text()
    assert "hotline_live_current 0.0" in page
    assert "hotline_queue_waiting{" not in page
