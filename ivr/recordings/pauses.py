"""Where a recording was paused: folded from the journal's events. Pure.

While it is paused nothing is written, so the sound goes on at once where it stopped; a mark says
where, and how long was left out. Sound is written only while the caller is joined with somebody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ivr import events as ev


@dataclass(frozen=True, slots=True)
class Pause:
    """A mark in a recording."""

    offset_ms: int
    """In the file: where the sound before and after the pause meet."""
    pause_ms: int
    """How much of the conversation is not in the file."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Time between two facts."""

    length_us: int
    joined: bool
    paused: bool


def pauses(events: Iterable[ev.Event]) -> tuple[Pause, ...]:
    """Find the pauses of one call's conversation recording.

    Args:
        events: all of the call, in any order.

    Returns:
        In the order of the file. One that nobody ended lasts as long as the conversation.
    """
    story = sorted(set(events), key=ev.chronology)
    party = next((event.channel for event in story if isinstance(event, ev.RecordingStarted)), None)
    written_us = left_out_us = 0
    found: list[Pause] = []
    for stretch in _stretches(story, party):
        if stretch.paused:
            left_out_us += stretch.length_us if stretch.joined else 0
        else:
            if left_out_us:
                found.append(Pause(written_us // 1000, left_out_us // 1000))
            left_out_us = 0
            written_us += stretch.length_us if stretch.joined else 0
    if left_out_us:
        found.append(Pause(written_us // 1000, left_out_us // 1000))
    return tuple(found)


def _stretches(story: list[ev.Event], party: str | None) -> Iterator[_Stretch]:
    joined = paused = False
    before_us: int | None = None
    for event in story:
        if before_us is not None:
            yield _Stretch(event.at_us - before_us, joined, paused)
        before_us = event.at_us
        if isinstance(event, ev.RecordingPaused | ev.RecordingResumed):
            paused = isinstance(event, ev.RecordingPaused)
        elif event.channel == party and isinstance(event, ev.BridgeEntered):
            joined = True
        elif event.channel == party and isinstance(
            event, ev.BridgeLeft | ev.ChannelHungUp | ev.ChannelEnded
        ):
            joined = False
