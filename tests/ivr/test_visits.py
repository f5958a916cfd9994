from __future__ import annotations

from ivr.asterisk import spool
from ivr.calls import Call, OfferOutcome, QueueVisit, VisitOutcome
from ivr.fold import fold
from tests.ivr import cel
from tests.ivr.cel import CALLER, phone


def folded(call: cel.Journal) -> Call:
    return fold(event for line in call.lines if (event := spool.parse(line)))


def only_visit(call: cel.Journal) -> QueueVisit:
    [visit] = folded(call).visits
    return visit


def test_a_wait_ends_when_both_hear_each_other() -> None:
    visit = only_visit(cel.answered())
    assert visit.outcome is VisitOutcome.ANSWERED
    assert visit.wait_ms // 1000 == 4
    assert visit.agent == "a1001"
    assert [offer.outcome for offer in visit.offers] == [OfferOutcome.CONNECTED]
    assert [offer.ring_ms // 1000 for offer in visit.offers] == [3]


def test_a_phone_that_rang_in_vain_is_told_from_one_that_was_called_off() -> None:
    call = cel.Journal().begins().queues().rings("a1001", 3, 15).hangs_up(phone("a1001", 3))
    call.after(1).rings("a1002", 4, 5).hangs_up(phone("a1002", 4), cause=17)
    call.after(5).rings("a1003", 5, 2).hangs_up(phone("a1003", 5)).hangs_up(source=CALLER).ends()
    visit = only_visit(call)
    assert visit.outcome is VisitOutcome.ABANDONED
    assert [(offer.agent, offer.outcome) for offer in visit.offers] == [
        ("a1001", OfferOutcome.NO_ANSWER),
        ("a1002", OfferOutcome.DECLINED),
        ("a1003", OfferOutcome.WITHDRAWN),
    ]


def test_two_phones_at_once_and_one_is_quicker() -> None:
    call = cel.Journal().begins().queues().rings("a1001", 3, 0).rings("a1002", 4, 3)
    call.hangs_up(phone("a1001", 3), cause=26).connects("a1002", 4).after(9)
    call.parts(phone("a1002", 4)).parts(CALLER).hangs_up(phone("a1002", 4)).hangs_up().ends()
    visit = only_visit(call)
    assert visit.agent == "a1002"
    assert {offer.agent: offer.outcome for offer in visit.offers} == {
        "a1001": OfferOutcome.WITHDRAWN,
        "a1002": OfferOutcome.CONNECTED,
    }


def test_a_queue_that_sends_the_caller_on_is_no_abandonment() -> None:
    call = cel.Journal().begins().queues("consult").after(60).says("LEFT", "consult:TIMEOUT")
    call.queues("general").after(5).rings().connects().after(20)
    call.parts(phone()).parts(CALLER).hangs_up(phone(), source=phone()).hangs_up().ends()
    first, second = folded(call).visits
    assert (first.queue, first.outcome, first.status) == (
        "consult",
        VisitOutcome.OVERFLOW,
        "TIMEOUT",
    )
    assert first.wait_ms // 1000 == 60
    assert (second.queue, second.outcome, second.wait_ms // 1000) == (
        "general",
        VisitOutcome.ANSWERED,
        7,
    )
    assert first.offers == ()


def test_what_the_queue_claims_connects_nobody() -> None:
    """The phone answered and AGENT was written, but the caller had gone: no bridge, no answer."""
    call = cel.Journal().begins().queues().rings()
    call.write("ANSWER", phone()).says("AGENT", "a1001", phone()).joins(phone())
    call.parts(phone()).hangs_up(phone()).hangs_up(source=CALLER).ends()
    visit = only_visit(call)
    assert (visit.outcome, visit.agent) == (VisitOutcome.ABANDONED, None)


def test_a_caller_who_still_waits_is_waiting() -> None:
    visit = only_visit(cel.Journal().begins().queues().rings())
    assert (visit.outcome, visit.left_ms) == (VisitOutcome.WAITING, None)
    assert [offer.outcome for offer in visit.offers] == [OfferOutcome.RINGING]


def test_a_wait_that_died_with_asterisk_is_lost() -> None:
    call = cel.Journal().begins().queues().rings()
    events = [event for line in call.lines if (event := spool.parse(line))]
    [visit] = fold(events, engine_restarted=True).visits
    assert visit.outcome is VisitOutcome.LOST
    assert visit.left_ms is not None
