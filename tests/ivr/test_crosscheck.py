from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ivr.asterisk.counterpart import CdrLine, QueueLine
from ivr.calls import Disposition, VisitOutcome
from ivr.crosscheck import (
    ANSWERED,
    DURATION,
    NO_CDR,
    NO_QUEUE_LOG,
    QUEUE,
    Recorded,
    Told,
    compare,
    opened_second,
    tell,
)

CALL = "n1-7-1795000000.1"
BEGAN = datetime.fromisoformat("2026-11-18T10:00:00")
ANSWER = Recorded(
    CALL,
    seconds=40.4,
    answered=True,
    disposition=Disposition.ANSWERED,
    visits=((VisitOutcome.ANSWERED, "a1001"),),
)


def cdr(begins: int = 0, ends: int = 40, *, answered: bool = True) -> CdrLine:
    return CdrLine(
        CALL, BEGAN + timedelta(seconds=begins), BEGAN + timedelta(seconds=ends), answered
    )


def queue_log(event: str, agent: str = "", *data: str) -> QueueLine:
    return QueueLine(1_795_000_010, CALL, "general", agent, event, data)


ENTERED = queue_log("ENTERQUEUE", "", "", "", "1")
SERVED = (ENTERED, queue_log("CONNECT", "a1001"), queue_log("COMPLETEAGENT", "a1001", "3", "30"))


def kinds(record: Recorded, *lines: CdrLine | QueueLine) -> list[str]:
    told = tell(lines).get(CALL, Told())
    return [found.kind for found in compare(record, told, cdr=True, queue_log=True)]


def test_three_that_tell_the_same_differ_in_nothing() -> None:
    assert kinds(ANSWER, cdr(0, 35), cdr(35, 40), *SERVED) == []
    assert kinds(ANSWER, cdr(ends=39), *SERVED) == []


def test_each_kind_of_difference_is_seen() -> None:
    assert kinds(ANSWER) == [NO_CDR, NO_QUEUE_LOG]
    assert kinds(ANSWER, cdr(answered=False), *SERVED) == [ANSWERED]
    assert kinds(ANSWER, cdr(ends=45), *SERVED) == [DURATION]
    assert kinds(ANSWER, cdr(), ENTERED, queue_log("ABANDON", "", "1", "1", "3")) == [QUEUE]


def test_cdrs_of_which_some_were_put_away_can_tell_of_less_and_not_of_more() -> None:
    def partly(record: Recorded, *lines: CdrLine | QueueLine) -> list[str]:
        told = tell(lines)[CALL]
        found = compare(record, told, cdr=True, queue_log=True, whole=False)
        return [difference.kind for difference in found]

    assert kinds(ANSWER, cdr(35, 40), *SERVED) == [DURATION]
    assert partly(ANSWER, cdr(35, 40), *SERVED) == []
    assert partly(ANSWER, cdr(ends=45), *SERVED) == [DURATION]
    assert partly(ANSWER, cdr(answered=False), *SERVED) == []
    assert partly(replace(ANSWER, answered=False), cdr(), *SERVED) == [ANSWERED]


def test_another_agent_is_a_difference() -> None:
    lines = (ENTERED, queue_log("CONNECT", "a1002"), queue_log("COMPLETEAGENT", "a1002", "3", "30"))
    assert kinds(ANSWER, cdr(), *lines) == [QUEUE]


def test_a_stay_that_only_queue_log_knows_is_a_difference_but_not_a_place_holders() -> None:
    record = replace(ANSWER, visits=())
    assert kinds(record, cdr(), ENTERED) == []
    assert kinds(record, cdr(), *SERVED) == [QUEUE]
    told = tell(SERVED)[CALL]
    place = replace(record, call_id="n1-7-1795000000.c1")
    assert compare(place, told, cdr=False, queue_log=True) == []


@pytest.mark.parametrize("outcome", [VisitOutcome.ABANDONED, VisitOutcome.OVERFLOW])
def test_who_left_while_an_offer_was_read_out_is_no_difference(outcome: VisitOutcome) -> None:
    record = replace(ANSWER, disposition=Disposition.OVERFLOW, visits=((outcome, ""),))
    assert kinds(record, cdr(), ENTERED, queue_log("EXITWITHTIMEOUT", "", "1", "1", "30")) == []


def test_who_hung_up_before_app_queue_was_run_is_no_difference() -> None:
    gone = ((VisitOutcome.ABANDONED, ""),)
    assert kinds(replace(ANSWER, visits=gone), cdr()) == []
    passed = ((VisitOutcome.OVERFLOW, ""),)
    assert kinds(replace(ANSWER, visits=passed), cdr()) == [NO_QUEUE_LOG]


def test_the_instant_of_an_answer_may_be_called_either_way() -> None:
    gone = replace(ANSWER, visits=((VisitOutcome.ABANDONED, ""),))
    at_once = (
        ENTERED,
        queue_log("CONNECT", "a1001"),
        queue_log("COMPLETECALLER", "a1001", "3", "0"),
    )
    assert kinds(gone, cdr(), *at_once) == []
    assert kinds(gone, cdr(), *SERVED) == [QUEUE]


def test_a_call_that_asterisk_died_in_has_no_cdr_to_ask() -> None:
    assert kinds(replace(ANSWER, disposition=Disposition.ENGINE_LOST)) == []


def test_what_a_file_does_not_reach_back_to_is_not_asked() -> None:
    assert compare(ANSWER, Told(), cdr=False, queue_log=False) == []


def test_an_absurd_number_in_queue_log_is_none() -> None:
    lines = (ENTERED, queue_log("CONNECT", "a1001"), queue_log("COMPLETEAGENT", "a1001", "3", "²"))
    assert kinds(ANSWER, cdr(), *lines) == []
    assert (
        kinds(ANSWER, cdr(), *lines[:2], queue_log("COMPLETEAGENT", "a1001", "3", "9" * 99)) == []
    )


def test_a_call_id_tells_when_the_call_was_opened() -> None:
    assert opened_second(CALL) == 1_795_000_000
    assert opened_second("no call of ours") == 0
