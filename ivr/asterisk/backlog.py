"""The ordered, bounded stream between the parser and the handlers.

What is put in comes out in the same order, to one reader. The socket is always read, for
Asterisk cuts off a manager client that stops reading; so when the reader is slower than
Asterisk and the bound is reached, events go: first those that the next snapshot redraws, then
the oldest. Each is counted, and `shed` wakes whoever takes the snapshot.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ivr.asterisk.ami import Event

Item = TypeVar("Item")

REDRAWABLE: Final = frozenset(
    {
        "BridgeCreate",
        "BridgeDestroy",
        "BridgeMerge",
        "BridgeVideoSourceUpdate",
        "ChallengeSent",
        "ChannelTalkingStart",
        "ChannelTalkingStop",
        "ContactStatus",
        "DTMFBegin",
        "DTMFEnd",
        "DeviceStateChange",
        "ExtensionStatus",
        "LocalBridge",
        "LocalOptimizationBegin",
        "LocalOptimizationEnd",
        "MixMonitorMute",
        "MixMonitorStart",
        "MixMonitorStop",
        "MusicOnHoldStart",
        "MusicOnHoldStop",
        "NewAccountCode",
        "NewCallerid",
        "NewConnectedLine",
        "Newexten",
        "Newstate",
        "PeerStatus",
        "PresenceStateChange",
        "QueueMemberStatus",
        "RTCPReceived",
        "RTCPSent",
        "SuccessfulAuth",
        "TestEvent",
        "VarSet",
    }
)
"""Events that only repeat what a snapshot says, or that nobody acts on."""


class Slot(Generic[Item]):
    """A place kept in the stream for something that is still being fetched.

    The reader waits at it, so that what it becomes stands before all that came in later.

    Attributes:
        passed: set when the reader has gone by.
    """

    def __init__(self) -> None:
        self.passed = asyncio.Event()
        self._item: asyncio.Future[Item | None] = asyncio.get_running_loop().create_future()

    def fill(self, item: Item) -> None:
        """Put `item` in the kept place."""
        if not self._item.done():
            self._item.set_result(item)

    def close(self) -> None:
        """Let the reader pass; harmless after `fill`."""
        if not self._item.done():
            self._item.set_result(None)

    async def item(self) -> Item | None:
        """Wait for what belongs here; None when it was closed empty."""
        item = await self._item
        self.passed.set()
        return item


@dataclass(slots=True)
class Dropped:
    """How many events never reached the handler because it was too slow."""

    shed: int = 0
    """Redrawable ones."""
    lost: int = 0
    """Others: the bound was reached by these alone."""


class Backlog(Generic[Item]):
    """A bounded first-in first-out stream of events and, never dropped, other items.

    Attributes:
        dropped: counts of what the bound cost.
        shed: set when something was dropped; whoever redraws clears it.
    """

    def __init__(self, limit: int) -> None:
        self.limit: Final = limit
        self.dropped = Dropped()
        self.shed = asyncio.Event()
        self._batches: deque[list[Event] | Item | Slot[Item]] = deque()
        self._count = 0
        self._thinned = False
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        """Count the events that wait, without those already handed to the reader."""
        return self._count

    def put(self, item: Item) -> None:
        """Append something that is not dropped for events' sake."""
        self._append(item)

    def keep_place(self) -> Slot[Item]:
        """Append a place for something still to come; fill it or close it."""
        slot: Slot[Item] = Slot()
        self._append(slot)
        return slot

    def extend(self, events: list[Event]) -> None:
        """Append events, making room first where the bound asks for it."""
        if self._count + len(events) > self.limit:
            events = self._make_room(events)
        else:
            self._thinned = False
        if events:
            self._count += len(events)
            self._append(events)

    def _append(self, batch: list[Event] | Item | Slot[Item]) -> None:
        if len(self._batches) >= 2 * self.limit:  # a reader that never came back
            self._count -= _size(self._batches.popleft())
        self._batches.append(batch)
        self._arrived.set()

    def _make_room(self, events: list[Event]) -> list[Event]:
        kept = _without_redrawable(events)
        before = self._count + len(events)
        if not self._thinned:
            self._thin()
        self.dropped.shed += before - self._count - len(kept)
        surplus = self._count + len(kept) - self.limit
        if surplus > 0:
            self.dropped.lost += surplus
            surplus -= self._drop_oldest(surplus)
        self.shed.set()
        return kept[max(surplus, 0) :]

    def _thin(self) -> None:
        thinned = (
            _without_redrawable(batch) if isinstance(batch, list) else batch
            for batch in self._batches
        )
        self._batches = deque(batch for batch in thinned if batch != [])
        self._count = sum(map(_size, self._batches))
        self._thinned = True

    def _drop_oldest(self, surplus: int) -> int:
        """Drop up to `surplus` of the oldest events and return how many went."""
        wanted, others = surplus, []
        while surplus > 0 and self._batches:
            batch = self._batches.popleft()
            if not isinstance(batch, list):
                others.append(batch)
                continue
            if len(batch) > surplus:
                self._batches.appendleft(batch[surplus:])
            surplus -= min(surplus, len(batch))
        self._batches.extendleft(reversed(others))
        self._count -= wanted - surplus
        return wanted - surplus

    async def batches(self) -> AsyncIterator[list[Event] | Item]:
        """Hand out everything in order, events by the batch, waiting for more; for one reader.

        A reader that does not wait empties the backlog before anything else gets a turn: at
        most `limit` events long. Were it to step back earlier, uvloop, which may read 8 MB
        (17,000 events) in one turn, would overrun it.
        """
        while True:
            while not self._batches:
                self._arrived.clear()
                await self._arrived.wait()
            batch = self._batches.popleft()
            if isinstance(batch, list):
                self._count -= len(batch)
                yield batch
            elif isinstance(batch, Slot):
                item = await batch.item()
                if item is not None:
                    yield item
            else:
                yield batch

    async def items(self) -> AsyncIterator[Event | Item]:
        """Hand out everything one by one; for one reader."""
        async for batch in self.batches():
            if isinstance(batch, list):
                batch.reverse()
                while batch:  # let go of each at once: its memory is warm for the next
                    yield batch.pop()
            else:
                yield batch


def _size(batch: object) -> int:
    return len(batch) if isinstance(batch, list) else 0


def _without_redrawable(events: list[Event]) -> list[Event]:
    return [event for event in events if event.name not in REDRAWABLE]
