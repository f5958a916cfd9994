"""Folds the events of one linked id into its call: pure, and the same whatever order they come in.

Who spoke with whom, and for how long, is taken from the channels' bridges alone; what the queue or
the phones claim beside it is never asked. The same events give the same call on every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from ivr import events as ev
from ivr.asterisk.variables import Outcome
from ivr.calls import (
    CALL_ID,
    SHORT_ABANDON_MS,
    URGENT_FROM,
    Booking,
    Call,
    Direction,
    Disposition,
    EndedBy,
    Leg,
    LegKind,
    MenuStep,
    Message,
    Request,
    VisitOutcome,
)
from ivr.channels import Channel, Channels, length
from ivr.errors import PeerBroke
from ivr.visits import fold_visits

_E = TypeVar("_E", bound=ev.Event)

_SETTLED: Final[Mapping[str, Disposition]] = {
    "callback_booked": Disposition.CALLBACK_BOOKED,
}
"""What settles a call in which nobody spoke, whatever the queue did before."""

_MENU_ENDINGS: Final[Mapping[str, Disposition]] = {
    "night": Disposition.NIGHT,
    "self_service": Disposition.SELF_SERVICE,
}

_BY_CAUSE: Final[Mapping[int, Disposition]] = {
    17: Disposition.BUSY,
    18: Disposition.NO_ANSWER,
    19: Disposition.NO_ANSWER,
}
"""Q.850: user busy, no user responding, no answer from the user."""

_BY_DIAL_STATUS: Final[Mapping[str, Disposition]] = {
    "BUSY": Disposition.BUSY,
    "NOANSWER": Disposition.NO_ANSWER,
    "CANCEL": Disposition.NO_ANSWER,
}

_MAKES_A_REQUEST: Final = frozenset(
    {Disposition.ANSWERED, Disposition.VOICEMAIL, Disposition.CALLBACK_BOOKED}
)
"""A call is a request (件次) when somebody will deal with it; a menu alone makes one when the
caller got from it what it offers."""


def fold(events: Iterable[ev.Event], *, engine_restarted: bool = False) -> Call:
    """Make the call's record of all its events.

    Args:
        events: of one linked id, in any order, repeated or not.
        engine_restarted: whether Asterisk has begun anew since the call's boot, so that what has
            not ended never will.

    Raises:
        PeerBroke: there are no events, or they are of several calls.
    """
    story = sorted(set(events), key=ev.chronology)
    ids = {event.linked_id for event in story}
    if len(ids) != 1:
        raise PeerBroke(f"Expected the events of one call, came those of {sorted(ids)!r}.")
    return Case(story, engine_restarted=engine_restarted).call()


def deepest(presets: Sequence[ev.CategoryPreset]) -> ev.CategoryPreset:
    """Return what the chosen keys say the call is about: the deepest code, of several the last."""
    return max(presets, key=lambda p: (p.code.count("."), len(p.code), p.at_us))


def _ms(at_us: int | None) -> int | None:
    return None if at_us is None else at_us // 1000


class Case:
    """One call's events, and what the parts of its record are made from."""

    def __init__(self, story: Sequence[ev.Event], *, engine_restarted: bool) -> None:
        self.story = story
        self.channels = Channels(story)
        self.callback = self._last(ev.CallbackBegun)
        self.began = self.channels.party
        self.party = self._called_back() or self._called() or self.began
        self.lost = engine_restarted and not self.channels.over
        self.over = self.channels.over or self.lost
        self.talks = self.channels.talks(self.party)
        self.visits = fold_visits(story, self.channels, self.party, over=self.over, lost=self.lost)
        self.outcomes = [event.outcome for event in self.all(ev.OutcomeReached)]
        self.messages = self._messages()
        self.direction = self._direction()
        self.disposition = self._disposition() if self.over else None

    def call(self) -> Call:
        """Put the record together."""
        identity = CALL_ID.fullmatch(self.story[0].linked_id)
        if identity is None:
            raise PeerBroke(f"Expected a linked id of ours, came {self.story[0].linked_id!r}.")
        return Call(
            call_id=identity[0],
            node=identity["node"],
            boot=int(identity["boot"]),
            direction=self.direction,
            started_ms=self.story[0].at_us // 1000,
            answered_ms=_ms(self.party.answered_us),
            ended_ms=_ms(self.story[-1].at_us) if self.over else None,
            disposition=self.disposition,
            inexact=self.channels.inexact,
            legs=tuple(self._leg(channel) for channel in self.channels),
            visits=self.visits,
            requests=self._requests(),
            messages=self.messages,
            bookings=self._bookings(),
            **self._told(),
            **self._waited(),
            **self._talked(),
        )

    def _told(self) -> dict[str, Any]:
        """Return what the dialplan wrote down for us."""
        caller, dialled = self._last(ev.CallerIdentified), self._last(ev.NumberDialled)
        fallback, attempt = self._last(ev.BridgeFellBack), self._last(ev.AttemptLinked)
        rating, why = self._last(ev.RatingGiven), self._last(ev.RatingExplained)
        waived = self._last(ev.RatingWaived)
        steps = [MenuStep(e.menu, e.key, e.at_us // 1000) for e in self.all(ev.KeyChosen)]
        return {
            "caller": caller.number if caller else "",
            "dialled": dialled.number if dialled else "",
            "fallback": fallback.reason if fallback else None,
            "attempt": attempt.attempt if attempt else None,
            "callback_of": self.callback.call_id if self.callback else None,
            "rating_offered": self._last(ev.RatingOffered) is not None,
            "rating": rating.rating if rating else None,
            "rating_reason": why.reason if why else None,
            "rating_exempt": waived.reason if waived else None,
            "recorded": self._last(ev.RecordingStarted) is not None,
            "menu_steps": tuple(steps),
            "menu_path": "/".join(f"{step.menu}:{step.key}" for step in steps),
        }

    def _waited(self) -> dict[str, Any]:
        """Return what the queues made of the call."""
        abandoned = self.disposition is Disposition.ABANDONED_IN_QUEUE
        return {
            "queue": self.visits[-1].queue if self.visits else None,
            "wait_ms": sum(visit.wait_ms for visit in self.visits),
            "short": abandoned and self.visits[-1].wait_ms <= SHORT_ABANDON_MS,
        }

    def _talked(self) -> dict[str, Any]:
        """Return what the bridges show of conversations, and who ended them."""
        agents = [other for other, _ in self.talks if other.agent]
        first = agents[0] if agents else None
        agent = first.agent if first else self.began.agent
        return {
            "agent": agent if self.talks else None,
            "ring_ms": self._rings_ms(first) if first else 0,
            "talk_ms": length(span for _, span in self.talks) // 1000,
            "hold_ms": length(span for span, _ in self.party.aside) // 1000,
            "ended_by": self.ended_by() if self.over and not self.lost else None,
            "cause": self.party.cause if self.over else None,
        }

    def _direction(self) -> Direction:
        dialled = self._last(ev.NumberDialled)
        if dialled and dialled.direction in set(Direction):
            return Direction(dialled.direction)
        kinds = {channel.kind for channel in self.channels}
        if self.party.kind is LegKind.TRUNK:
            return Direction.INBOUND
        return Direction.OUTBOUND if LegKind.TRUNK in kinds else Direction.INTERNAL

    def _disposition(self) -> Disposition:
        return next(found for rule in _RULES if (found := rule(self)) is not None)

    def not_reached(self) -> Disposition:
        """Return why the party we called could not be spoken with."""
        statuses = [channel.dial_status for channel in self.channels if channel.dial_status]
        for status in reversed(statuses):
            if status in _BY_DIAL_STATUS:
                return _BY_DIAL_STATUS[status]
        for channel in self.channels:
            found = None if channel.cause is None else _BY_CAUSE.get(channel.cause)
            if found and channel is not (self.party if self.callback else self.began):
                return found
        cause = self.party.cause
        return Disposition.FAILED if cause is None else _BY_CAUSE.get(cause, Disposition.FAILED)

    def ended_by(self) -> EndedBy:
        """Return who hung up first of the caller and the last whom the caller spoke with.

        An agent who passed the caller on, or put him aside, did not end the call by that.
        """
        sides = [self.party]
        if self.talks:
            last, (_, until_us) = max(self.talks, key=lambda talk: talk[1][1])
            entries = [event.at_us for event in self.all(ev.QueueEntered)]
            moves = [*entries, *(begin for (begin, _), _ in self.party.aside)]
            if max(moves, default=until_us) <= until_us:
                sides.append(last)
        hung = [side for side in sides if side.hung_us is not None and side.source]
        if not hung:
            return EndedBy.SYSTEM
        source = min(hung, key=lambda side: side.hung_us or 0).source
        by_name = {channel.name: channel for channel in self.channels}
        who = by_name.get(source)
        if who is None:
            return EndedBy.SYSTEM
        if who.agent:
            return EndedBy.AGENT
        mine = who is self.party is self.began and self.callback is None
        return EndedBy.CALLER if mine else EndedBy.CALLEE

    def _leg(self, channel: Channel) -> Leg:
        return Leg(
            channel=channel.id,
            kind=channel.kind,
            agent=channel.agent,
            started_ms=channel.started_us // 1000,
            answered_ms=_ms(channel.answered_us),
            ended_ms=_ms(channel.ended_us),
            ring_ms=self._rings_ms(channel),
            talk_ms=self.channels.talk_us(channel) // 1000,
            hold_ms=self.channels.hold_us(channel) // 1000,
            wrap_up_ms=self.channels.wrap_up_us(channel) // 1000,
            cause=channel.cause,
        )

    def _requests(self) -> tuple[Request, ...]:
        """Return what the chosen keys say it was about, each code once.

        First what the caller was served with by machine; then, where somebody deals with the
        call, the deepest code, of several the last.
        """
        presets = self.all(ev.CategoryPreset)
        asked = [preset for preset in map(self._preset_before, self._served()) if preset]
        for_people = ""
        if presets and self.disposition in _MAKES_A_REQUEST:
            asked.append(deepest(presets))
            for_people = asked[-1].code
        chosen = {preset.code: preset for preset in reversed(asked)}
        return tuple(
            Request(
                scheme=one.scheme,
                service=one.code[:1],
                code=one.code,
                confidence=1.0,
                made_ms=one.at_us // 1000,
                settled=one.code != for_people,
            )
            for one in reversed(chosen.values())
        )

    def _served(self) -> list[ev.OutcomeReached]:
        """Return each time when the caller had got from the menu what it offers."""
        reached = self.all(ev.OutcomeReached)
        return [one for one in reached if one.outcome == Outcome.SELF_SERVICE]

    def _preset_before(self, served: ev.OutcomeReached) -> ev.CategoryPreset | None:
        """Return the category that was chosen last before that."""
        chosen = [one for one in self.all(ev.CategoryPreset) if one.at_us <= served.at_us]
        return chosen[-1] if chosen else None

    def _messages(self) -> tuple[Message, ...]:
        """Return what the caller said after the tone; it ends by a key or by hanging up."""
        ends = [event.at_us for event in self.all(ev.MessageEnded)]
        gone_us = self.party.hung_us or self.channels.until_us
        found = []
        for begun in self.all(ev.MessageBegun):
            ended = next(
                (end for end in ends if end >= begun.at_us), gone_us if self.over else None
            )
            if ended is not None:
                length_ms = max(0, ended - begun.at_us) // 1000
                urgent = begun.priority >= URGENT_FROM
                found.append(Message(begun.queue, urgent, begun.at_us // 1000, length_ms))
        return tuple(found)

    def _called_back(self) -> Channel | None:
        """Return whom we called back, once he is rung: the call began with the agent's side."""
        outside = [channel for channel in self.channels if channel.kind is LegKind.TRUNK]
        return outside[0] if self.callback and outside else None

    def _called(self) -> Channel | None:
        """Return whom an agent called, once he has answered: he stays when the agent is lost."""
        dialled = self._last(ev.NumberDialled)
        if dialled is None or dialled.direction != Direction.OUTBOUND:
            return None
        outside = [channel for channel in self.channels if channel.kind is LegKind.TRUNK]
        return next((one for one in outside if one.answered_us is not None), None)

    def _rings_ms(self, channel: Channel) -> int:
        """Return how long a channel rang; who began the call, or was called back, did not."""
        if channel is self.began or (self.callback and channel is self.party):
            return 0
        return channel.rings_us(self.channels.until_us) // 1000

    def _bookings(self) -> tuple[Booking, ...]:
        """Return what the caller booked instead of waiting."""
        return tuple(
            Booking(e.queue, e.priority, e.number, e.entered_s * 1000, e.at_us // 1000)
            for e in self.all(ev.CallbackBooked)
        )

    def all(self, kind: type[_E]) -> list[_E]:
        """Return the events of one kind, in order."""
        return [event for event in self.story if isinstance(event, kind)]

    def _last(self, kind: type[_E]) -> _E | None:
        return next((event for event in reversed(self.story) if isinstance(event, kind)), None)


def _engine_lost(case: Case) -> Disposition | None:
    return Disposition.ENGINE_LOST if case.lost else None


def _blocked(case: Case) -> Disposition | None:
    return Disposition.BLOCKED if "blocked" in case.outcomes else None


def _answered(case: Case) -> Disposition | None:
    return Disposition.ANSWERED if case.talks else None


def _called_in_vain(case: Case) -> Disposition | None:
    return None if case.direction is Direction.INBOUND else case.not_reached()


def _left_a_message(case: Case) -> Disposition | None:
    return Disposition.VOICEMAIL if any(one.counts for one in case.messages) else None


def _settled(case: Case) -> Disposition | None:
    return next((_SETTLED[o] for o in reversed(case.outcomes) if o in _SETTLED), None)


def _queued(case: Case) -> Disposition | None:
    if not case.visits:
        return None
    abandoned = case.visits[-1].outcome is VisitOutcome.ABANDONED
    return Disposition.ABANDONED_IN_QUEUE if abandoned else Disposition.OVERFLOW


def _ended_in_menu(case: Case) -> Disposition | None:
    return next((_MENU_ENDINGS[o] for o in reversed(case.outcomes) if o in _MENU_ENDINGS), None)


def _given_up(case: Case) -> Disposition | None:
    return Disposition.ABANDONED_IN_MENU if case.ended_by() is EndedBy.CALLER else None


def _served_itself(case: Case) -> Disposition | None:
    return Disposition.SELF_SERVICE if case.all(ev.KeyChosen) else Disposition.FAILED


_RULES: Final[Sequence[Callable[[Case], Disposition | None]]] = (
    _engine_lost,
    _blocked,
    _answered,
    _called_in_vain,
    _left_a_message,
    _settled,
    _queued,
    _ended_in_menu,
    _given_up,
    _served_itself,
)
"""Asked in this order; the first that knows decides, and the last always does."""
