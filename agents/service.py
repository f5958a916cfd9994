"""The people's side, running until told to stop. It decides nothing; it puts parts together."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import asyncpg
import structlog
from aiohttp import web
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agents import audit, places, upkeep, users
from agents.alarms import Alarms
from agents.attendance import Attendance, Doors
from agents.auth import Identity, Sessions
from agents.feed import Feed
from agents.learner import keep_learning
from agents.live import Watch
from agents.passwords import Vault
from agents.reports.mailing import Post, hold_to_writers
from agents.roles import Role
from agents.runs import Runner
from agents.statistics import issue_runs
from agents.suggestions import Suggestions
from agents.web.app import Parts, Stores, make_app
from agents.web.enter import link_of
from ivr.asterisk.link import Link, Pace
from ivr.categories.commands import open_learnt
from ivr.config import RedisSettings, Settings, WebSettings
from ivr.database import Pool, make_pool, transaction
from ivr.errors import DatabaseFailed, SettingsInvalid
from ivr.supervision import Supervisor

REDIS_CONNECTIONS: Final = 16
SHUTDOWN_SECONDS: Final = 2.0
"""How long open requests may take to end; a live picture has no end of its own."""

_PASSWORD_BYTES: Final = 15
"""Of randomness in a password that we make: twenty characters."""

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
async def running(settings: Settings, clock: Callable[[], float] = time.time) -> AsyncIterator[int]:
    """Serve while the block runs.

    Args:
        settings: of this node.
        clock: seconds since 1970, by which limits are counted a minute.

    Yields:
        The port, which the system chooses when the settings say 0.

    Raises:
        SettingsInvalid: reports are to be mailed, and what writes them is not installed.
    """
    if settings.mail.host:
        hold_to_writers()
    async with (
        make_pool(settings.database, purpose="agents") as pool,
        open_redis(settings.redis) as redis,
        asyncio.TaskGroup() as tasks,
    ):
        parts = Parts(
            Watch(redis, settings.node.name),
            Suggestions(lambda: open_learnt(settings.web.model)),
            Feed(redis, settings.node.name),
            Runner(
                pool,
                settings.database,
                {issue_runs.KIND: issue_runs.WORKER},
                log_level=settings.log_level,
            ),
        )
        parts.feed.watch(parts.watch.hear)
        running_beside = [
            tasks.create_task(work, name=name)
            for name, work in _beside(pool, settings, parts).items()
        ]
        app = make_app(settings, Stores(pool, redis), parts, clock)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        try:
            await runner.setup()
            site = web.TCPSite(runner, settings.web.host, settings.web.port)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
            for task in running_beside:
                task.cancel()
            parts.suggestions.close()


def _beside(pool: Pool, settings: Settings, parts: Parts) -> dict[str, Coroutine[Any, Any, object]]:
    """Return what runs beside the application, by name."""
    link = None
    if settings.desk_ami.secret.get_secret_value():
        link = Link(settings.desk_ami, pace=Pace(snapshot=None))
    doors = Doors(pool, settings.database, parts.watch, parts.feed, link)
    wrap_up = timedelta(seconds=settings.web.wrap_up_seconds)
    work: dict[str, Coroutine[Any, Any, object]] = {
        "watch": parts.watch.run(),
        "feed": parts.feed.run(),
        "upkeep": upkeep.run(pool),
        "places": asyncio.to_thread(places.prepare),
        "presence": Attendance(doors, wrap_up).run(),
        "runs": parts.runner.run(),
        "alarms": Alarms(pool, parts.watch, parts.feed).run(),
    }
    if link is not None:
        work["link"] = link.run()
    if settings.mail.host:
        post = Post(pool, settings.database, settings.mail, parts.feed, settings.web.address)
        work["mailing"] = post.run()
    if settings.web.suggestions:
        work["model"] = parts.suggestions.prepare()
        work["learner"] = keep_learning(pool, settings, parts.suggestions.prepare)
    return work


async def make_link(settings: Settings, person: str, role: Role | None) -> str:
    """Make a one-time link for somebody, who becomes a user if he is none yet.

    Args:
        settings: where users and links are kept.
        person: staff id.
        role: of a new user, an administrator when None; a known one keeps his own.

    Raises:
        OSError, RedisError: Redis cannot be asked.
        SettingsInvalid: the person is known in another role.
        DatabaseFailed: PostgreSQL cannot be asked.
    """
    async with stores(settings) as (pool, redis):
        identity = await _known(pool, settings, person, role)
        secret = await Sessions(redis, pool).make_link(identity)
    return link_of(address_of(settings.web), secret)


async def make_account(settings: Settings, identity: Identity) -> str | None:
    """Make a user with a password of our making; None when he is there already.

    Raises:
        DatabaseFailed: PostgreSQL cannot be asked.
    """
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    async with stores(settings) as (pool, _), transaction(pool, settings.database) as connection:
        if not await users.create(connection, users.OPERATOR, identity):
            return None
        await users.set_password(connection, Vault(), identity.person, password)
    return password


async def _known(pool: Pool, settings: Settings, person: str, role: Role | None) -> Identity:
    async with transaction(pool, settings.database) as connection:
        identity = Identity(person, role or Role.ADMINISTRATOR, person)
        if not await users.create(connection, users.OPERATOR, identity):
            account = await users.account_of(connection, person)
            if account is None or role not in {None, account.identity.role}:
                raise SettingsInvalid(f"--role: {person} is known in another role.")
            identity = account.identity
        await audit.note(connection, users.OPERATOR, "link.made", f"user:{person}")
    return identity


@asynccontextmanager
async def stores(settings: Settings) -> AsyncIterator[tuple[Pool, Redis]]:
    """Open both stores for one command.

    Raises:
        DatabaseFailed: PostgreSQL cannot be asked.
    """
    try:
        async with (
            make_pool(settings.database, purpose="agents") as pool,
            open_redis(settings.redis) as redis,
        ):
            yield pool, redis
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseFailed(f"expected it to answer, came {type(error).__name__}.") from None


def address_of(settings: WebSettings) -> str:
    """Give the address people use."""
    return settings.address or f"http://{settings.host}:{settings.port}"
