"""The live view's shell: from the link into Redis, and the heartbeat back to Asterisk.

Redis holds the whole state under one key, with a version and an expiry, and a stream of
changes. Nothing is counted or locked there: a flushed, stopped or full Redis costs the desks
their picture until the next whole write, and calls nothing at all.

    hotline:<node>:live      JSON of `ivr.board.state` with `version`; gone when we are
    hotline:<node>:events    stream of `ivr.board.Change`, each with the state's `version`
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from ivr import board, queues
from ivr.asterisk.actions import SetVariable
from ivr.asterisk.ami import Event
from ivr.asterisk.link import Connected, Disconnected, Item, Link
from ivr.asterisk.variables import BEAT, BEAT_SECONDS
from ivr.config import RedisSettings
from ivr.errors import HotlineError, LinkLost

_log = structlog.get_logger()

Check = Callable[[], Awaitable[bool]]

REFRESH_SECONDS: Final = 2.0
"""The whole state is written this often though nothing changed; a flushed Redis is whole again
after it."""

EXPIRY_SECONDS: Final = 10
"""The state of a bridge that is gone disappears after this."""

EVENTS_KEPT: Final = 10_000
"""About how many changes a desk may be behind before it must read the whole state."""

_GATHER_SECONDS: Final = 0.05
"""Changes this close together are written at once."""

_CHECK_SECONDS: Final = 1.0

_WITHHELD_SECONDS: Final = 0.5
"""Whoever is ill is asked this often whether he is well."""


def state_key(node: str) -> str:
    """Return the key of a node's whole live state."""
    return f"hotline:{node}:live"


def stream_key(node: str) -> str:
    """Return the key of a node's stream of changes."""
    return f"hotline:{node}:events"


def connect(settings: RedisSettings) -> Redis:
    """Return a client that answers or fails within the deadline and never sends twice."""
    return Redis.from_url(
        settings.url,
        decode_responses=True,
        socket_timeout=settings.deadline_seconds,
        socket_connect_timeout=settings.deadline_seconds,
        retry=Retry(NoBackoff(), 0),
        max_connections=4,
    )


class Board:
    """Writes views to Redis, whole; what a reader may have missed it is told to read again."""

    def __init__(self, redis: Redis, node: str, deadline_seconds: float) -> None:
        self._redis = redis
        self._node = node
        self._deadline = 2 * deadline_seconds  # a new connection and the write
        self._version = 0
        self._shown: queues.View | None = None

    async def show(self, view: queues.View, at: float) -> None:
        """Write the whole state and what changed since the last time.

        Raises:
            OSError, RedisError: it may or may not have been written; the next time readers are
                told to read the whole state.
        """
        self._version = max(self._version + 1, round(at * 1_000))
        told = [board.RENEWED] if self._shown is None else board.changes(self._shown, view)
        self._shown = None
        state = board.state(view, at) | {"version": self._version}
        async with asyncio.timeout(self._deadline), self._redis.pipeline() as pipe:
            pipe.set(state_key(self._node), json.dumps(state), ex=EXPIRY_SECONDS)
            for change in told:
                entry = change | {"version": self._version}
                pipe.xadd(
                    stream_key(self._node),
                    entry,  # type: ignore[arg-type]  # redis-py asks for its own wider dict
                    maxlen=EVENTS_KEPT,
                    approximate=True,
                )
            try:
                await pipe.execute()
            except ResponseError as error:
                if "WRONGTYPE" in str(error):  # somebody else's key: ours again the next time
                    await self._redis.delete(stream_key(self._node))
                raise
        self._shown = view


class Live:
    """The live view of one node, kept in memory, shown in Redis, and its heartbeat.

    Attributes:
        view: queues and seats as they are now.
    """

    def __init__(
        self,
        link: Link,
        settings: RedisSettings,
        node: str,
        checks: Mapping[str, Check],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Watch `link`; the heart beats only while each of `checks`, by name, says True."""
        self.view = queues.View()
        self._link = link
        self._settings = settings
        self._node = node
        self._checks = checks
        self._now = now
        self._changed = asyncio.Event()
        self._withheld = LinkLost.__name__

    async def run(self) -> None:
        """Follow, show and beat until cancelled; the caller runs the link itself."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._link.deliver(self._follow))
            tasks.create_task(self._show())
            tasks.create_task(self._beat())

    def _follow(self, item: Item) -> None:
        before, at = self.view, self._now()
        if isinstance(item, Event):
            self.view = queues.fold(before, item, at)
        elif isinstance(item, Connected | Disconnected):
            self.view = queues.lost(before)
        else:
            self.view = queues.redraw(before, item, at)
        if self.view is not before:
            self._changed.set()

    async def _show(self) -> None:
        async with connect(self._settings) as redis:
            shown = Board(redis, self._node, self._settings.deadline_seconds)
            lost_at = 0.0
            own = asyncio.current_task()
            # redis-py 8.1 can lose the cancellation of a question: seen while it connects.
            while own is None or not own.cancelling():
                self._changed.clear()
                try:
                    await shown.show(self.view, self._now())
                except (OSError, RedisError) as failure:
                    if not lost_at:
                        lost_at = self._now()
                        _log.warning("live.redis_lost", reason=type(failure).__name__)
                    await asyncio.sleep(self._settings.deadline_seconds)
                    continue
                if lost_at:
                    _log.info("live.redis_back", down_seconds=round(self._now() - lost_at, 1))
                    lost_at = 0.0
                await asyncio.sleep(_GATHER_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(REFRESH_SECONDS):
                        await self._changed.wait()

    async def _beat(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            failing = await self._failing_check()
            if not failing:
                try:
                    await self._link.send(SetVariable(BEAT, str(int(self._now()))))
                except HotlineError as error:
                    failing = type(error).__name__
            self._note_beat(failing)
            pause = _WITHHELD_SECONDS if failing else BEAT_SECONDS
            await asyncio.sleep(max(0.0, begun + pause - clock()))

    async def _failing_check(self) -> str:
        for name, check in self._checks.items():
            try:
                async with asyncio.timeout(_CHECK_SECONDS):
                    well = await check()
            except Exception:  # noqa: BLE001  # a check that cannot say it is well is not
                well = False
            if not well:
                return name
        return ""

    def _note_beat(self, failing: str) -> None:
        if failing != self._withheld:
            if failing:
                _log.warning("live.beat_withheld", check=failing)
            else:
                _log.info("live.beating")
            self._withheld = failing
