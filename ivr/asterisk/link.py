"""The link to one Asterisk: AMI, kept up, ordered, bounded and with an end to every wait.

    link = Link(settings.ami)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(link.run())
        tasks.create_task(link.deliver(handle))
        await link.send(QueuePause("PJSIP/agent-a1001", paused=True))

The handler gets, in order: `Connected`, a `Snapshot`, `Event`s with a fresh `Snapshot` among
them every few seconds, and `Disconnected` when the link is lost. An event may have been forged
by a caller: what matters is believed only when a snapshot says it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import cast

import structlog

from ivr.asterisk.actions import (
    Action,
    CoreShowChannels,
    DeviceStateList,
    Ping,
    QueueStatus,
    Reply,
    checked,
)
from ivr.asterisk.ami import Event, Framer, Skipped
from ivr.asterisk.backlog import Backlog, Dropped, Slot
from ivr.asterisk.connection import Connection
from ivr.asterisk.snapshot import Snapshot, snapshot
from ivr.config import AmiSettings
from ivr.errors import ActionRefused, HotlineError, LinkLost, LoginRefused

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Connected:
    """Asterisk accepted the login; the state is unknown until the snapshot that follows."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The link was lost; from here on the last known state grows old."""

    at: datetime


_Marker = Connected | Disconnected | Snapshot
Item = _Marker | Event
Handler = Callable[[Item], Awaitable[None] | None]
"""A plain function for what needs no waiting, which is faster, or a coroutine function."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and after how long, in seconds."""

    first_retry: float = 0.5
    last_retry: float = 15.0
    """A lost link is sought again after a random time between these, longer each time."""
    refused_retry: float = 60.0
    """After a refused login, so that a wrong secret does not lock the account out."""
    snapshot: float | None = 4.0
    """Between snapshots, so that a lost or forged event is mended within five seconds.
    None: an account that may not list; its events come without snapshots."""
    redraw: float = 0.5
    """The least time between two snapshots when events had to be dropped."""

    def retry(self, attempt: int, chance: float) -> float:
        """Return how long to wait before the `attempt`th retry, from 1; `chance` is 0 to 1."""
        longest = min(self.last_retry, self.first_retry * 2.0 ** min(attempt, 30))
        shortest = max(self.first_retry, longest / 2)
        return shortest + (longest - shortest) * chance


class Link:
    """The AMI connection of one account, kept up by `run`.

    Attributes:
        connected: whether Asterisk accepted the login and the connection stands.
        since: when that last changed, in UTC.
        skipped: what came and was no message, over all connections.
        failures: exceptions that came out of the handler.
    """

    def __init__(self, settings: AmiSettings, *, pace: Pace | None = None) -> None:
        """Check the account's name and secret; connecting is left to `run`.

        Raises:
            ValueRefused: the name or the secret cannot be sent over AMI.
        """
        checked({"Username": settings.username, "Secret": settings.secret.get_secret_value()})
        self.connected = False
        self.since = datetime.now(UTC)
        self.skipped = Skipped()
        self.failures = 0
        self._settings = settings
        self._pace = pace or Pace()
        self._backlog: Backlog[_Marker] = Backlog(settings.backlog)
        self._connection: Connection | None = None
        self._noted = (Dropped(), Skipped())
        self._lists_devices = True
        self._blind_before = 0.0
        self._blind_from: float | None = None

    @property
    def dropped(self) -> Dropped:
        """Events that never reached the handler because it was too slow."""
        return replace(self._backlog.dropped)

    @property
    def waiting(self) -> int:
        """Events that wait for the handler."""
        return len(self._backlog)

    @property
    def blind_seconds(self) -> float:
        """Seconds without a link since `run` began."""
        if self._blind_from is None:
            return self._blind_before
        return self._blind_before + asyncio.get_running_loop().time() - self._blind_from

    async def run(self) -> None:
        """Connect, and connect again, until cancelled; then the connection is cut at once."""
        self._blind_from = asyncio.get_running_loop().time()
        attempt = 0
        while True:
            attempt += 1
            pause = self._pace.retry(attempt, random.random())  # noqa: S311  # spreads, hides nothing
            try:
                reason = await self._session()
            except LoginRefused as refusal:
                pause = self._pace.refused_retry
                _log.error("link.login_refused", reason=refusal.detail, retry_seconds=pause)
            except (OSError, ValueError, LinkLost) as failure:
                _log.warning(
                    "link.connect_failed", reason=_named(failure), retry_seconds=round(pause, 2)
                )
            else:
                attempt = 0
                _log.warning("link.lost", reason=reason, retry_seconds=round(pause, 2))
            await asyncio.sleep(pause)

    def events(self) -> AsyncIterator[Item]:
        """Hand out everything in order, across reconnections; for one reader."""
        return self._backlog.items()

    async def deliver(self, handler: Handler) -> None:
        """Give everything to `handler`, one by one and in order, until cancelled.

        What the handler raises is logged and counted, and the next item follows.
        """
        async for batch in self._backlog.batches():
            items = cast("list[Item]", batch) if isinstance(batch, list) else [batch]
            items.reverse()
            while items:  # let go of each at once: its memory is warm for the next
                item = items.pop()
                try:
                    if (waiting := handler(item)) is not None:
                        await waiting
                except Exception:  # noqa: BLE001  # whatever a handler does, the link stands
                    self._failed(item)

    def _failed(self, item: Item) -> None:
        self.failures += 1
        if self.failures & (self.failures - 1) == 0:  # 1, 2, 4, 8 …: a flood stays short
            _log.exception("link.handler_failed", item=_named(item), count=self.failures)

    async def send(self, action: Action) -> Reply:
        """Carry out an action, at most once.

        Raises:
            ValueRefused: a field cannot be sent; nothing was.
            LinkLost: there is no link; nothing was sent.
            ActionRefused: Asterisk said no.
            OutcomeUnknown: it was sent, and no answer came in time or before the link was
                lost. It is never sent again.
        """
        return await self._link(action).send(action.headers())

    async def ask(self, action: Action) -> list[Event]:
        """Ask for a list and return its items; raises as `send` does."""
        return await self._link(action).ask(action.headers())

    def _link(self, action: Action) -> Connection:
        if self._connection is None:
            raise LinkLost(f"{action.NAME} was not sent.")
        return self._connection

    async def _session(self) -> str:
        """Live through one connection and return why it ended."""
        connection = Connection(self._settings, Framer(skipped=self.skipped))
        try:
            await connection.open()
            with contextlib.closing(self._opened(connection)) as place:
                return await self._kept_up(connection, place)
        finally:
            connection.abandon("closed by us")
            self._closed()

    async def _kept_up(self, connection: Connection, place: Slot[_Marker]) -> str:
        async with asyncio.TaskGroup() as tasks:
            keepers = [tasks.create_task(self._ping(connection))]
            if self._pace.snapshot is None:
                place.close()
            else:
                keepers.append(tasks.create_task(self._redraw(place, self._pace.snapshot)))
            reason = await connection.lost
            for keeper in keepers:
                keeper.cancel()
        return reason

    def _opened(self, connection: Connection) -> Slot[_Marker]:
        self._blind_before, self._blind_from = self.blind_seconds, None
        self._connection, self._lists_devices = connection, True
        self.connected, self.since = True, datetime.now(UTC)
        self._backlog.put(Connected(self.since))
        place = self._backlog.keep_place()
        connection.deliver_to(self._backlog.extend)
        _log.info(
            "link.connected",
            version=connection.version,
            blind_seconds=round(self._blind_before, 3),
        )
        return place

    def _closed(self) -> None:
        self._note()
        self._connection = None
        if self.connected:
            self._blind_from = asyncio.get_running_loop().time()
            self.connected, self.since = False, datetime.now(UTC)
            self._backlog.put(Disconnected(self.since))

    async def _ping(self, connection: Connection) -> None:
        while True:
            await asyncio.sleep(self._settings.ping_seconds)
            self._note()
            try:
                await self.send(Ping())
            except ActionRefused:
                pass  # an answer is a sign of life
            except LinkLost as silence:
                connection.abandon(silence.detail)
                return

    async def _redraw(self, place: Slot[_Marker], seconds: float) -> None:
        """Put a snapshot into the stream now, every so often, and when events were dropped."""
        while True:
            self._backlog.shed.clear()
            await self._draw(place)
            least = min(self._pace.redraw, seconds)
            await asyncio.sleep(least)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds - least):
                    await self._backlog.shed.wait()
            await place.passed.wait()  # a reader that is behind needs no second one
            place = self._backlog.keep_place()

    async def _draw(self, place: Slot[_Marker]) -> None:
        items: list[Event] = []
        try:
            items += await self.ask(CoreShowChannels())
            items += await self.ask(QueueStatus())
            items += await self._devices()
            place.fill(snapshot(items))
        except (ActionRefused, LinkLost) as failure:
            _log.warning("link.snapshot_failed", reason=failure.detail)
        finally:
            place.close()

    async def _devices(self) -> list[Event]:
        """Ask for the devices' states, unless this Asterisk has not loaded that module.

        Asking again would fill its security log; queue members carry their state anyhow.
        """
        if not self._lists_devices:
            return []
        try:
            return await self.ask(DeviceStateList())
        except ActionRefused:
            self._lists_devices = False
            return []

    def _note(self) -> None:
        """Log what was dropped and skipped since the last time, if anything was."""
        before, now = self._noted, (self.dropped, replace(self.skipped))
        self._noted = now
        if now[0] != before[0]:
            shed, lost = now[0].shed - before[0].shed, now[0].lost - before[0].lost
            _log.warning("link.events_dropped", shed=shed, lost=lost, waiting=self.waiting)
        if now[1] != before[1]:
            _log.warning("link.messages_skipped", total=asdict(now[1]))


def _named(thing: object) -> str:
    if isinstance(thing, Event):
        return thing.name
    detail = thing.detail if isinstance(thing, HotlineError) else ""
    return detail or type(thing).__name__
