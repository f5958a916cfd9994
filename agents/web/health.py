"""For supervisors and monitors: do we live, are we ready, and the figures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from http import HTTPStatus
from typing import Final

import asyncpg
from aiohttp import web
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.desk import Picture
from agents.live import Watch
from agents.web.api import POOL
from agents.web.problems import Handler
from ivr.database import Pool

READY_SECONDS: Final = 1.0
"""How long PostgreSQL and Redis each may take to say that they are there."""

REDIS: Final = web.AppKey("redis", Redis)
WATCH: Final = web.AppKey("watch", Watch)


class Figures:
    """What Prometheus reads. Labels come from closed sets: never a number, name or call."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = Counter(
            "hotline_http_requests",
            "Answers by route and status.",
            ("route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "hotline_http_seconds", "Time to answer.", ("route",), registry=self.registry
        )
        self._waiting = Gauge(
            "hotline_queue_waiting", "Callers in a queue.", ("queue",), registry=self.registry
        )
        self._agents = Gauge(
            "hotline_agents", "Agents by activity.", ("activity",), registry=self.registry
        )
        self._current = Gauge(
            "hotline_live_current", "1 while the picture is current.", registry=self.registry
        )

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def page(self, picture: Picture) -> bytes:
        """Write all figures, those of the live picture among them."""
        self._current.set(picture["current"])
        self._waiting.clear()
        self._agents.clear()
        for queue in picture["queues"]:
            self._waiting.labels(queue["name"]).set(queue["waiting"])
        for agents in picture["agents"]:
            self._agents.labels(agents["activity"]).set(agents["count"])
        return generate_latest(self.registry)


FIGURES: Final = web.AppKey("figures", Figures)


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every answer by its route, not by its path: a path may hold anything."""
    begun = time.perf_counter()
    status = HTTPStatus.INTERNAL_SERVER_ERROR.value
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as answer:
        status = answer.status
        raise
    else:
        return response
    finally:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "none"
        request.app[FIGURES].count(route, status, time.perf_counter() - begun)


async def health(_request: web.Request) -> web.Response:
    """Answer as long as the event loop turns."""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Say whether PostgreSQL and Redis answer in time; 503 when one does not."""
    async with asyncio.TaskGroup() as tasks:
        asked = {
            "postgres": tasks.create_task(_answers(_ask_postgres(request.app[POOL]))),
            "redis": tasks.create_task(_answers(_ask_redis(request.app[REDIS]))),
        }
    found: Mapping[str, bool] = {name: task.result() for name, task in asked.items()}
    status = HTTPStatus.OK if all(found.values()) else HTTPStatus.SERVICE_UNAVAILABLE
    words = {name: "ok" if well else "lost" for name, well in found.items()}
    return web.json_response(words, status=status)


async def metrics(request: web.Request) -> web.Response:
    """Give the figures to Prometheus."""
    page = request.app[FIGURES].page(request.app[WATCH].picture)
    return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _answers(question: Awaitable[object]) -> bool:
    try:
        async with asyncio.timeout(READY_SECONDS):
            await question
    except (OSError, RedisError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True


async def _ask_postgres(pool: Pool) -> None:
    async with pool.acquire(timeout=READY_SECONDS) as connection:
        await connection.execute("SELECT", timeout=READY_SECONDS)


async def _ask_redis(redis: Redis) -> None:
    await redis.ping()
