"""The door: declared or refused, from our pages or refused, known or refused."""

from __future__ import annotations

import signal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from redis.asyncio import Redis

from agents import users
from agents.auth import Identity, Sessions
from agents.roles import Permission, Role
from agents.web import access, doors
from agents.web.doors import COOKIE
from ivr.database import Pool
from ivr.errors import DefinitionInvalid
from tests.agents.conftest import METRICS_TOKEN, Desk
from tests.ivr.test_live import Valkey


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


def app_with(redis: Redis, pool: Pool) -> web.Application:
    app = web.Application(middlewares=(access.guard,))
    app[doors.SESSIONS] = Sessions(redis, pool)
    app[doors.SECURE] = False
    app[doors.ADDRESS] = ""
    app[access.METRICS_TOKEN] = ""
    access.open_door(app)
    return app


async def test_a_route_without_a_permission_keeps_the_server_from_starting(
    redis: Redis, pool: Pool
) -> None:
    app = app_with(redis, pool)
    access.declare(app, "GET", "/declared", hello, Permission.LIVE_SEE)
    app.router.add_post("/forgotten", hello)
    with pytest.raises(DefinitionInvalid, match="POST /forgotten"):
        await web.AppRunner(app).setup()


async def test_a_route_that_slipped_in_is_refused_all_the_same(redis: Redis, pool: Pool) -> None:
    app = app_with(redis, pool)
    app.on_startup.clear()
    app.router.add_get("/forgotten", hello)
    identity = Identity("a1", Role.ADMINISTRATOR, "李四")
    async with pool.acquire() as connection:
        await users.create(connection, users.OPERATOR, identity)
    session = await Sessions(redis, pool).open(identity)
    async with TestClient(TestServer(app), cookies={COOKIE: session}) as client:
        assert (await client.get("/forgotten")).status == 403


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "http://127.0.0.1", "http://127.0.0.1:1"]
)
async def test_a_change_from_another_site_is_refused(desk: Desk, origin: str) -> None:
    secret = await desk.secret()
    assert (await desk.post("/enter", secret, origin=origin)).status == 403
    assert (await desk.post("/enter", secret)).status == 204


@pytest.mark.parametrize("cookie", ["", "x", "../../x", "x" * 3_000])
async def test_a_made_up_session_is_nobody(desk: Desk, cookie: str) -> None:
    desk.browser.cookie_jar.update_cookies({COOKIE: cookie})
    assert (await desk.get("/api/v1/session")).status == 401


async def test_nobody_is_let_in_while_redis_cannot_say_who_it_is(
    desk: Desk, valkey_server: Valkey
) -> None:
    await desk.enter()
    valkey_server.signal(signal.SIGKILL)
    try:
        assert (await desk.get("/api/v1/session")).status == 503
        assert (await desk.post("/enter", "x")).status == 503
        assert (await desk.get("/health")).status == 200
    finally:
        valkey_server.start()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {METRICS_TOKEN}", 200),
        (f"Bearer {METRICS_TOKEN}x", 401),
        (f"Basic {METRICS_TOKEN}", 401),
        ("Bearer ", 401),
        ("Bearer 张", 401),
    ],
)
async def test_prometheus_reads_the_figures_with_its_token(
    desk: Desk, header: str, status: int
) -> None:
    answer = await desk.get("/metrics", headers={"Authorization": header})
    assert answer.status == status


async def test_the_monitors_token_opens_nothing_else(desk: Desk) -> None:
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    assert (await desk.get("/api/v1/session", headers=headers)).status == 401


async def test_no_token_is_no_way_in(redis: Redis, pool: Pool) -> None:
    app = app_with(redis, pool)
    access.declare(app, "GET", "/metrics", hello, Permission.METRICS_SEE)
    async with TestClient(TestServer(app)) as client:
        for header in ("Bearer ", "Bearer", ""):
            answer = await client.get("/metrics", headers={"Authorization": header})
            assert answer.status == 401
