"""What happened in a call: one frozen class per fact that Asterisk writes into its journal.

Times are microseconds since 1970, as Asterisk stamps them; a channel is named by its unique id.
Facts that Asterisk cannot know by itself (menu keys, the queue's outcome, the rating) are written
by the dialplan as user events and stand here beside the others.

    Event
    ├── ChannelStarted · ChannelAnswered · ChannelHungUp · ChannelEnded · CallEnded
    ├── BridgeEntered · BridgeLeft
    ├── ChannelParked · ChannelUnparked · ChannelHeld · ChannelResumed
    ├── CallTransferred · TakeOverAsked
    ├── CallerIdentified · NumberDialled · AttemptLinked
    ├── KeyChosen · CategoryPreset · BridgeFellBack · OutcomeReached
    ├── QueueEntered · QueueLeft · AgentConnected
    ├── CallbackBooked · CallbackBegun
    ├── MessageBegun · MessageEnded
    ├── RecordingStarted · RecordingPaused · RecordingResumed
    └── RatingOffered · RatingGiven · RatingExplained · RatingWaived
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a channel."""

    at_us: int
    linked_id: str
    """The call that the channel belongs to."""
    channel: str
    """Unique id of the channel."""
    name: str
    """Name of the channel, such as `PJSIP/agent-a1001-00000003`."""


@dataclass(frozen=True, slots=True)
class ChannelStarted(Event):
    """A channel was made: a caller arrived, or a phone is being rung."""

    context: str
    """Where in the dialplan it begins."""


@dataclass(frozen=True, slots=True)
class CallerIdentified(Event):
    """The dialplan took down the caller's number."""

    number: str
    """`[0-9+]{0,20}`; empty when withheld."""


@dataclass(frozen=True, slots=True)
class NumberDialled(Event):
    """The dialplan took down which way the call goes and to which number."""

    direction: str
    """`inbound`, `outbound` or `internal`."""
    number: str
    """Of a colleague his staff id."""


@dataclass(frozen=True, slots=True)
class AttemptLinked(Event):
    """The call is one attempt of an outbound campaign."""

    attempt: str


@dataclass(frozen=True, slots=True)
class ChannelAnswered(Event):
    """A channel was answered."""


@dataclass(frozen=True, slots=True)
class BridgeFellBack(Event):
    """The bridge did not lead the caller; the dialplan's plain menu did."""

    reason: str
    """`down` (no heartbeat) or `silent` (asked, no answer)."""


@dataclass(frozen=True, slots=True)
class KeyChosen(Event):
    """The caller chose a key of a menu."""

    menu: str
    key: str
    """`0`-`9`, `*`, `#`, or a number the menu knows; `t` for silence, `i` for what was not offered,
    `d` for digits that are personal."""


@dataclass(frozen=True, slots=True)
class CategoryPreset(Event):
    """The chosen keys say what the call is about."""

    scheme: str
    """Id of the taxonomy's edition, such as `12320-2016`."""
    code: str


@dataclass(frozen=True, slots=True)
class OutcomeReached(Event):
    """The dialplan brought the call to an end that no channel shows."""

    outcome: str
    """`self_service`, `callback_booked`, `night` or `blocked`."""


@dataclass(frozen=True, slots=True)
class RecordingStarted(Event):
    """The dialplan began to record."""

    recording: str
    """File name without folder and suffix."""


@dataclass(frozen=True, slots=True)
class RecordingPaused(Event):
    """Something is said that must not be kept; nothing is recorded."""


@dataclass(frozen=True, slots=True)
class RecordingResumed(Event):
    """Recording goes on."""


@dataclass(frozen=True, slots=True)
class QueueEntered(Event):
    """The caller entered a queue."""

    queue: str
    priority: int
    """0 (normal) to 30 (self-harm)."""


@dataclass(frozen=True, slots=True)
class AgentConnected(Event):
    """A queue connected an agent; happens on the agent's channel."""

    agent: str


@dataclass(frozen=True, slots=True)
class BridgeEntered(Event):
    """A channel was joined to others."""

    bridge: str
    """Id of Asterisk's bridge."""
    peer: str
    """Names of the channels already there, separated by commas."""


@dataclass(frozen=True, slots=True)
class ChannelParked(Event):
    """A channel was put aside in a parking lot."""

    parker: str
    """What to dial to reach who did it, such as `PJSIP/agent-a1001`; empty when not known."""


@dataclass(frozen=True, slots=True)
class ChannelUnparked(Event):
    """A channel was taken back from a parking lot."""


@dataclass(frozen=True, slots=True)
class ChannelHeld(Event):
    """A channel was put aside and hears music."""

    agent: str
    """Who did it; empty when not known."""


@dataclass(frozen=True, slots=True)
class ChannelResumed(Event):
    """A channel that was put aside hears music no longer."""


@dataclass(frozen=True, slots=True)
class CallTransferred(Event):
    """Someone in the call passed it on."""

    attended: bool
    """Whether they spoke with the new party first."""


@dataclass(frozen=True, slots=True)
class TakeOverAsked(Event):
    """Somebody is rung to take the call over."""

    kind: str
    """Who that is: `emergency`, `psych`, `hotline`, `expert`, `oncall` or `colleague`."""
    number: str
    """Of a colleague, his agent id."""


@dataclass(frozen=True, slots=True)
class BridgeLeft(Event):
    """A channel was parted from the others."""

    bridge: str


@dataclass(frozen=True, slots=True)
class QueueLeft(Event):
    """The caller left a queue alive."""

    queue: str
    status: str
    """As app_queue sets QUEUESTATUS, or CONTINUE after the agent hung up first."""


@dataclass(frozen=True, slots=True)
class CallbackBooked(Event):
    """The caller gave up waiting on the line for a call back."""

    queue: str
    priority: int
    """0 (normal) to 30."""
    entered_s: int
    """Second since 1970 in which the caller first entered the queue: his place."""
    number: str
    """Digits to be dialled, confirmed by the caller."""


@dataclass(frozen=True, slots=True)
class CallbackBegun(Event):
    """We are calling somebody back."""

    call_id: str
    """The call that booked it."""


@dataclass(frozen=True, slots=True)
class MessageBegun(Event):
    """The tone has sounded; what the caller says now is a message."""

    queue: str
    """Whose people it is for."""
    priority: int
    """0 (normal) to 30."""


@dataclass(frozen=True, slots=True)
class MessageEnded(Event):
    """The caller finished the message by a key, or its time was over."""


@dataclass(frozen=True, slots=True)
class RatingOffered(Event):
    """The caller was asked to rate the service."""


@dataclass(frozen=True, slots=True)
class RatingGiven(Event):
    """The caller rated the service."""

    rating: int
    """1 satisfied, 2 fairly satisfied, 3 dissatisfied."""


@dataclass(frozen=True, slots=True)
class RatingExplained(Event):
    """A dissatisfied caller said why."""

    reason: int
    """1 manner of service, 2 answers, 3 waiting time, 4 outcome."""


@dataclass(frozen=True, slots=True)
class RatingWaived(Event):
    """The caller was not asked for a rating, and why."""

    reason: str
    """`short`, `crisis`, `wrong_number`, `redirected` or `not_reached`."""


@dataclass(frozen=True, slots=True)
class ChannelHungUp(Event):
    """A channel was hung up."""

    cause: int
    """Q.850 cause, 16 for an ordinary ending."""
    source: str
    """Name of the channel that hung up, `dialplan/…` for our own dialplan, or empty."""
    dial_status: str
    """How Dial ended on this channel; empty when it did not dial."""


@dataclass(frozen=True, slots=True)
class ChannelEnded(Event):
    """A channel is gone."""


@dataclass(frozen=True, slots=True)
class CallEnded(Event):
    """The last channel of the linked id is gone."""


_RANK = {kind: rank for rank, kind in enumerate(Event.__subclasses__())}
"""Facts of one microsecond are taken in the order of this file: a channel starts before it ends."""

_DETAILS = {
    kind: attrgetter(*(field.name for field in fields(kind)[1:])) for kind in Event.__subclasses__()
}


def chronology(event: Event) -> tuple[Any, ...]:
    """Return the sort key that puts events in order whatever order they arrived in.

    It tells any two different events apart, so sorting by it has exactly one result.
    """
    kind = type(event)
    return event.at_us, _RANK[kind], _DETAILS[kind](event)
