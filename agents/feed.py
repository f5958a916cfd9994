"""The one reader of both streams for all sockets of this process.

A socket has a queue with a limit: whoever does not read is cut and comes back where he left off.
Events are found in Redis again by their ids, so a desk that was away for a moment misses nothing,
and one that was away for too long is told to read everything anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.auth import Identity
from agents.events import RENEWED, Cursor, Event, earlier, from_bridge, from_desk, to_desk
from agents.roles import Role
from ivr.live import stream_key

DESK_STREAM: Final = "hotline:desk:events"
KEPT: Final = 10_000
"""About how many of our own events a desk may be behind."""
QUEUED: Final = 256
"""Events that wait for one socket; with one more it is cut."""
REPLAYED: Final = 1_000
"""Events that are told to one who comes back; with more he reads everything anew."""

REMEMBERED_SECONDS: Final = 3_600
"""How long it is known that something was told."""
HERE: Final = "hotline:desk:here"
"""Whose desk is open, whichever process it hangs on: `<role>:<person>` by until when it counts."""
HERE_SECONDS: Final = 10.0
"""A desk counts as open so long after it was noted, and is noted more than twice in it."""

_NOTE_SECONDS: Final = 4.0
_BLOCK_MS: Final = 100
_REST_SECONDS: Final = 0.5
_AT_ONCE: Final = 100

_log = structlog.get_logger()

Entries = list[tuple[str, Mapping[str, str]]]


class Listener:
    """A socket's end of the feed.

    Attributes:
        overrun: whether it was too slow, and has to be cut.
    """

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.overrun = False
        self._waiting: asyncio.Queue[str] = asyncio.Queue(QUEUED)

    def put(self, message: str) -> None:
        """Give it a message; too many make it `overrun`."""
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            self.overrun = True

    async def next(self) -> list[str]:
        """Wait for a message, and return all that are there."""
        came = [await self._waiting.get()]
        while not self._waiting.empty():
            came.append(self._waiting.get_nowait())
        return came


class Feed:
    """Reads both streams and hands every event to those who may hear it."""

    def __init__(self, redis: Redis, node: str, now: Callable[[], float] = time.time) -> None:
        self.cursor = Cursor("0-0", "0-0")
        self._now = now
        self._noted = 0.0
        self._redis = redis
        self._bridge = stream_key(node)
        self._listeners: set[Listener] = set()
        self._watchers: list[Callable[[Event], None]] = []
        self._lost = False

    @property
    def listeners(self) -> int:
        """How many sockets listen."""
        return len(self._listeners)

    def watch(self, act: Callable[[Event], None]) -> None:
        """Tell a part of this process of every event too."""
        self._watchers.append(act)

    async def run(self) -> None:
        """Read until cancelled; through a Redis that is away."""
        own = asyncio.current_task()
        begun = False
        # redis-py 8.1 can lose the cancellation of a question: seen while it connects.
        while own is None or not own.cancelling():
            try:
                if not begun:
                    self.cursor = await self._newest()
                    begun = True
                self._tell(await self._read())
                await self._note_desks()
            except (OSError, RedisError) as error:
                if not self._lost:
                    _log.warning("feed.lost", reason=type(error).__name__)
                self._lost = True
                await asyncio.sleep(_REST_SECONDS)

    async def tell(self, event: Event) -> None:
        """Let every desk that may hear it know of an event, whichever process it hangs on."""
        await self.tell_all([event])

    async def tell_all(self, events: Sequence[Event]) -> None:
        """Tell several at once: all of them or none."""
        async with self._redis.pipeline() as pipe:
            for event in events:
                pipe.xadd(
                    DESK_STREAM,
                    to_desk(event),  # type: ignore[arg-type]  # redis-py asks for its own wider dict
                    maxlen=KEPT,
                    approximate=True,
                )
            await pipe.execute()

    async def hearers(self, events: Sequence[Event]) -> list[str]:
        """Return who would hear any of these now, by staff id: whose desks are open."""
        found: Any = await self._redis.zrangebyscore(HERE, self._now(), "+inf")
        named = [one.partition(":") for one in found]
        here = [Identity(person, Role(role)) for role, _, person in named]
        return sorted({one.person for one in here if any(event.heard_by(one) for event in events)})

    async def tell_once(self, event: Event, name: str) -> bool:
        """Tell what several processes may notice; False when one of them has told it before.

        Args:
            event: to be told.
            name: of what has happened, the same in every process.
        """
        key = f"hotline:told:{name}"
        if not await self._redis.set(key, "1", nx=True, ex=REMEMBERED_SECONDS):
            return False
        await self.tell(event)
        return True

    @contextmanager
    def listening(self, identity: Identity) -> Iterator[tuple[Listener, Cursor]]:
        """Listen while the block runs; what comes after the cursor given is put into it."""
        listener = Listener(identity)
        self._listeners.add(listener)
        self._noted = 0.0
        try:
            yield listener, self.cursor
        finally:
            self._listeners.discard(listener)

    async def missed(self, after: Cursor, until: Cursor, identity: Identity) -> list[str]:
        """Return what somebody missed between two cursors, or that he has to read anew."""
        if await self._forgotten(after):
            return [Event(RENEWED, {}).written(until)]
        found: list[str] = []
        told = after
        async for stream, entry_id, entry in self._between(after, until):
            told = _moved(told, entry_id, bridge=stream == self._bridge)
            found += [
                event.written(told)
                for event in self._events(stream, entry)
                if event.heard_by(identity)
            ]
        return found if len(found) <= REPLAYED else [Event(RENEWED, {}).written(until)]

    async def _between(
        self, after: Cursor, until: Cursor
    ) -> AsyncIterator[tuple[str, str, Mapping[str, str]]]:
        for stream, low, high in (
            (self._bridge, after.bridge, until.bridge),
            (DESK_STREAM, after.desk, until.desk),
        ):
            for entry_id, entry in await self._range(stream, f"({low}", high):
                yield stream, entry_id, entry

    async def _range(
        self, stream: str, low: str = "-", high: str = "+", count: int | None = None
    ) -> Entries:
        found: Any = await self._redis.xrange(stream, low, high, count)
        return list(found or ())

    async def _forgotten(self, after: Cursor) -> bool:
        for stream, seen in ((self._bridge, after.bridge), (DESK_STREAM, after.desk)):
            first = await self._range(stream, count=1)
            if not first and seen != "0-0":
                return True
            if first and earlier(seen, first[0][0]) and seen != "0-0":
                return True
        return False

    async def _newest(self) -> Cursor:
        found = []
        for stream in (self._bridge, DESK_STREAM):
            last: Any = await self._redis.xrevrange(stream, count=1)
            found.append(last[0][0] if last else "0-0")
        return Cursor(*found)

    async def _read(self) -> list[tuple[str, Entries]]:
        streams: dict[Any, Any] = {self._bridge: self.cursor.bridge, DESK_STREAM: self.cursor.desk}
        came: Any = await self._redis.xread(streams, count=_AT_ONCE, block=_BLOCK_MS)
        if self._lost:
            self._lost = False
            _log.info("feed.back")
            self._renew()
        if not came:
            return []
        if isinstance(came, dict):
            return [(stream, batch) for stream, batches in came.items() for batch in batches]
        return [(stream, entries) for stream, entries in came]

    async def _note_desks(self) -> None:
        now = self._now()
        if now < self._noted + _NOTE_SECONDS:
            return
        self._noted = now
        desks = {f"{one.identity.role}:{one.identity.person}" for one in self._listeners}
        async with self._redis.pipeline() as pipe:
            if desks:
                pipe.zadd(HERE, dict.fromkeys(desks, now + HERE_SECONDS))
            pipe.zremrangebyscore(HERE, "-inf", now)
            await pipe.execute()

    def _tell(self, came: list[tuple[str, Entries]]) -> None:
        for stream, entries in came:
            for entry_id, entry in entries:
                self.cursor = _moved(self.cursor, entry_id, bridge=stream == self._bridge)
                for event in self._events(stream, entry):
                    self._hand_out(event)

    def _events(self, stream: str, entry: Mapping[str, str]) -> Iterator[Event]:
        try:
            yield from from_bridge(entry) if stream == self._bridge else from_desk(entry)
        except (KeyError, ValueError) as error:
            _log.warning("feed.unreadable", reason=repr(error))

    def _hand_out(self, event: Event) -> None:
        for act in self._watchers:
            act(event)
        message = ""
        for listener in self._listeners:
            if event.heard_by(listener.identity):
                message = message or event.written(self.cursor)
                listener.put(message)

    def _renew(self) -> None:
        for listener in self._listeners:
            listener.put(Event(RENEWED, {}).written(self.cursor))


def _moved(cursor: Cursor, entry_id: str, *, bridge: bool) -> Cursor:
    return Cursor(entry_id, cursor.desk) if bridge else Cursor(cursor.bridge, entry_id)
