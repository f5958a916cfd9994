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
_AGENT_DIALLED: Final = re.compile(r"PJSIP/agent-(?P<agent>[a-z0-9]{1,16})")

_PARKED: Final = "parked"
_HELD: Final = "held"
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


def without(span: Span, holes: Iterable[Span]) -> list[Span]:
    """Return what of a span lies outside the holes; one of no length stays unless it is in one."""
    begin, end = span
    left: list[Span] = []
    for opens, closes in joined(holes):
        if closes <= begin or opens >= end:
            continue
        if opens > begin:
            left.append((begin, opens))
        begin = closes
    return [*left, (begin, end)] if begin < end or (begin, end) == span else left


def length(spans: Iterable[Span]) -> int:
    """Return how long the spans are together, counting no moment twice."""
    return sum(end - begin for begin, end in joined(spans))


def _overlap(one: Span, other: Span) -> list[Span]:
    begin, end = max(one[0], other[0]), min(one[1], other[1])
    return [(begin, end)] if begin <= end else []


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
    aside: list[tuple[Span, str]] = field(default_factory=list)
    """When it was parked or held, and by which agent; empty where that is not known."""

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
        """Return when both were in the same bridge and heard each other.

        A meeting may be of no length. Who is parked or held hears music, in whatever bridge.
        """
        aside = [span for span, _ in (*self.aside, *other.aside)]
        return [
            heard
            for bridge, mine in self.bridged
            for other_bridge, theirs in other.bridged
            if bridge == other_bridge
            for both in _overlap(mine, theirs)
            for heard in without(both, aside)
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
        self._put_aside_by: dict[tuple[str, str], str] = {}
        self._call_id = story[0].linked_id
        self._ended = False
        for event in story:
            self._take(event)
        for key in list(self._entered):
            self._close(key, self._last_known(*key))
        self._pipes = self._ends_of_pipes()
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
        """Return whom a channel was joined with, and when, the earliest first.

        Nobody speaks with a pipe of Asterisk's own, but with who is at its other end.
        """
        found = [
            (other, span)
            for other in self
            if other is not channel and other.kind is not LegKind.LOCAL
            for span in (*channel.meetings(other), *self._through_pipes(channel, other))
        ]
        return sorted(found, key=lambda talk: (talk[1], talk[0].id))

    def _through_pipes(self, channel: Channel, other: Channel) -> list[Span]:
        """Return when two were in different bridges with a pipe between them."""
        return [
            both
            for near, far in self._pipes
            for mine in channel.meetings(near)
            for theirs in far.meetings(other)
            for both in _overlap(mine, theirs)
        ]

    def talk_us(self, channel: Channel) -> int:
        """Return for how long it was joined with at least one other."""
        return length(span for _, span in self.talks(channel))

    def hold_us(self, channel: Channel) -> int:
        """Return for how long it was put aside, or its agent had put somebody else aside."""
        return length(self._holds(channel))

    def wrap_up_us(self, channel: Channel) -> int:
        """Return how long an agent's phone stayed off the hook after its last conversation."""
        talks = self.talks(channel)
        if channel.agent is None or channel.ended_us is None or not talks:
            return 0
        after = max(end for _, (_, end) in talks), channel.ended_us
        return length(without(after, self._holds(channel))) if after[0] < after[1] else 0

    def _holds(self, channel: Channel) -> list[Span]:
        life = channel.started_us, channel.ended_us or self.until_us
        own = [span for span, _ in channel.aside]
        others = [
            within
            for other in self
            for span, by in other.aside
            if channel.agent is not None and by == channel.agent
            for within in _overlap(span, life)
        ]
        return joined([*own, *others])

    def _ends_of_pipes(self) -> list[tuple[Channel, Channel]]:
        by_name = {channel.name: channel for channel in self if channel.kind is LegKind.LOCAL}
        pairs = [
            (near, by_name[f"{pipe};2"])
            for name, near in by_name.items()
            for pipe, sign, end in [name.rpartition(";")]
            if sign and end == "1" and f"{pipe};2" in by_name
        ]
        return [*pairs, *((far, near) for near, far in pairs)]

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
                self._resume(channel, event.at_us)
                self._entered.setdefault((channel.id, event.bridge), event.at_us)
            case ev.BridgeLeft():
                self._close((channel.id, event.bridge), event.at_us)
            case ev.ChannelParked():
                by = _AGENT_DIALLED.fullmatch(event.parker)
                self._put_aside((channel.id, _PARKED), event.at_us, by["agent"] if by else "")
            case ev.ChannelUnparked():
                self._close((channel.id, _PARKED), event.at_us)
            case ev.ChannelHeld():
                self._put_aside((channel.id, _HELD), event.at_us, event.agent)
            case ev.ChannelResumed():
                self._resume(channel, event.at_us)

    def _put_aside(self, key: tuple[str, str], at_us: int, agent: str) -> None:
        self._entered.setdefault(key, at_us)
        self._put_aside_by.setdefault(key, agent)

    def _resume(self, channel: Channel, at_us: int) -> None:
        """End a hold if there is one: to be joined again is to be heard again."""
        if (channel.id, _HELD) in self._entered:
            self._close((channel.id, _HELD), at_us)

    def _close(self, key: tuple[str, str], at_us: int) -> None:
        entered_us = self._entered.pop(key, None)
        if entered_us is None:
            self.inexact = True
            return
        channel_id, place = key
        channel = self._by_id[channel_id]
        if place in (_PARKED, _HELD):
            channel.aside.append(((entered_us, at_us), self._put_aside_by.pop(key, "")))
        else:
            channel.bridged.append((place, (entered_us, at_us)))

    def _last_known(self, channel_id: str, place: str) -> int:
        channel = self._by_id[channel_id]
        self.inexact |= channel.ended_us is not None and place != _HELD
        return channel.ended_us or self.until_us
