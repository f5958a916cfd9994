"""Who waits where and which agent does what: the live view, folded from snapshots and events.

`fold` is the only way the view changes. A snapshot replaces it, keeping what a snapshot cannot
know: since when. An event that names a queue or device that no snapshot has shown changes
nothing, for a caller can forge events; the next snapshot tells. Times are seconds since 1970,
given by whoever calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from ivr.asterisk.ami import Event
from ivr.asterisk.snapshot import CallerSeen, MemberSeen, Snapshot

_LAST_SECOND: Final = 2_267_225_600
_SECONDS_OF_A_CLASS: Final = 500_000_000
_LONGEST_WAIT: Final = 86_400
"""Nobody stands in a line for longer than a day; an older second is none."""

AGENT_INTERFACE: Final = "PJSIP/agent-"
"""An agent's device is called this, followed by the agent's id."""


class Activity(StrEnum):
    """What an agent's seat does, as a supervisor sees it."""

    OFFLINE = "offline"
    READY = "ready"
    RINGING = "ringing"
    TALKING = "talking"
    PAUSED = "paused"


_DEVICE_STATES: Final = (
    "UNKNOWN",
    "NOT_INUSE",
    "INUSE",
    "BUSY",
    "INVALID",
    "UNAVAILABLE",
    "RINGING",
    "RINGINUSE",
    "ONHOLD",
)
"""By the number that app_queue prints (AST_DEVICE_* of Asterisk's devicestate.h)."""

_ACTIVITIES: Final[Mapping[str, Activity]] = {
    "INVALID": Activity.OFFLINE,
    "UNAVAILABLE": Activity.OFFLINE,
    "RINGING": Activity.RINGING,
    "RINGINUSE": Activity.TALKING,
    "INUSE": Activity.TALKING,
    "BUSY": Activity.TALKING,
    "ONHOLD": Activity.TALKING,
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller in a queue; who he is stays with Asterisk and the ledger."""

    uniqueid: str
    """His channel."""
    call: str
    """The call's linked id."""
    since: float


@dataclass(frozen=True, slots=True)
class Line:
    """One queue: its callers, the next one first, and its totals since Asterisk loaded it."""

    waiting: tuple[Waiting, ...] = ()
    completed: int = 0
    abandoned: int = 0

    def longest_wait(self, at: float) -> float:
        """Return how many seconds the caller who came first has waited, 0 with none."""
        return max((at - caller.since for caller in self.waiting), default=0.0)

    def without(self, uniqueid: str) -> Line:
        """Return the line after a caller left it."""
        left = tuple(caller for caller in self.waiting if caller.uniqueid != uniqueid)
        return self if len(left) == len(self.waiting) else replace(self, waiting=left)


@dataclass(frozen=True, slots=True)
class Seat:
    """One agent's device and what it does."""

    queues: frozenset[str] = frozenset()
    paused: frozenset[str] = frozenset()
    """The queues whose calls it does not take now."""
    pause_reason: str = ""
    device: str = "UNKNOWN"
    call: str = ""
    """Linked id of the call that rings here or is talked through here."""
    since: float = 0.0
    """When the activity began."""

    @property
    def activity(self) -> Activity:
        """What a supervisor sees: a call counts more than a pause, being away more than both."""
        busy = _ACTIVITIES.get(self.device)
        if busy is not None:
            return busy
        if self.queues and self.paused >= self.queues:
            return Activity.PAUSED
        return Activity.READY


@dataclass(frozen=True, slots=True)
class View:
    """All queues by name and all seats by interface."""

    lines: Mapping[str, Line] = field(default_factory=dict)
    seats: Mapping[str, Seat] = field(default_factory=dict)
    entered: Mapping[str, float] = field(default_factory=dict)
    """Channel to when its caller first stood in a line; who leaves for a moment keeps his wait."""
    current: bool = False
    """False: the link is down, or no snapshot came since it is up."""
    unreadable: int = 0
    """Events whose headers were missing, repeated or no numbers."""

    def with_line(self, queue: str, line: Line) -> View:
        """Return the view with one queue changed."""
        return replace(self, lines={**self.lines, queue: line})

    def with_seat(self, interface: str, seat: Seat, at: float) -> View:
        """Return the view with one seat changed; a new activity begins `at`."""
        before = self.seats.get(interface)
        since = before.since if before and before.activity == seat.activity else at
        return replace(self, seats={**self.seats, interface: replace(seat, since=since)})


def agent_of(interface: str) -> str:
    """Return the agent's id, or the interface when it is not an agent's."""
    return interface.removeprefix(AGENT_INTERFACE)


def interface_of(channel: str) -> str:
    """Return the device that a channel belongs to: `PJSIP/agent-a1001-0000000f` without its end."""
    return channel.rpartition("-")[0]


def lost(view: View) -> View:
    """Return the view after the link was lost: as it was, but no longer current."""
    return replace(view, current=False)


def fold(view: View, event: Event, at: float) -> View:
    """Return the view after `event`; one that says nothing of queues or seats changes nothing."""
    change = _CHANGES.get(event.name)
    if change is None:
        return view
    try:
        return change(view, event, at)
    except (KeyError, ValueError):
        return replace(view, unreadable=view.unreadable + 1)


def _joined(view: View, event: Event, at: float) -> View:
    queue, uniqueid, position = event["Queue"], event["Uniqueid"], int(event["Position"])
    if queue not in view.lines:
        return view
    line = view.lines[queue].without(uniqueid)
    since = view.entered.get(uniqueid, at)
    caller = Waiting(uniqueid, event["Linkedid"], since)
    place = max(0, position - 1)
    waiting = (*line.waiting[:place], caller, *line.waiting[place:])
    view = replace(view, entered={**view.entered, uniqueid: since})
    return view.with_line(queue, replace(line, waiting=waiting))


def _left(view: View, event: Event, _at: float) -> View:
    queue, uniqueid = event["Queue"], event["Uniqueid"]
    if queue not in view.lines:
        return view
    return view.with_line(queue, view.lines[queue].without(uniqueid))


def _abandoned(view: View, event: Event, at: float) -> View:
    queue = event["Queue"]
    if queue not in view.lines:
        return view
    line = view.lines[queue]
    return _left(view.with_line(queue, replace(line, abandoned=line.abandoned + 1)), event, at)


def _hung_up(view: View, event: Event, at: float) -> View:
    uniqueid, interface = event["Uniqueid"], interface_of(event["Channel"])
    for queue, line in view.lines.items():
        if (left := line.without(uniqueid)) is not line:
            view = view.with_line(queue, left)
    if uniqueid in view.entered:
        view = replace(view, entered={k: v for k, v in view.entered.items() if k != uniqueid})
    seat = view.seats.get(interface)
    if seat and seat.call == event["Linkedid"]:
        view = view.with_seat(interface, replace(seat, call=""), at)
    return view


def _offered(view: View, event: Event, at: float) -> View:
    return _with_call(view, event["Interface"], event["Linkedid"], at)


def _connected(view: View, event: Event, at: float) -> View:
    return _left(_with_call(view, event["Interface"], event["Linkedid"], at), event, at)


def _completed(view: View, event: Event, at: float) -> View:
    queue = event["Queue"]
    if queue in view.lines:
        line = view.lines[queue]
        view = view.with_line(queue, replace(line, completed=line.completed + 1))
    return _with_call(view, event["Interface"], "", at)


def _not_answered(view: View, event: Event, at: float) -> View:
    return _with_call(view, event["Interface"], "", at)


def _with_call(view: View, interface: str, call: str, at: float) -> View:
    seat = view.seats.get(interface)
    return view.with_seat(interface, replace(seat, call=call), at) if seat else view


def _member_changed(view: View, event: Event, at: float) -> View:
    queue, interface = event["Queue"], event["Interface"]
    if queue not in view.lines:
        return view
    seat = view.seats.get(interface, Seat())
    paused = seat.paused | {queue} if event["Paused"] == "1" else seat.paused - {queue}
    seat = replace(
        seat,
        queues=seat.queues | {queue},
        paused=paused,
        pause_reason=event.get("PausedReason") if paused else "",
        device=_device(int(event["Status"])),
    )
    return view.with_seat(interface, seat, at)


def _member_removed(view: View, event: Event, at: float) -> View:
    queue, interface = event["Queue"], event["Interface"]
    seat = view.seats.get(interface)
    if seat is None:
        return view
    if seat.queues <= {queue}:
        return replace(view, seats={k: v for k, v in view.seats.items() if k != interface})
    seat = replace(seat, queues=seat.queues - {queue}, paused=seat.paused - {queue})
    return view.with_seat(interface, seat, at)


def _device_changed(view: View, event: Event, at: float) -> View:
    seat, state = view.seats.get(event["Device"]), event["State"]
    if seat is None or state not in _DEVICE_STATES:
        return view
    return view.with_seat(event["Device"], replace(seat, device=state), at)


_CHANGES: Final[Mapping[str, Callable[[View, Event, float], View]]] = {
    "QueueCallerJoin": _joined,
    "QueueCallerLeave": _left,
    "QueueCallerAbandon": _abandoned,
    "Hangup": _hung_up,
    "AgentCalled": _offered,
    "AgentConnect": _connected,
    "AgentComplete": _completed,
    "AgentRingNoAnswer": _not_answered,
    "AgentDump": _not_answered,
    "QueueMemberAdded": _member_changed,
    "QueueMemberPause": _member_changed,
    "QueueMemberStatus": _member_changed,
    "QueueMemberRemoved": _member_removed,
    "DeviceStateChange": _device_changed,
}


def _device(number: int) -> str:
    return _DEVICE_STATES[number] if 0 <= number < len(_DEVICE_STATES) else "UNKNOWN"


def redraw(view: View, seen: Snapshot, at: float) -> View:
    """Return the view that a snapshot shows; since when is kept for what went on meanwhile."""
    lines = _lines(view, seen, at)
    there = {channel.uniqueid for channel in seen.channels}
    entered = {uniqueid: since for uniqueid, since in view.entered.items() if uniqueid in there}
    entered |= {one.uniqueid: one.since for line in lines.values() for one in line.waiting}
    drawn = View(lines, view.seats, entered, current=True, unreadable=view.unreadable)
    calls = {
        interface_of(channel.channel): channel.linkedid
        for channel in seen.channels
        if channel.channel.startswith(AGENT_INTERFACE)
    }
    seats = _seats(seen)
    for interface, seat in seats.items():
        drawn = drawn.with_seat(interface, replace(seat, call=calls.get(interface, "")), at)
    return replace(drawn, seats={interface: drawn.seats[interface] for interface in seats})


def _lines(view: View, seen: Snapshot, at: float) -> Mapping[str, Line]:
    calls = {channel.uniqueid: channel.linkedid for channel in seen.channels}
    lines: dict[str, Line] = {}
    for queue in seen.queues:
        callers = sorted(
            (c for c in seen.callers if c.queue == queue.queue), key=lambda c: c.position
        )
        waiting = tuple(
            Waiting(c.uniqueid, calls.get(c.uniqueid, c.uniqueid), _since(view, c, at))
            for c in callers
        )
        lines[queue.queue] = Line(waiting, queue.completed, queue.abandoned)
    return lines


def _since(view: View, caller: CallerSeen, at: float) -> float:
    """Tell when a caller came: his priority says the second, what we saw says it finer."""
    told = entered_second(caller.priority, at)
    known = view.entered.get(caller.uniqueid)
    if told is None:
        return at - caller.waited_seconds if known is None else known
    return known if known is not None and 0 <= known - told < 1 else float(told)


def entered_second(priority: int, at: float) -> int | None:
    """Read from a place in line when it was first taken, in seconds since 1970.

    The dialplan writes it below the class, counted down from 2041 (`QUEUE_PRIO` in inbound.conf).
    None where the number is no such place, or of no day near `at`.
    """
    second = _LAST_SECOND - priority % _SECONDS_OF_A_CLASS
    return second if at - _LONGEST_WAIT < second <= at + 1 else None


def _seats(seen: Snapshot) -> dict[str, Seat]:
    states = {device.device: device.state for device in seen.devices}
    members: dict[str, list[MemberSeen]] = {}
    for member in seen.members:
        members.setdefault(member.interface, []).append(member)
    return {
        interface: Seat(
            queues=frozenset(member.queue for member in of),
            paused=frozenset(member.queue for member in of if member.paused),
            pause_reason=next((member.pause_reason for member in of if member.paused), ""),
            device=states.get(interface, _device(of[0].device_state)),
        )
        for interface, of in members.items()
    }
