"""A running people's side: real Valkey, real PostgreSQL, a browser that keeps cookies."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar, web
from redis.asyncio import Redis
from yarl import URL

from agents import users
from agents.auth import Identity, Sessions
from agents.roles import Role
from agents.service import make_link, open_redis, running, stores
from agents.web import openapi
from agents.web.doors import COOKIE
from ivr.config import DatabaseSettings, NodeSettings, Settings, WebSettings
from ivr.database import Pool
from ivr.live import state_key
from tests.ivr.conftest import Server, database, pool, postgres
from tests.ivr.test_live import Valkey

__all__ = ["Server", "database", "pool", "postgres"]

METRICS_TOKEN = "m" * 32


@pytest.fixture(scope="session", autouse=True)
def _described_once() -> Iterator[None]:
    """Describe the routes for the first server alone: each has the same, and it takes long."""
    describe = openapi.describe
    made: list[dict[str, Any]] = []

    def once(app: web.Application, declared: Mapping[web.AbstractRoute, Enum]) -> dict[str, Any]:
        if not made:
            made.append(describe(app, declared))
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openapi, "describe", once)
        yield


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # short, for a socket
        server = Valkey(Path(folder))
        server.start()
        yield server
        server.signal(signal.SIGKILL)


@pytest.fixture
async def redis(valkey_server: Valkey) -> AsyncIterator[Redis]:
    async with open_redis(valkey_server.settings) as client:
        await client.flushall()
        yield client


class Clock:
    """The time by which limits are counted: it stands still until a test moves it."""

    time = 1_763_785_020.0

    def __call__(self) -> float:
        return self.time


@dataclass
class Desk:
    """The people's side under test, and the browser that looks at it."""

    settings: Settings
    port: int
    browser: ClientSession
    clock: Clock

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> ClientResponse:
        return await self.browser.get(self.address + path, headers=headers)

    async def post(self, path: str, data: str = "", origin: str | None = None) -> ClientResponse:
        headers = {"Origin": self.address if origin is None else origin}
        return await self.browser.post(self.address + path, data=data, headers=headers)

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> ClientResponse:
        """Ask the API, each change with a new key unless one is given."""
        sent = {"Origin": self.address, **(headers or {})}
        if key is not None:
            sent["Idempotency-Key"] = key or secrets.token_hex(8)
        return await self.browser.request(
            method, f"{self.address}/api/v1{path}", json=body, headers=sent
        )

    async def secret(self, role: Role = Role.AGENT) -> str:
        link = await make_link(self.settings, person_in(role), role)
        return link.partition("#")[2]

    async def enter(
        self, role: Role = Role.AGENT, person: str = "", *, limited: bool = False
    ) -> str:
        """Open a session as somebody of a role, by default the same person each time."""
        identity = Identity(person or person_in(role), role, "张三", limited)
        async with stores(self.settings) as (pool, redis):
            async with pool.acquire() as connection:
                await users.create(connection, users.OPERATOR, identity)
            session = await Sessions(redis, pool).open(identity)
        self.present(session)
        return session

    @asynccontextmanager
    async def again(self, **changed: object) -> AsyncIterator[Desk]:
        """Serve once more beside this one, over the same stores, with some settings changed."""
        settings = self.settings.model_copy(update=changed)
        async with (
            running(settings, self.clock) as port,
            ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser,
        ):
            yield Desk(settings, port, browser, self.clock)

    def present(self, session: str) -> None:
        """Let the browser hold this session and no other."""
        self.browser.cookie_jar.clear()
        self.browser.cookie_jar.update_cookies({COOKIE: session}, URL(self.address))


def person_in(role: Role) -> str:
    """Return the id of the person who has a role in the tests."""
    return "a1001" if role is Role.AGENT else f"{role.value}1"


@pytest.fixture
async def desk(
    redis: Redis, database: DatabaseSettings, valkey_server: Valkey
) -> AsyncIterator[Desk]:
    assert await redis.ping()
    settings = Settings(
        node=NodeSettings(name="n1"),
        redis=valkey_server.settings,
        database=database.model_copy(update={"acquire_seconds": 1.0}),
        web=WebSettings.model_validate(
            {"port": 0, "metrics_token": METRICS_TOKEN, "suggestions": False}
        ),
    )
    async with AsyncExitStack() as stack:
        clock = Clock()
        port = await stack.enter_async_context(running(settings, clock))
        browser = await stack.enter_async_context(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        yield Desk(settings, port, browser, clock)


STATE: dict[str, Any] = {
    "at_ms": 1_763_785_060_000,
    "current": True,
    "version": 7,
    "queues": {
        "psych": {"waiting": [], "longest_wait_ms": 0, "completed": 1, "abandoned": 0},
        "consult": {
            "waiting": [{"call": "n1-17-1.42", "channel": "n1-17-1.42", "since_ms": 1}],
            "longest_wait_ms": 9_000,
            "completed": 3,
            "abandoned": 1,
        },
    },
    "agents": {
        "a1001": {"activity": "ready", "queues": ["consult", "psych"], "paused": ["psych"]},
        "a1002": {"activity": "talking", "queues": ["consult"], "paused": []},
        "a1003": {"activity": "ready", "queues": ["consult"], "paused": []},
    },
}


async def show(redis: Redis, **changed: object) -> None:
    """Write a live state as the bridge does."""
    await redis.set(state_key("n1"), json.dumps(STATE | changed), ex=10)


async def telephone(
    desk: Desk, redis: Redis, activity: str, call: str = "", *, person: str = "a1001"
) -> None:
    """Let the telephone of who is at the desk do this, and wait until the people's side knows."""
    seat = {**STATE["agents"]["a1001"], "activity": activity, "call": call}
    await show(redis, agents={person: seat})
    async with asyncio.timeout(30):
        while (await (await desk.ask("GET", "/calls/current")).json())["activity"] != activity:  # noqa: ASYNC110 - another task of the server's sets it
            await asyncio.sleep(0.05)


_calls = itertools.count(1)

CALLER = "13812341234"


def new_call(ago_seconds: float = 60) -> str:
    return f"n1-17-{int(time.time() - ago_seconds)}.{next(_calls)}"


async def record_call(
    pool: Pool, agent: str | None = "a1001", *, call_id: str = "", caller: str = CALLER
) -> str:
    """Write the record of a call down as the ledger does; returns its id."""
    call_id = call_id or new_call()
    await pool.execute(
        """
        INSERT INTO call (
            opened_at, call_id, node, boot, direction, caller, dialled, started_at, answered_at,
            ended_at, final, disposition, short, menu_path, queue, agent, wait_ms, ring_ms,
            talk_ms, hold_ms, rating_offered, recorded, inexact, digest)
        VALUES (call_opened_at($1), $1, 'n1', 17, 'inbound', $2, '12320', call_opened_at($1),
            call_opened_at($1), now(), true, 'answered', false, 'm_main>1', 'consult', $3,
            5000, 3000, 40000, 0, true, true, false, sha256('x'))
        """,
        call_id,
        caller,
        agent,
    )
    return call_id


async def file_request(pool: Pool, call_id: str, code: str = "C02.01.01") -> None:
    """File what a recorded call was about, as its agent would at once."""
    await pool.execute(
        "INSERT INTO request (opened_at, call_id, made_at, scheme, service, code, source,"
        " position, confidence, settlement, unit)"
        " VALUES (call_opened_at($1), $1, call_opened_at($1), '12320-2016', $2, $3, 'agent', 1, 1,"
        " 'on_the_spot', 'self')",
        call_id,
        code[0],
        code,
    )
