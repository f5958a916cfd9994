"""What agents do, as they mean it and as it is: states as tables, and what follows from what. Pure.

An agent means to be available, wrapping up, paused or away. What is shown is that, unless his
telephone says more: it rings, he talks. The pause in the queues is an effect of what he means;
where the two differ it is the queues that are put right, but for one case: Asterisk pauses
whoever lets it ring, and then that is what he does until he says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from ivr.queues import Activity


class State(StrEnum):
    """States as shown; the last three are seen at the telephone, not meant."""

    AVAILABLE = "available"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"
    AWAY = "away"
    RINGING = "ringing"
    TALKING = "talking"
    UNREACHABLE = "unreachable"
    """Available, but the telephone is not registered."""


REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "break": "休息",
        "meal": "用餐",
        "meeting": "会议",
        "training": "培训",
        "back_office": "后续处理",
        "other": "其他",
    }
)
"""Why one pauses: code to what the staff call it."""

NO_ANSWER: Final = "no_answer"
"""The telephone rang and was not answered; nobody chooses it."""

_AUTO_PAUSE: Final = "Auto-Pause"
"""What app_queue writes when it pauses a member that did not answer."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What an agent means to do."""

    state: State
    since: datetime
    reason: str = ""
    call_id: str = ""
    until: datetime | None = None
    """When a wrap-up ends by itself."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an agent is seen doing."""

    state: State
    reason: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Phone:
    """What the bridge says of an agent's telephone."""

    activity: Activity
    call_id: str
    queues: frozenset[str]
    paused: frozenset[str]
    pause_reason: str
    since: datetime
    """When it began to do so."""


def phone_of(seat: Mapping[str, Any] | None) -> Phone | None:
    """Read a seat of the live view; None while nothing is known."""
    if seat is None:
        return None
    return Phone(
        Activity(seat["activity"]),
        str(seat.get("call", "")),
        frozenset(seat["queues"]),
        frozenset(seat["paused"]),
        str(seat.get("pause_reason", "")),
        datetime.fromtimestamp(seat.get("since_ms", 0) / 1_000, UTC),
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """All that is known of one agent at one moment."""

    meant: Meant
    was: Shown
    """As last shown."""
    phone: Phone | None
    signed_in: bool
    now: datetime
    filed: bool = False
    """Whether he has saved the form of the call that he was last shown in."""

    @property
    def busy(self) -> bool:
        """Whether the telephone rings or is in use."""
        return self.phone is not None and self.phone.activity in _BUSY


_BUSY: Final[Mapping[Activity, State]] = {
    Activity.RINGING: State.RINGING,
    Activity.TALKING: State.TALKING,
}


def _left(moment: Moment) -> bool:
    meant = moment.meant.state is not State.AWAY
    return meant and not moment.signed_in and not moment.busy


def _unanswered(moment: Moment) -> bool:
    """Tell whether it rang in vain since he said that he is there.

    An older pause is the one that he has just ended: the queues have not done so yet, and one of
    them does it before the others.
    """
    phone = moment.phone
    if phone is None or moment.busy or moment.meant.state is not State.AVAILABLE:
        return False
    everywhere = bool(phone.queues) and phone.paused >= phone.queues
    return everywhere and phone.pause_reason == _AUTO_PAUSE and phone.since > moment.meant.since


def _talked(moment: Moment) -> bool:
    talked = moment.was.state is State.TALKING and moment.phone is not None
    over = talked and not moment.busy and not moment.filed
    return over and moment.meant.state is State.AVAILABLE


def _wrapped_up(moment: Moment) -> bool:
    until = moment.meant.until
    return moment.meant.state is State.WRAP_UP and until is not None and moment.now >= until


_FOLLOWS: Final[tuple[tuple[Callable[[Moment], bool], State, str], ...]] = (
    (_left, State.AWAY, ""),
    (_unanswered, State.PAUSED, NO_ANSWER),
    (_talked, State.WRAP_UP, ""),
    (_wrapped_up, State.AVAILABLE, ""),
)
"""What follows by itself: if this holds, that is meant from now on. The first that holds counts."""


def follows(moment: Moment, wrap_up: timedelta) -> Meant:
    """Return what an agent means now; the same as before when nothing follows.

    Args:
        moment: what is known of him.
        wrap_up: how long a wrap-up may take.
    """
    for holds, state, reason in _FOLLOWS:
        if holds(moment):
            wrapping = state is State.WRAP_UP
            return Meant(
                state,
                moment.now,
                reason,
                moment.was.call_id if wrapping else "",
                moment.now + wrap_up if wrapping else None,
            )
    return moment.meant


def shown(meant: Meant, phone: Phone | None, was: Shown | None = None) -> Shown:
    """Return what is seen: the telephone says more than what is meant.

    Args:
        meant: what he means to do.
        phone: what is known of his telephone.
        was: as last shown: a queue gives its call up a moment before the telephone is free.
    """
    if phone is not None:
        if busy := _BUSY.get(phone.activity):
            before = was.call_id if was is not None and was.state is busy else ""
            return Shown(busy, "", phone.call_id or before)
        if phone.activity is Activity.OFFLINE and meant.state is State.AVAILABLE:
            return Shown(State.UNREACHABLE)
    return Shown(meant.state, meant.reason, meant.call_id)


@dataclass(frozen=True, slots=True)
class Pause:
    """What the queues have to be told."""

    paused: bool
    reason: str = ""


def effect(meant: Meant, phone: Phone | None) -> Pause | None:
    """Return what the queues have to be told so that they do as is meant; None: they do."""
    if phone is None or not phone.queues:
        return None
    wanted = meant.state is not State.AVAILABLE
    reason = (meant.reason or meant.state.value).upper() if wanted else ""
    # app_queue keeps the reason of whoever is unpaused; only that of a pause means something.
    differs = phone.paused != (phone.queues if wanted else frozenset())
    if differs or (wanted and phone.pause_reason != reason):
        return Pause(wanted, reason)
    return None
