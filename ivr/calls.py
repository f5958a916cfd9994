"""What a call was: the record that is folded from a linked id's events (see `ivr.fold`).

Times are milliseconds since 1970; durations are milliseconds and never negative. Days are those
of Asia/Shanghai and are made by whoever counts in days.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CALL_ID: Final = re.compile(
    r"(?P<node>[a-z][a-z0-9]{0,15})-(?P<boot>[0-9]{1,9})-(?P<second>[0-9]{9,11})\.[a-z]?[0-9]{1,18}"
)
"""A linked id: node, its boot counter, the second in which the first channel was made, a number.
The dialler's own channel ids put a letter before the number."""

SHORT_ABANDON_MS: Final = 5_000
"""Waits up to this, inclusive, are not counted against a queue (ICMI's example, domain default)."""

SHORTEST_MESSAGE_MS: Final = 3_000
"""A shorter message is a caller who hung up at the tone: recorded, but nobody's work."""

URGENT_FROM: Final = 20
"""Priority from which a message is urgent: the class of reported emergencies."""


class Direction(StrEnum):
    """Which way a call went."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Disposition(StrEnum):
    """How a call ended, as its caller would tell it. Closed: every final call has exactly one."""

    ANSWERED = "answered"
    """The caller spoke with an agent, or the party we called spoke with us."""
    SELF_SERVICE = "self_service"
    """The caller got what the menu offers without asking for a person, and we ended the call."""
    ABANDONED_IN_MENU = "abandoned_in_menu"
    """The caller hung up before the menu had led anywhere."""
    ABANDONED_IN_QUEUE = "abandoned_in_queue"
    """The caller hung up while waiting for an agent; `short` when within five seconds."""
    OVERFLOW = "overflow"
    """The queue, not the caller, ended the wait, and nobody answered afterwards."""
    VOICEMAIL = "voicemail"
    """The caller left a message."""
    CALLBACK_BOOKED = "callback_booked"
    """The caller gave up the place in the queue for a call back."""
    NIGHT = "night"
    """The caller came outside the hours of human service and left nothing."""
    BLOCKED = "blocked"
    """The caller was held back by the list of harassing callers."""
    BUSY = "busy"
    """The party we called was engaged."""
    NO_ANSWER = "no_answer"
    """The party we called was rung and did not answer."""
    FAILED = "failed"
    """The call could not be set up."""
    ENGINE_LOST = "engine_lost"
    """Asterisk died or restarted during the call."""


class EndedBy(StrEnum):
    """Who hung up."""

    CALLER = "caller"
    CALLEE = "callee"
    AGENT = "agent"
    SYSTEM = "system"


class LegKind(StrEnum):
    """What a channel of a call leads to."""

    TRUNK = "trunk"
    """The public network: the caller, or a party we called."""
    AGENT = "agent"
    LOCAL = "local"
    """Asterisk's own pipe between two pieces of dialplan."""
    OTHER = "other"


class VisitOutcome(StrEnum):
    """How a stay in a queue ended."""

    WAITING = "waiting"
    """It has not ended; only in calls that are still going on."""
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    """The caller hung up."""
    OVERFLOW = "overflow"
    """The queue sent the caller on: time, no agents, full, or a key."""
    LOST = "lost"
    """Asterisk died."""


class OfferOutcome(StrEnum):
    """What came of ringing an agent for a caller."""

    RINGING = "ringing"
    CONNECTED = "connected"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    """The phone was engaged or refused."""
    WITHDRAWN = "withdrawn"
    """The caller was gone, or another agent was quicker."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One channel of a call."""

    channel: str
    kind: LegKind
    agent: str | None
    """The agent whose phone it leads to, from the channel's name."""
    started_ms: int
    answered_ms: int | None
    ended_ms: int | None
    ring_ms: int
    """From start to answer or end; 0 for the channel that the call began with."""
    talk_ms: int
    """Joined with at least one other channel, and not put aside."""
    hold_ms: int
    """Parked or held; for an agent also while somebody was, by him."""
    wrap_up_ms: int
    """How long an agent's phone stayed off the hook after the last conversation, and rang for
    nobody else. What is written down after that is the desk's to time."""
    cause: int | None
    """Q.850 cause of its hang-up."""


@dataclass(frozen=True, slots=True)
class MenuStep:
    """A key that the caller chose."""

    menu: str
    key: str
    chosen_ms: int


@dataclass(frozen=True, slots=True)
class Offer:
    """An agent was rung for a caller who waits."""

    agent: str
    offered_ms: int
    ended_ms: int | None
    ring_ms: int
    outcome: OfferOutcome


@dataclass(frozen=True, slots=True)
class QueueVisit:
    """A stay in a queue."""

    queue: str
    priority: int
    entered_ms: int
    connected_ms: int | None
    left_ms: int | None
    wait_ms: int
    """From entering until an agent and the caller hear each other, or until leaving."""
    outcome: VisitOutcome
    status: str
    """What app_queue said when the caller left alive; empty otherwise."""
    agent: str | None
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """服务请求: what the call was about, as far as the call itself tells it."""

    scheme: str
    """Id of the taxonomy's edition, such as `12320-2016`."""
    service: str
    """Letter of the service type: C 咨询, T 投诉, J 举报, S 建议, P 表扬, B 预约挂号 …"""
    code: str
    confidence: float
    """1.0 where the caller chose it by key."""
    made_ms: int
    settled: bool
    """The menu itself gave the caller what he asked for: 当场办结. Else people deal with it."""


@dataclass(frozen=True, slots=True)
class Booking:
    """预约回拨: the caller is to be called back instead of waiting."""

    queue: str
    urgency: int
    """0 (normal) to 30."""
    number: str
    """As we dial it."""
    entered_ms: int
    """When the caller first entered the queue, to the second: his place."""
    booked_ms: int


@dataclass(frozen=True, slots=True)
class Message:
    """留言: what a caller said after the tone."""

    queue: str
    """Whose people deal with it."""
    urgent: bool
    """Left where an emergency is reported."""
    left_ms: int
    length_ms: int

    @property
    def counts(self) -> bool:
        """Whether there is anything to listen to."""
        return self.length_ms >= SHORTEST_MESSAGE_MS


@dataclass(frozen=True, slots=True)
class Call:
    """通话: everything that happened under one linked id."""

    call_id: str
    node: str
    boot: int
    direction: Direction
    caller: str
    """`[0-9+]{0,20}`; empty when withheld."""
    dialled: str
    started_ms: int
    answered_ms: int | None
    """When the line was answered, by the menu or by the party we called."""
    ended_ms: int | None
    disposition: Disposition | None
    """None while the call is going on."""
    short: bool
    """Abandoned in the queue within `SHORT_ABANDON_MS`."""
    menu_path: str
    """Chosen keys in order, `main:1/consult:2`."""
    fallback: str | None
    """Why the bridge did not lead the call: `down`, `silent`; None when it did."""
    queue: str | None
    """The last queue that the caller was in."""
    agent: str | None
    """The first agent who spoke with the caller."""
    wait_ms: int
    """In all queues together."""
    ring_ms: int
    """How long the phone of the agent who answered was ringing."""
    talk_ms: int
    hold_ms: int
    ended_by: EndedBy | None
    cause: int | None
    rating_offered: bool
    rating: int | None
    rating_reason: int | None
    """Of a dissatisfied caller: 1 manner of service, 2 answers, 3 waiting time, 4 outcome."""
    rating_exempt: str | None
    """Why an answered caller was not asked to rate: `short`, `crisis`, `wrong_number` …"""
    attempt: str | None
    """Attempt of an outbound campaign."""
    callback_of: str | None
    """The call whose caller this one calls back."""
    recorded: bool
    """Whether the dialplan began to record."""
    inexact: bool
    """A fact is missing, or stamped before one that must precede it (a torn line, a clock set
    back): durations are as good as what is left allows."""
    legs: tuple[Leg, ...]
    menu_steps: tuple[MenuStep, ...]
    visits: tuple[QueueVisit, ...]
    requests: tuple[Request, ...]
    messages: tuple[Message, ...]
    bookings: tuple[Booking, ...]

    @property
    def final(self) -> bool:
        """Whether the call is over."""
        return self.disposition is not None
