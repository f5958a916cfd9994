"""What desks and wallboards are told of the live view: the whole state, and what changed.

Nothing here names a caller: a call is its linked id. Times are whole milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ivr.queues import Line, Seat, View, agent_of

Change = dict[str, str | int]
"""One entry of the event stream; `kind` says which."""

RENEWED: Final[Change] = {"kind": "view.renewed"}
"""The reader missed something, or may have: read the whole state."""


def state(view: View, at: float) -> dict[str, object]:
    """Return everything as it is `at`, ready for JSON."""
    return {
        "at_ms": _ms(at),
        "current": view.current,
        "queues": {
            name: {
                "waiting": [
                    {"call": caller.call, "channel": caller.uniqueid, "since_ms": _ms(caller.since)}
                    for caller in line.waiting
                ],
                "longest_wait_ms": _ms(line.longest_wait(at)),
                "completed": line.completed,
                "abandoned": line.abandoned,
            }
            for name, line in sorted(view.lines.items())
        },
        "agents": {
            agent_of(interface): {
                "activity": seat.activity.value,
                "device": seat.device,
                "queues": sorted(seat.queues),
                "paused": sorted(seat.paused),
                "pause_reason": seat.pause_reason,
                "call": seat.call,
                "since_ms": _ms(seat.since),
            }
            for interface, seat in sorted(view.seats.items())
        },
    }


def changes(before: View, after: View) -> list[Change]:
    """Return what a desk must be told so that what it shows becomes `after`."""
    if before.current != after.current:
        return [RENEWED]
    return [*_line_changes(before, after), *_seat_changes(before, after)]


def _line_changes(before: View, after: View) -> Iterator[Change]:
    for queue in sorted({*before.lines, *after.lines}):
        old, new = before.lines.get(queue, Line()), after.lines.get(queue, Line())
        was = {caller.uniqueid for caller in old.waiting}
        stays = {caller.uniqueid for caller in new.waiting}
        for caller in old.waiting:
            if caller.uniqueid not in stays:
                yield _about("caller.left", queue, caller.call, caller.uniqueid, new)
        for caller in new.waiting:
            if caller.uniqueid not in was:
                joined = _about("caller.joined", queue, caller.call, caller.uniqueid, new)
                yield joined | {"since_ms": _ms(caller.since)}


def _about(kind: str, queue: str, call: str, channel: str, line: Line) -> Change:
    waiting = len(line.waiting)
    return {"kind": kind, "queue": queue, "call": call, "channel": channel, "waiting": waiting}


def _seat_changes(before: View, after: View) -> Iterator[Change]:
    for interface in sorted({*before.seats, *after.seats}):
        old, new = before.seats.get(interface), after.seats.get(interface)
        if old != new:
            yield _seat(agent_of(interface), new)


def _seat(agent: str, seat: Seat | None) -> Change:
    if seat is None:
        return {"kind": "agent.left", "agent": agent}
    return {
        "kind": "agent.changed",
        "agent": agent,
        "activity": seat.activity.value,
        "paused": ",".join(sorted(seat.paused)),
        "pause_reason": seat.pause_reason,
        "call": seat.call,
        "since_ms": _ms(seat.since),
    }


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
