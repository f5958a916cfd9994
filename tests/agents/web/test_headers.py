"""What every answer carries, whatever became of the request."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from agents.web.doors import SECURE
from agents.web.headers import HEADERS, conceal, harden
from tests.agents.conftest import Desk


@pytest.mark.parametrize("path", ["/health", "/enter", "/desk.css", "/", "/metrics", "/nothing"])
async def test_every_answer_is_hardened_and_names_no_version(desk: Desk, path: str) -> None:
    answer = await desk.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)
    assert "aiohttp" not in str(answer.headers)


async def test_the_live_stream_is_hardened_too(desk: Desk) -> None:
    await desk.enter()
    async with await desk.get("/api/v1/live") as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_the_policy_allows_our_own_files_and_no_inline_script() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_a_failure_of_ours_tells_nothing_and_is_logged() -> None:
    async def fail(_request: web.Request) -> web.Response:
        raise RuntimeError("SELECT secret FROM /etc")

    app = web.Application(middlewares=(conceal,))
    app[SECURE] = False
    app.on_response_prepare.append(harden)
    app.router.add_get("/", fail)
    with capture_logs() as logged:
        async with TestClient(TestServer(app)) as client:
            answer = await client.get("/")
            text = await answer.text()
    assert answer.status == 500
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "secret" not in text
    assert [line["event"] for line in logged] == ["web.failed"]
