from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.counterpart import CdrLine, QueueLine, parse_cdr, parse_queue_log

SAMPLES = Path(__file__).parents[2] / "data/counterparts"
CDR_LINES = (SAMPLES / "cdr-custom/cdr.jsonl").read_bytes().splitlines()
QUEUE_LINES = (SAMPLES / "queue_log").read_bytes().splitlines()


def test_every_line_of_a_real_asterisk_is_understood() -> None:
    assert all(parse_cdr(line) for line in CDR_LINES)
    assert all(parse_queue_log(line) for line in QUEUE_LINES)
    assert parse_cdr(CDR_LINES[0]) == CdrLine(
        "n1-1-1795334268.0",
        datetime.fromisoformat("2026-11-22T07:57:48"),
        datetime.fromisoformat("2026-11-22T07:57:52"),
        answered=True,
    )
    assert parse_queue_log(QUEUE_LINES[3]) == QueueLine(
        1795334272, "n1-1-1795334268.0", "report", "a1012", "COMPLETEAGENT", ("0", "2", "1")
    )


def test_who_hung_up_while_a_phone_rang_had_been_answered_by_the_menu() -> None:
    """A CDR's disposition is that of the last dialling; its moment of answer is the call's."""
    for disposition in (b"NO ANSWER", b"BUSY", b"FAILED"):
        line = CDR_LINES[0].replace(b'"ANSWERED"', b'"' + disposition + b'"')
        assert line != CDR_LINES[0]
        told = parse_cdr(line)
        assert told is not None
        assert told.answered
    unanswered = CDR_LINES[0].replace(b'"answer":"2026-11-22 07:57:48"', b'"answer":""')
    told = parse_cdr(unanswered)
    assert told is not None
    assert not told.answered


def test_a_line_about_no_caller_is_a_line() -> None:
    for line in (b"NONE|QUEUESTART|", b"PJSIP/agent-a1001|PAUSEALL|tea"):
        found = parse_queue_log(b"1795334263|NONE|NONE|" + line)
        assert found is not None
        assert (found.second, found.call_id) == (1795334263, "")


def test_a_member_is_named_as_an_agent_is() -> None:
    line = parse_queue_log(b"1795334270|n1-1-1795334268.0|q|PJSIP/agent-a7|CONNECT|0|x|0")
    assert isinstance(line, QueueLine)
    assert line.agent == "a7"


def test_an_end_of_a_pipe_is_the_call_that_it_belongs_to() -> None:
    line = parse_queue_log(b"1795334270|n1-1-1795334268.c1;2|q|NONE|ENTERQUEUE|||1")
    assert isinstance(line, QueueLine)
    assert line.call_id == "n1-1-1795334268.c1"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"1795334270|n1-1-1795334268.0|q|NONE|ENTER",
        b"1795334270|n1-1-1795334268.0|q|NONE|ENTERQUEUE||138\x00|1",
        "1795334270|n1-1-1795334268.0|q|NONE|ENTERQUEUE||张三|1".encode(),
        b"1795334270|1795334268.0|q|NONE|ENTERQUEUE|||1",
        b"17953342701795334270|n1-1-1795334268.0|q|NONE|ENTERQUEUE|||1",
    ],
)
def test_what_is_not_in_the_shape_of_queue_log_is_no_line(line: bytes) -> None:
    assert parse_queue_log(line) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"linkedid":"n1-1-', b'"linkedid":"'),
        (b"2026-11-22 07:57:48", b"2026-11-22T07:57:48+08:00"),
        (b"2026-11-22 07:57:48", b"2026-13-22 07:57:48"),
        (b'"start"', b'"begin"'),
        (b'"channel":"', b'"channel":"\xff'),
        (b'"channel":"', b'"channel":"\n'),
        (b"}", b""),
    ],
)
def test_what_is_not_in_the_shape_of_a_cdr_is_no_line(old: bytes, new: bytes) -> None:
    assert parse_cdr(CDR_LINES[0].replace(old, new)) is None


@given(st.binary(max_size=200), st.integers(0, 400), st.sampled_from([*CDR_LINES, *QUEUE_LINES]))
def test_no_bytes_of_anybody_stop_the_reading(inside: bytes, at: int, line: bytes) -> None:
    for bent in (inside, line[:at] + inside + line[at:]):
        assert isinstance(parse_cdr(bent), CdrLine | None)
        assert isinstance(parse_queue_log(bent), QueueLine | None)
