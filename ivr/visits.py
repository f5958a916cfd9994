"""A caller's stays in queues, and the agents who were rung for them: pure.

That a caller reached an agent is known from their bridge, never from what the queue claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ivr import events as ev
from ivr.calls import LegKind, Offer, OfferOutcome, QueueVisit, VisitOutcome
from ivr.channels import Channel, Channels, Span

_DECLINED_CAUSES: Final = frozenset({17, 21})
"""Q.850: user busy, call rejected."""

_WITHDRAWN_WITHIN_US: Final = 1_000_000
"""A phone that falls silent this shortly before the wait ends was called off, not unanswered."""


def fold_visits(
    story: Sequence[ev.Event], channels: Channels, party: Channel, *, over: bool, lost: bool
) -> tuple[QueueVisit, ...]:
    """Return each stay in a queue, in order.

    Args:
        story: the call's events in chronological order.
        channels: the call's channels.
        party: the one who stays in the queue.
        over: whether the call has ended.
        lost: whether it ended because Asterisk did.
    """
    entries = [event for event in story if isinstance(event, ev.QueueEntered)]
    visits = []
    for index, entered in enumerate(entries):
        next_us = entries[index + 1].at_us if index + 1 < len(entries) else None
        left = _left(story, entered, next_us)
        visits.append(_visit(entered, left, next_us, channels, party, over=over, lost=lost))
    return tuple(visits)


def _left(
    story: Sequence[ev.Event], entered: ev.QueueEntered, next_us: int | None
) -> ev.QueueLeft | None:
    for event in story:
        if isinstance(event, ev.QueueLeft) and event.at_us >= entered.at_us:
            return event if next_us is None or event.at_us <= next_us else None
    return None


def _visit(  # noqa: PLR0913 - what bounds a stay: its entry, its end, the next, and the call's end
    entered: ev.QueueEntered,
    left: ev.QueueLeft | None,
    next_us: int | None,
    channels: Channels,
    party: Channel,
    *,
    over: bool,
    lost: bool,
) -> QueueVisit:
    gone_us = party.hung_us or channels.until_us
    limit_us = left.at_us if left else next_us or gone_us
    answer = _answer(entered.at_us, limit_us, channels.talks(party))
    connected_us = answer[1] if answer else None
    stays = left is None and next_us is None
    if answer:
        outcome = VisitOutcome.ANSWERED
    elif not stays:
        outcome = VisitOutcome.OVERFLOW
    elif lost:
        outcome = VisitOutcome.LOST
    else:
        outcome = VisitOutcome.ABANDONED if over else VisitOutcome.WAITING
    waited_until_us = limit_us if connected_us is None else connected_us
    return QueueVisit(
        queue=entered.queue,
        priority=entered.priority,
        entered_ms=entered.at_us // 1000,
        connected_ms=None if connected_us is None else connected_us // 1000,
        left_ms=limit_us // 1000 if over or not stays else None,
        wait_ms=max(0, waited_until_us - entered.at_us) // 1000,
        outcome=outcome,
        status=left.status if left else "",
        agent=answer[0].agent if answer else None,
        offers=_offers(entered.at_us, waited_until_us, channels, waiting=stays and not over),
    )


def _answer(
    since_us: int, limit_us: int, talks: Sequence[tuple[Channel, Span]]
) -> tuple[Channel, int] | None:
    for other, (begins_us, _) in talks:
        if other.kind is LegKind.AGENT and since_us <= begins_us <= limit_us:
            return other, begins_us
    return None


def _offers(
    since_us: int, until_us: int, channels: Channels, *, waiting: bool
) -> tuple[Offer, ...]:
    return tuple(
        _offer(channel, until_us, channels, waiting=waiting)
        for channel in channels
        if channel.agent is not None
        and channel is not channels.party
        and since_us <= channel.started_us <= until_us
    )


def _offer(channel: Channel, until_us: int, channels: Channels, *, waiting: bool) -> Offer:
    ended_us = channel.hung_us or channel.ended_us
    if channel.meetings(channels.party):
        outcome, ended_us = OfferOutcome.CONNECTED, channel.answered_us
    elif ended_us is None:
        outcome = OfferOutcome.RINGING if waiting else OfferOutcome.WITHDRAWN
    elif channel.cause in _DECLINED_CAUSES:
        outcome = OfferOutcome.DECLINED
    elif not waiting and ended_us >= until_us - _WITHDRAWN_WITHIN_US:
        outcome = OfferOutcome.WITHDRAWN
    else:
        outcome = OfferOutcome.NO_ANSWER
    return Offer(
        agent=channel.agent or "",
        offered_ms=channel.started_us // 1000,
        ended_ms=None if ended_us is None else ended_us // 1000,
        ring_ms=channel.rings_us(channels.until_us) // 1000,
        outcome=outcome,
    )
