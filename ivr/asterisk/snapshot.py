"""What Asterisk looks like at one moment: channels, queues and devices, as typed values.

Callers' numbers and names are left behind here; a call is known by its channel's unique id and
its linked id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from ivr.asterisk.ami import Event


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """One leg of a call."""

    channel: str
    """Its name, such as `PJSIP/agent-a1001-00000003`."""
    uniqueid: str
    linkedid: str
    """The call's id."""
    state: str
    """Asterisk's word: Down, Ring, Ringing, Up, Busy …"""
    bridge: str = ""
    """Id of the bridge in which it is joined with others; empty: it is alone."""


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """One queue and its totals since Asterisk loaded it."""

    queue: str
    strategy: str
    completed: int
    abandoned: int


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """One device that takes calls of one queue."""

    queue: str
    interface: str
    paused: bool
    pause_reason: str
    in_call: bool
    device_state: int
    """Number of the device's state as app_queue prints it, 0 to 8."""


@dataclass(frozen=True, slots=True)
class CallerSeen:
    """One caller who waits in one queue."""

    queue: str
    uniqueid: str
    position: int
    """1 is next."""
    waited_seconds: int
    priority: int


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """One device's state."""

    device: str
    """Such as `PJSIP/agent-a1001`."""
    state: str
    """Asterisk's word: NOT_INUSE, INUSE, RINGING, UNAVAILABLE …"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment.

    Events that stand after it in the stream may be older than it, by the time that asking
    took; applied in order they end in the right state.
    """

    channels: tuple[ChannelSeen, ...]
    queues: tuple[QueueSeen, ...]
    members: tuple[MemberSeen, ...]
    callers: tuple[CallerSeen, ...]
    devices: tuple[DeviceSeen, ...]
    unreadable: int = 0
    """Items left out because a header was missing, repeated or no number."""


def _channel(item: Event) -> ChannelSeen:
    return ChannelSeen(
        item["Channel"],
        item["Uniqueid"],
        item["Linkedid"],
        item["ChannelStateDesc"],
        item.get("BridgeId"),
    )


def _queue(item: Event) -> QueueSeen:
    return QueueSeen(
        item["Queue"], item["Strategy"], int(item["Completed"]), int(item["Abandoned"])
    )


def _member(item: Event) -> MemberSeen:
    return MemberSeen(
        queue=item["Queue"],
        interface=item["Location"],
        paused=item["Paused"] == "1",
        pause_reason=item.get("PausedReason"),
        in_call=item["InCall"] == "1",
        device_state=int(item["Status"]),
    )


def _caller(item: Event) -> CallerSeen:
    return CallerSeen(
        item["Queue"],
        item["Uniqueid"],
        int(item["Position"]),
        int(item["Wait"]),
        int(item["Priority"]),
    )


def _device(item: Event) -> DeviceSeen:
    return DeviceSeen(item["Device"], item["State"])


_Seen = ChannelSeen | QueueSeen | MemberSeen | CallerSeen | DeviceSeen
_Kind = TypeVar("_Kind", bound=_Seen)

_READERS: Final[dict[str, Callable[[Event], _Seen]]] = {
    "CoreShowChannel": _channel,
    "QueueParams": _queue,
    "QueueMember": _member,
    "QueueEntry": _caller,
    "DeviceStateChange": _device,
}


def snapshot(items: Iterable[Event]) -> Snapshot:
    """Read the items of CoreShowChannels, QueueStatus and DeviceStateList."""
    seen: list[_Seen] = []
    unreadable = 0
    for item in items:
        if reader := _READERS.get(item.name):
            try:
                seen.append(reader(item))
            except (KeyError, ValueError):
                unreadable += 1
    return Snapshot(
        channels=_of(ChannelSeen, seen),
        queues=_of(QueueSeen, seen),
        members=_of(MemberSeen, seen),
        callers=_of(CallerSeen, seen),
        devices=_of(DeviceSeen, seen),
        unreadable=unreadable,
    )


def _of(kind: type[_Kind], seen: list[_Seen]) -> tuple[_Kind, ...]:
    return tuple(item for item in seen if isinstance(item, kind))
