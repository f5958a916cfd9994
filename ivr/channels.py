"""The channels of one call, put together from its events: who was joined with whom, and when.

Pure. Times are microseconds since 1970. What was never written (a torn line, a killed engine) is
closed at the next thing known, and the call is marked inexact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from ivr import events as ev
from ivr.calls import LegKind

_AGENT_CHANNEL: Final = re.compile(r"PJSIP/agent-(?P<agent>[a-z0-9]{1,16})-[0-9a-f]+")

_PARKED: Final = "parked"
"""Kept among the bridges' ids, which are UUIDs."""

Span = tuple[int, int]


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, with those that touch made one."""
    result: list[Span] = []
    for begin, end in sorted(spans):
        if result and begin <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((begin, end))
    return result


def length(spans: Iterable[Span]) -> int:
    """Return how long the spans are together, counting no moment twice."""
    return sum(end - begin for begin, end in joined(spans))


@dataclass(slots=True)
class Channel:
    """One channel, as far as its events tell."""

    id: str
    name: str
    started_us: int
    answered_us: int | None = None
    hung_us: int | None = None
    ended_us: int | None = None
    cause: int | None = None
    source: str = ""
    dial_status: str = ""
    bridged: list[tuple[str, Span]] = field(default_factory=list)
    parked: list[Span] = field(default_factory=list)

    @property
    def agent(self) -> str | None:
        """The agent whose phone it leads to."""
        match = _AGENT_CHANNEL.fullmatch(self.name)
        return match["agent"] if match else None

    @property
    def kind(self) -> LegKind:
        """What it leads to."""
        if self.agent:
            return LegKind.AGENT
        if self.name.startswith("PJSIP/trunk"):
            return LegKind.TRUNK
        return LegKind.LOCAL if self.name.startswith("Local/") else LegKind.OTHER

    def rings_us(self, until_us: int) -> int:
        """Return how long it rang: until it was answered, or gave up, or `until_us`."""
        ends = [at for at in (self.answered_us, self.hung_us, self.ended_us) if at is not None]
        return max(0, min([*ends, until_us]) - self.started_us)

    def meetings(self, other: Channel) -> list[Span]:
        """Return when both were in the same bridge; a meeting may be of no length."""
        return [
            (max(mine[0], theirs[0]), min(mine[1], theirs[1]))
            for bridge, mine in self.bridged
            for other_bridge, theirs in other.bridged
            if bridge == other_bridge and max(mine[0], theirs[0]) <= min(mine[1], theirs[1])
        ]


class Channels:
    """All channels of a call, in the order in which they began."""

    def __init__(self, story: Sequence[ev.Event]) -> None:
        """Put the channels together from all events of a call, in chronological order."""
        self.until_us = story[-1].at_us
        """When the last thing is known to have happened."""
        self.inexact = False
        """A fact is missing or out of order."""
        self._by_id: dict[str, Channel] = {}
        self._entered: dict[tuple[str, str], int] = {}
        self._call_id = story[0].linked_id
        self._ended = False
        for event in story:
            self._take(event)
        for key in list(self._entered):
            self._close(key, self._last_known(key[0]))
        self.inexact = self.inexact or any(
            channel.started_us > (channel.ended_us or self.until_us) for channel in self
        )

    def __iter__(self) -> Iterator[Channel]:
        """Yield them in the order in which they began."""
        return iter(self._by_id.values())

    @property
    def over(self) -> bool:
        """Whether the call has ended: it was said so, or every channel is gone."""
        return self._ended or all(channel.ended_us is not None for channel in self)

    @property
    def party(self) -> Channel:
        """The one whose call it is: the channel that gave the call its id.

        Where that is a pipe of Asterisk's own, the first channel that is none.
        """
        named = self._by_id.get(self._call_id)
        if named is not None and named.kind is not LegKind.LOCAL:
            return named
        real = [channel for channel in self if channel.kind is not LegKind.LOCAL]
        return (real or list(self))[0]

    def talks(self, channel: Channel) -> list[tuple[Channel, Span]]:
        """Return whom a channel was joined with, and when, the earliest first."""
        found = [
            (other, span)
            for other in self
            if other is not channel
            for span in channel.meetings(other)
        ]
        return sorted(found, key=lambda talk: (talk[1], talk[0].id))

    def talk_us(self, channel: Channel) -> int:
        """Return for how long it was joined with at least one other."""
        return length(span for _, span in self.talks(channel))

    def _take(self, event: ev.Event) -> None:
        if isinstance(event, ev.CallEnded):
            self._ended = True
            if self._by_id:
                return
        channel = self._by_id.setdefault(
            event.channel, Channel(event.channel, event.name, event.at_us)
        )
        match event:
            case ev.ChannelStarted():
                self.inexact |= event.at_us != channel.started_us
                channel.started_us, channel.name = event.at_us, event.name
            case ev.ChannelAnswered() if channel.answered_us is None:
                channel.answered_us = event.at_us
            case ev.ChannelHungUp():
                channel.hung_us, channel.cause = event.at_us, event.cause
                channel.source, channel.dial_status = event.source, event.dial_status
            case ev.ChannelEnded():
                channel.ended_us = event.at_us
            case _:
                self._move(channel, event)

    def _move(self, channel: Channel, event: ev.Event) -> None:
        match event:
            case ev.BridgeEntered():
                self._entered.setdefault((channel.id, event.bridge), event.at_us)
            case ev.BridgeLeft():
                self._close((channel.id, event.bridge), event.at_us)
            case ev.ChannelParked():
                self._entered.setdefault((channel.id, _PARKED), event.at_us)
            case ev.ChannelUnparked():
                self._close((channel.id, _PARKED), event.at_us)

    def _close(self, key: tuple[str, str], at_us: int) -> None:
        entered_us = self._entered.pop(key, None)
        if entered_us is None:
            self.inexact = True
            return
        channel_id, place = key
        channel = self._by_id[channel_id]
        if place == _PARKED:
            channel.parked.append((entered_us, at_us))
        else:
            channel.bridged.append((place, (entered_us, at_us)))

    def _last_known(self, channel_id: str) -> int:
        channel = self._by_id[channel_id]
        self.inexact |= channel.ended_us is not None
        return channel.ended_us or self.until_us
