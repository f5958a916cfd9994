from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.asterisk import spool
from ivr.calls import Call, Direction, Disposition, EndedBy, Request
from ivr.errors import PeerBroke
from ivr.events import Event
from ivr.fold import fold
from tests.ivr import cel
from tests.ivr.cel import CALLER, phone

TRUNK_OUT = "PJSIP/trunk-00000009"


def events_of(call: cel.Journal) -> list[Event]:
    return [event for line in call.lines if (event := spool.parse(line))]


def folded(call: cel.Journal, *, engine_restarted: bool = False) -> Call:
    return fold(events_of(call), engine_restarted=engine_restarted)


def sampled() -> dict[str, list[Event]]:
    """The calls that a real Asterisk wrote, whatever file they stand in."""
    found: dict[str, list[Event]] = {}
    for path in sorted(cel.SAMPLES.glob("*.jsonl")):
        for line in spool.read(path.read_bytes(), 0).lines:
            if event := spool.parse(line.text):
                found.setdefault(line.call_id, []).append(event)
    return found


def test_calls_of_a_real_asterisk_are_told_as_they_were_made() -> None:
    calls = [fold(events, engine_restarted=True) for events in sampled().values()]
    assert all(call.final and not call.inexact for call in calls)
    assert {call.disposition for call in calls} == {
        Disposition.ANSWERED,
        Disposition.ABANDONED_IN_MENU,
        Disposition.ABANDONED_IN_QUEUE,
        Disposition.ENGINE_LOST,
    }
    for call in calls:
        spoke = call.disposition is Disposition.ANSWERED
        assert (call.talk_ms > 1000) == spoke
        assert (call.agent is not None) == (spoke or call.disposition is Disposition.ENGINE_LOST)


def test_an_answered_call() -> None:
    call = folded(cel.answered())
    assert (call.disposition, call.ended_by, call.agent) == (
        Disposition.ANSWERED,
        EndedBy.AGENT,
        "a1001",
    )
    assert (call.rating_offered, call.rating, call.recorded) == (True, 1, True)
    assert call.menu_path == "main:1/consult:1"
    assert (call.caller, call.dialled, call.direction) == (
        "13800001234",
        "12320",
        Direction.INBOUND,
    )
    assert call.requests == (
        Request("12320-2016", "C", "C02", 1.0, call.menu_steps[-1].chosen_ms, settled=False),
    )
    assert call.ring_ms // 1000 == 3


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_order_and_any_repetition_gives_the_same_record(data: st.DataObject) -> None:
    journals = [cel.answered(), cel.abandoned(), cel.left_in_menu(), transferred()]
    stories = [*sampled().values(), *(events_of(journal) for journal in journals)]
    story = data.draw(st.sampled_from(stories))
    again = data.draw(st.lists(st.sampled_from(story), max_size=5))
    shuffled = data.draw(st.permutations([*story, *again]))
    assert fold(shuffled) == fold(story)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), restarted=st.booleans())
def test_whatever_lines_are_lost_a_record_comes_of_the_rest(seed: int, *, restarted: bool) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    story = [event for event in events_of(transferred()) if chance.random() < 0.7]
    if not story:
        return
    call = fold(story, engine_restarted=restarted)
    assert min(call.wait_ms, call.talk_ms, call.ring_ms, call.hold_ms) >= 0
    assert call.final or not restarted


def transferred() -> cel.Journal:
    """One agent answers, passes the caller on to a colleague, and goes."""
    call = cel.Journal().begins().chooses("main", "0").queues().after(3).rings().connects()
    call.after(20).rings("a1002", 4).write("ANSWER", phone("a1002", 4)).joins(phone("a1002", 4))
    call.write("ATTENDEDTRANSFER", phone()).parts(phone()).hangs_up(phone(), source=phone())
    call.after(40).parts(CALLER).parts(phone("a1002", 4))
    return call.hangs_up(phone("a1002", 4), source=CALLER).hangs_up(source=CALLER).ends()


def rated(*facts: tuple[str, str]) -> cel.Journal:
    """An answered call, and what the dialplan said after the agent was gone."""
    call = cel.Journal().begins().chooses("main", "0").queues().rings().connects().after(30)
    call.parts(phone()).hangs_up(phone(), source=phone()).parts(CALLER)
    call.says("LEFT", "consult:CONTINUE")
    for event, content in facts:
        call.says(event, content)
    return call.hangs_up(source="dialplan/builtin").ends()


def test_a_dissatisfied_caller_says_why() -> None:
    call = folded(rated(("RATING_OFFERED", ""), ("RATING", "3"), ("RATING_REASON", "2")))
    assert (call.rating_offered, call.rating, call.rating_reason) == (True, 3, 2)
    assert call.rating_exempt is None
    silent = folded(rated(("RATING_OFFERED", ""), ("RATING", "3")))
    assert (silent.rating, silent.rating_reason) == (3, None)


@pytest.mark.parametrize("why", ["short", "crisis", "wrong_number", "redirected", "not_reached"])
def test_a_caller_who_is_not_asked_to_rate_has_the_reason_in_the_record(why: str) -> None:
    call = folded(rated(("RATING_EXEMPT", why)))
    assert (call.rating_offered, call.rating, call.rating_exempt) == (False, None, why)


@pytest.mark.parametrize("by_key", [True, False])
def test_a_message_is_as_long_as_the_caller_spoke(*, by_key: bool) -> None:
    call = folded(cel.message(seconds=20, by_key=by_key))
    assert call.disposition is Disposition.VOICEMAIL
    assert [(one.queue, one.urgent, one.length_ms) for one in call.messages] == [
        ("anyone", False, 20_000)
    ]


@pytest.mark.parametrize(("seconds", "counts"), [(2.9, False), (3.0, True)])
def test_a_message_of_less_than_three_seconds_is_kept_and_is_none(
    seconds: float, *, counts: bool
) -> None:
    call = folded(cel.message(seconds=seconds, by_key=False))
    assert [one.counts for one in call.messages] == [counts]
    assert (call.disposition is Disposition.VOICEMAIL) == counts


def test_a_message_is_urgent_where_an_emergency_is_reported() -> None:
    assert folded(cel.message(priority=20)).messages[0].urgent


def test_a_message_that_asterisk_died_in_is_kept() -> None:
    call = cel.Journal().begins().says("MESSAGE", "anyone:0").after(9).write("APP_END")
    assert folded(call).messages == ()
    lost = folded(call, engine_restarted=True)
    assert lost.disposition is Disposition.ENGINE_LOST
    assert len(lost.messages) == 1


def test_a_transferred_call_has_both_agents_and_one_answer() -> None:
    call = folded(transferred())
    assert (call.agent, call.ended_by) == ("a1001", EndedBy.CALLER)
    talks = {leg.agent: round(leg.talk_ms / 1000) for leg in call.legs if leg.agent}
    assert talks == {"a1001": 22, "a1002": 40}
    assert round(call.talk_ms / 1000) == 62
    assert len(call.visits) == 1


@pytest.mark.parametrize("away", ["QUEUE", "PARK_START"])
def test_an_agent_who_passed_the_caller_on_did_not_end_the_call(away: str) -> None:
    call = cel.Journal().begins().queues().rings().connects().after(20).parts(CALLER)
    call = call.says("QUEUE", "psych:0") if away == "QUEUE" else call.write(away)
    call.parts(phone()).hangs_up(phone(), source=phone()).after(30)
    call = call if away == "QUEUE" else call.write("PARK_END")
    assert folded(call.hangs_up(source=CALLER).ends()).ended_by is EndedBy.CALLER


def without_queue(outcome: str = "", *, key: str = "") -> cel.Journal:
    call = cel.Journal().begins()
    if key:
        call.chooses("main", key)
    return call.hangs_up(source="dialplan/builtin" if not outcome else "").ends()


@pytest.mark.parametrize(
    ("call", "disposition"),
    [
        (cel.answered(), Disposition.ANSWERED),
        (cel.abandoned(), Disposition.ABANDONED_IN_QUEUE),
        (cel.left_in_menu(), Disposition.ABANDONED_IN_MENU),
        (without_queue(key="6"), Disposition.SELF_SERVICE),
        (without_queue(), Disposition.FAILED),
    ],
)
def test_inbound_calls_end_as_their_callers_would_tell(
    call: cel.Journal, disposition: Disposition
) -> None:
    assert folded(call).disposition is disposition


@pytest.mark.parametrize(
    ("outcome", "disposition"),
    [
        ("callback_booked", Disposition.CALLBACK_BOOKED),
        ("night", Disposition.NIGHT),
        ("blocked", Disposition.BLOCKED),
        ("self_service", Disposition.SELF_SERVICE),
    ],
)
def test_what_the_dialplan_did_instead_of_a_conversation_is_the_outcome(
    outcome: str, disposition: Disposition
) -> None:
    call = cel.Journal().begins().says("OUTCOME", outcome).after(2)
    assert folded(call.hangs_up(source=CALLER).ends()).disposition is disposition


def test_what_is_told_to_its_end_is_a_request_of_its_category_and_each_only_once() -> None:
    call = cel.Journal().begins().chooses("m_know", "1", "C02.02.01.02").after(60)
    call.says("OUTCOME", "self_service").chooses("m_know", "2", "C02.02.01.01").after(60)
    call.says("OUTCOME", "self_service").after(5).says("OUTCOME", "self_service")
    call.chooses("m_know", "3", "C02.02.01.03").after(2)
    record = folded(call.hangs_up(source=CALLER).ends())
    assert record.disposition is Disposition.SELF_SERVICE
    codes = [(one.service, one.code) for one in record.requests]
    assert codes == [("C", "C02.02.01.02"), ("C", "C02.02.01.01")], "the third was broken off"
    assert all(one.settled for one in record.requests), "nobody has to deal with it"


def test_who_was_served_by_machine_and_then_by_a_person_has_two_requests() -> None:
    call = cel.Journal().begins().chooses("m_self", "2", "C99.03.01").after(9)
    call.says("OUTCOME", "self_service").chooses("consult", "1", "C02.02.01.02").queues().after(1)
    call.rings(seconds=3).connects().after(30).parts(phone()).parts(CALLER)
    record = folded(call.hangs_up(source=CALLER).ends())
    assert record.disposition is Disposition.ANSWERED
    asked = [(one.code, one.settled) for one in record.requests]
    assert asked == [("C99.03.01", True), ("C02.02.01.02", False)]


def test_who_was_told_by_machine_and_then_asks_a_person_about_it_is_not_settled() -> None:
    call = cel.Journal().begins().chooses("m_know", "1", "C02.02.01.02").after(60)
    call.says("OUTCOME", "self_service").queues().after(1)
    call.rings(seconds=3).connects().after(30).parts(phone()).parts(CALLER)
    record = folded(call.hangs_up(source=CALLER).ends())
    assert [(one.code, one.settled) for one in record.requests] == [("C02.02.01.02", False)]


def test_a_queue_that_gave_the_caller_up_is_an_overflow_whoever_hangs_up_then() -> None:
    call = cel.Journal().begins().queues().after(30).says("LEFT", "consult:JOINEMPTY")
    assert folded(call.hangs_up(source=CALLER).ends()).disposition is Disposition.OVERFLOW


@pytest.mark.parametrize(("wait", "short"), [(3, True), (4.99, True), (5.1, False)])
def test_an_abandonment_within_five_seconds_is_short(wait: float, *, short: bool) -> None:
    assert folded(cel.abandoned(wait=wait)).short is short


@pytest.mark.parametrize(
    ("cause", "status", "disposition"),
    [
        (17, "BUSY", Disposition.BUSY),
        (19, "NOANSWER", Disposition.NO_ANSWER),
        (19, "", Disposition.NO_ANSWER),
        (34, "CONGESTION", Disposition.FAILED),
    ],
)
def test_a_call_out_that_reached_nobody_says_why(
    cause: int, status: str, disposition: Disposition
) -> None:
    desk = CALLER.replace("trunk", "agent-a1001")
    call = cel.Journal()
    call.write("CHAN_START", desk).says("DIALLED", "outbound:13800001234", desk)
    call.write("CHAN_START", TRUNK_OUT).after(20).hangs_up(TRUNK_OUT, cause=cause)
    extra = {"hangupcause": cause, "hangupsource": "", "dialstatus": status}
    call.write("HANGUP", desk, extra=extra).write("CHAN_END", desk).ends()
    record = folded(call)
    assert (record.direction, record.disposition) == (Direction.OUTBOUND, disposition)
    assert record.agent is None


def test_a_call_out_that_was_answered_names_the_agent_who_dialled() -> None:
    desk = CALLER.replace("trunk", "agent-a1001")
    call = cel.Journal().write("CHAN_START", desk).says("DIALLED", "outbound:13800001234", desk)
    call.write("CHAN_START", TRUNK_OUT).after(5).write("ANSWER", TRUNK_OUT)
    call.joins(TRUNK_OUT).joins(desk).after(60).parts(TRUNK_OUT).parts(desk)
    call.hangs_up(TRUNK_OUT, source=TRUNK_OUT).hangs_up(desk, source=TRUNK_OUT).ends()
    record = folded(call)
    assert (record.disposition, record.agent, record.ended_by) == (
        Disposition.ANSWERED,
        "a1001",
        EndedBy.CALLEE,
    )


def test_whom_an_agent_called_stays_on_his_record_when_the_agents_browser_is_lost() -> None:
    desk, again = CALLER.replace("trunk", "agent-a1001"), phone(serial=0xB)
    call = cel.Journal().write("CHAN_START", desk).says("DIALLED", "outbound:13800001234", desk)
    call.write("CHAN_START", TRUNK_OUT).after(5).write("ANSWER", TRUNK_OUT).write("ANSWER", desk)
    answered_ms = call.now_us // 1000
    call.joins(TRUNK_OUT).joins(desk).after(60).parts(TRUNK_OUT).parts(desk)
    call.hangs_up(desk, source=desk, cause=44).says("HOLD", "a1001", TRUNK_OUT).after(8)
    call.write("CHAN_START", again).after(1).write("ANSWER", again).joins(again).joins(TRUNK_OUT)
    call.after(30).parts(TRUNK_OUT).parts(again)
    call.hangs_up(TRUNK_OUT, source=TRUNK_OUT).hangs_up(again, source=TRUNK_OUT).ends()
    record = folded(call)
    assert (record.direction, record.disposition) == (Direction.OUTBOUND, Disposition.ANSWERED)
    assert (record.agent, record.ended_by) == ("a1001", EndedBy.CALLEE)
    assert abs((record.answered_ms or 0) - answered_ms) < 2
    assert [round(ms / 1000) for ms in (record.talk_ms, record.ring_ms)] == [90, 0]


def test_a_call_that_goes_on_has_no_disposition_yet() -> None:
    call = folded(cel.Journal().begins().queues())
    assert (call.disposition, call.ended_ms, call.ended_by) == (None, None, None)


def test_a_call_that_died_with_asterisk_is_engine_lost_and_ends_with_the_last_thing_known() -> None:
    journal = cel.Journal().begins().queues().rings().connects().after(30).says("RATING_OFFERED")
    call = folded(journal, engine_restarted=True)
    assert call.disposition is Disposition.ENGINE_LOST
    assert call.ended_ms == journal.now_us // 1000
    assert round(call.talk_ms / 1000) == 30
    assert call.requests == ()


def test_a_call_that_had_ended_is_not_lost_by_a_later_restart() -> None:
    assert folded(cel.answered(), engine_restarted=True) == folded(cel.answered())


def test_the_deepest_preset_is_what_the_call_was_about() -> None:
    call = cel.Journal().begins().chooses("m", "1", "C02.01").chooses("m", "2", "C05")
    call.queues().rings().connects().after(9).parts(CALLER).parts(phone())
    call.hangs_up(phone(), source=phone()).hangs_up().ends()
    [request] = folded(call).requests
    assert request.code == "C02.01"


def test_a_menu_alone_makes_no_request() -> None:
    call = cel.Journal().begins().chooses("main", "1", "C02").hangs_up(source=CALLER).ends()
    assert folded(call).requests == ()


def test_events_of_two_calls_are_refused() -> None:
    with pytest.raises(PeerBroke, match="one call"):
        fold([*events_of(cel.answered(1)), *events_of(cel.answered(2))])
    with pytest.raises(PeerBroke):
        fold([])
