"""预约回拨: which place a caller keeps who does not wait on the line, and when he is rung. Pure.

A ticket keeps the class and the second in which its caller first entered the queue. app_queue
sorts by both (`place`), so a place holder that enters for the ticket stands where the caller
stood: behind all who came before him, before all who came later, however often it is placed. When
an agent has answered it, the caller is rung.

A ticket's life is the table `_AFTER`; `after` is its one reader. Only a call that rang outside is
a try; three of them, ten minutes apart, and the ticket goes to people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ivr.calls import Call, Disposition, LegKind
from ivr.hours import SHANGHAI, Hours, Span, spans

URGENCY_STEP: Final = 10
PLACES_A_CLASS: Final = 500_000_000
"""Seconds that one class of priority spans; a higher class is always before a lower one."""
LAST_SECOND: Final = 2_267_225_600
"""Seconds are counted down from here (2041), because app_queue serves the higher number first."""

LISTED_AFTER_MS: Final = 10_000
"""Who gave up after at least this wait is called back by people (domain default)."""

CALLED_WITHIN: Final = timedelta(hours=24)
"""Who gave up longer ago is not called any more (domain default): it would be a surprise."""

WITHDRAWN_PAUSE: Final = timedelta(seconds=15)
"""A place holder that came to nothing stands in line again after this; it keeps its place."""

PERMITTED: Final = Span(9 * 60, 20 * 60)
"""Calls that we begin are placed within these minutes of the day unless a centre sets others."""

_DAY: Final = 24 * 60


class TicketState(StrEnum):
    """Where a ticket is in its life."""

    WAITING = "waiting"
    """Nothing of it is in Asterisk: newly booked, between two tries, or out of hours."""
    CALLING = "calling"
    """An attempt is committed: in line, with an agent, or ringing."""
    REACHED = "reached"
    NOT_REACHED = "not_reached"
    """Every try was in vain; people take over."""
    SERVED = "served"
    """The caller called in again and spoke with an agent."""
    EXPIRED = "expired"
    """Too old to be a surprise any more; people take over."""
    REFUSED = "refused"
    """The number asked not to be called."""
    MERGED = "merged"
    """Booked while an earlier ticket of this number and queue was open; that one counts."""


OPEN: Final = frozenset({TicketState.WAITING, TicketState.CALLING})
FOR_PEOPLE: Final = frozenset({TicketState.NOT_REACHED, TicketState.EXPIRED})
"""How a ticket ends that people have to go on with."""


class Happening(StrEnum):
    """What can befall a ticket."""

    PLACED = "placed"
    """An attempt was committed."""
    WITHDRAWN = "withdrawn"
    """The attempt is over and nobody outside was rung."""
    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    """Rung in vain: not answered, engaged, not available."""
    MACHINE = "machine"
    """The agent says that an answering machine answered: a try in vain."""
    TAKEN_BACK = "taken_back"
    """The agent says that it was the citizen after all."""
    SERVED = "served"
    OVERDUE = "overdue"
    FORBIDDEN = "forbidden"


_IN_VAIN: Final = frozenset({Happening.NO_ANSWER, Happening.MACHINE})
_RANG: Final = _IN_VAIN | {Happening.ANSWERED}

_AFTER: Final[Mapping[tuple[TicketState, Happening], TicketState]] = {
    (TicketState.WAITING, Happening.PLACED): TicketState.CALLING,
    (TicketState.WAITING, Happening.SERVED): TicketState.SERVED,
    (TicketState.WAITING, Happening.OVERDUE): TicketState.EXPIRED,
    (TicketState.WAITING, Happening.FORBIDDEN): TicketState.REFUSED,
    (TicketState.CALLING, Happening.WITHDRAWN): TicketState.WAITING,
    (TicketState.CALLING, Happening.ANSWERED): TicketState.REACHED,
    (TicketState.CALLING, Happening.NO_ANSWER): TicketState.WAITING,
    (TicketState.CALLING, Happening.MACHINE): TicketState.WAITING,
    (TicketState.CALLING, Happening.SERVED): TicketState.SERVED,
    (TicketState.CALLING, Happening.OVERDUE): TicketState.EXPIRED,
    (TicketState.CALLING, Happening.FORBIDDEN): TicketState.REFUSED,
    (TicketState.REACHED, Happening.MACHINE): TicketState.WAITING,
    (TicketState.WAITING, Happening.TAKEN_BACK): TicketState.REACHED,
    (TicketState.NOT_REACHED, Happening.TAKEN_BACK): TicketState.REACHED,
}
"""What is not here changes nothing: a closed ticket stays closed, but for a machine that the agent
reports, or takes back, when the call is over."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a centre may set."""

    tries: int = 3
    pause: timedelta = timedelta(minutes=10)
    keep: timedelta = timedelta(days=3)
    permitted: Span = PERMITTED
    """Minutes of the day in China within which anybody may be rung."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What its life depends on."""

    state: TicketState
    tries: int
    """How often the number was rung so far."""
    due_at: datetime
    """Not placed before."""
    booked_at: datetime
    closed_at: datetime | None = None


def after(ticket: Ticket, happening: Happening, at: datetime, policy: Policy) -> Ticket:
    """Give the ticket after what happened `at`; unchanged where nothing follows from it."""
    state = _AFTER.get((ticket.state, happening))
    if state is None:
        return ticket
    rang_now = happening in _RANG and ticket.state is TicketState.CALLING
    tries = ticket.tries + rang_now
    if happening in _IN_VAIN and tries >= policy.tries:
        state = TicketState.NOT_REACHED
    due_at = ticket.due_at
    if state is TicketState.WAITING:
        due_at = at + (policy.pause if happening in _IN_VAIN else WITHDRAWN_PAUSE)
    closed_at = None if state in OPEN else at
    return replace(ticket, state=state, tries=tries, due_at=due_at, closed_at=closed_at)


def overdue(ticket: Ticket, now: datetime, policy: Policy) -> bool:
    """Tell whether a ticket is too old to be called by itself."""
    return ticket.state in OPEN and now - ticket.booked_at >= policy.keep


def place(urgency: int, entered_s: int) -> int:
    """Give the priority with which app_queue keeps a caller's place, as the dialplan makes it.

    Args:
        urgency: 0 to 30; ten make a class.
        entered_s: second since 1970 in which the caller first entered the queue.
    """
    return (urgency // URGENCY_STEP) * PLACES_A_CLASS + LAST_SECOND - entered_s


def line_until(
    hours: Hours, queue: str, now: datetime, policy: Policy, *, least: timedelta = timedelta(0)
) -> datetime | None:
    """Tell until when a caller of this queue may be rung; None when not now.

    Args:
        hours: the centre's; the queue's own hours count, not those of who stands in for it.
        queue: its name; an unknown one is closed.
        now: with time zone.
        policy: the times in which anybody may be rung.
        least: how much of the time must be left.
    """
    if queue not in hours.queues:
        return None
    local = now.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    schedule = hours.schedules[hours.queues[queue].schedule]
    both = (policy.permitted, *_holding(spans(hours, schedule, local.date()), minute))
    if len(both) == 1 or not policy.permitted.opens <= minute < policy.permitted.closes:
        return None
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    until = midnight + timedelta(minutes=min(_DAY, *(span.closes for span in both)))
    return until if until - now > least else None


def _holding(of_day: Iterable[Span], minute: int) -> list[Span]:
    return [span for span in of_day if span.opens <= minute < span.closes]


def result_of(call: Call) -> Happening | None:
    """Say what a call-back's record means for its ticket; None while the call goes on.

    Asked of the channels, because an engine that died in the talk leaves no other word.
    """
    if not call.final:
        return None
    outside = [leg for leg in call.legs if leg.kind is LegKind.TRUNK]
    if not outside:
        return Happening.WITHDRAWN
    return Happening.ANSWERED if any(leg.talk_ms for leg in outside) else Happening.NO_ANSWER


def was_missed(call: Call) -> bool:
    """Tell whether people should call back: who gave up, and had really waited."""
    gave_up = call.disposition is Disposition.ABANDONED_IN_QUEUE
    return gave_up and call.wait_ms >= LISTED_AFTER_MS
