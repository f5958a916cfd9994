"""The picture of queues and agents, as last written to Redis by the bridge, for all who watch.

One reader for the whole process. A watcher who is slow misses pictures in between, never the
last one, so nothing piles up.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.desk import UNSEEN, Picture, picture
from agents.events import CALL, Event
from ivr.live import state_key

LOOK_SECONDS: Final = 0.25
"""How often Redis is looked at: with the bridge's 0.05 s well within 0.5 s from event to desk."""

_log = structlog.get_logger()


class Watch:
    """Keeps the newest picture of one node.

    Attributes:
        picture: the newest; `UNSEEN` when there is none.
        seats: what each agent does now, by id, as `ivr.board.state` writes it; empty while
            nothing is known.
        waiting: the calls that stand in a line now; empty while nothing is known.
    """

    def __init__(self, redis: Redis, node: str) -> None:
        self.picture: Picture = UNSEEN
        self.seats: Mapping[str, Mapping[str, Any]] = {}
        self.waiting: frozenset[str] = frozenset()
        self._redis = redis
        self._key = state_key(node)
        self._changed = asyncio.Condition()
        self._seen = True

    async def run(self) -> None:
        """Look until cancelled; a lost Redis shows as a picture that is not current."""
        own = asyncio.current_task()
        # redis-py 8.1 can lose the cancellation of a question: seen while it connects.
        while own is None or not own.cancelling():
            await self._show(await self._look())
            await asyncio.sleep(LOOK_SECONDS)

    def call_of(self, person: str) -> str:
        """Return the call that rings at somebody's telephone or is talked through it, or ``."""
        return str(self.seats.get(person, {}).get("call", ""))

    def hear(self, event: Event) -> None:
        """Know of a telephone that rings before the whole state is looked at again."""
        seat = self.seats.get(event.to)
        if event.kind == CALL and seat is not None:
            told = {"activity": event.data["activity"], "call": event.data["call_id"]}
            self.seats = {**self.seats, event.to: {**seat, **told}}

    async def newer(self, than: Picture, seconds: float) -> Picture:
        """Wait for a picture other than this one, at most so long; then the same comes back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.picture is not than)
        return self.picture

    async def _look(self) -> Picture:
        try:
            written = await self._redis.get(self._key)
            state = None if written is None else json.loads(written)
            seen = UNSEEN if state is None else picture(state)
            known = state if state and state["current"] else {"agents": {}, "queues": {}}
            self.seats = known["agents"]
            lines = known["queues"].values()
            self.waiting = frozenset(one["call"] for line in lines for one in line["waiting"])
        except (OSError, RedisError, ValueError, LookupError, TypeError) as error:
            if self._seen:
                _log.warning("desk.blind", reason=type(error).__name__)
            self._seen = False
            self.seats, self.waiting = {}, frozenset()
            return UNSEEN
        if not self._seen:
            _log.info("desk.sees")
        self._seen = True
        return seen

    async def _show(self, seen: Picture) -> None:
        if seen != self.picture:
            async with self._changed:
                self.picture = seen
                self._changed.notify_all()
