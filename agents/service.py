"""The people's side, running until told to stop. It decides nothing; it puts parts together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiohttp import web
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agents.auth import Identity, Sessions
from agents.live import Watch
from agents.web.app import Stores, make_app
from agents.web.enter import link_of
from ivr.config import RedisSettings, Settings, WebSettings
from ivr.database import make_pool
from ivr.supervision import Supervisor

REDIS_CONNECTIONS: Final = 16
SHUTDOWN_SECONDS: Final = 2.0
"""How long open requests may take to end; a live picture has no end of its own."""

_log = structlog.get_logger()


def open_redis(settings: RedisSettings) -> Redis:
    """Describe a client that waits for a free connection, answers in time, and never repeats."""
    pool = BlockingConnectionPool.from_url(
        settings.url,
        max_connections=REDIS_CONNECTIONS,
        timeout=settings.deadline_seconds,
        socket_timeout=settings.deadline_seconds,
        socket_connect_timeout=settings.deadline_seconds,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
    return Redis.from_pool(pool)


async def serve(settings: Settings, supervisor: Supervisor) -> None:
    """Run the people's side until cancelled."""
    async with running(settings) as port, asyncio.TaskGroup() as tasks:
        try:
            tasks.create_task(supervisor.keep_watched(lambda: True), name="watchdog")
            supervisor.ready()
            _log.info("web.ready", port=port)
            await asyncio.Event().wait()
        finally:
            supervisor.stopping()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[int]:
    """Serve while the block runs.

    Yields:
        The port, which the system chooses when the settings say 0.
    """
    async with (
        make_pool(settings.database, purpose="agents") as pool,
        open_redis(settings.redis) as redis,
        asyncio.TaskGroup() as tasks,
    ):
        watch = Watch(redis, settings.node.name)
        watching = tasks.create_task(watch.run(), name="watch")
        app = make_app(settings.web, Stores(pool, redis), watch)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        try:
            await runner.setup()
            site = web.TCPSite(runner, settings.web.host, settings.web.port)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
            watching.cancel()


async def make_link(settings: Settings, identity: Identity) -> str:
    """Make a one-time link for somebody.

    Raises:
        OSError, RedisError: Redis cannot be asked.
    """
    async with open_redis(settings.redis) as redis:
        secret = await Sessions(redis).make_link(identity)
    return link_of(address_of(settings.web), secret)


def address_of(settings: WebSettings) -> str:
    """Give the address people use."""
    return settings.address or f"http://{settings.host}:{settings.port}"
