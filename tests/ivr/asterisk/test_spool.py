from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr import events
from ivr.asterisk.spool import LONGEST_LINE, Reading, Reason, parse, read
from ivr.asterisk.variables import UserEvent
from ivr.errors import PeerBroke
from tests.ivr import cel

SAMPLES = sorted((Path(__file__).parents[2] / "data/cel").glob("*.jsonl"))
"""Journals of a real Asterisk."""

LINE = cel.Journal().write("CHAN_START").text().encode()
NEXT = cel.Journal(2).write("CHAN_START").text().encode()


def read_in_pieces(data: bytes, cuts: list[int]) -> Reading:
    """The file grows by pieces; each time it is read on from where it was left."""
    whole = Reading(0)
    for end in sorted({min(cut, len(data)) for cut in cuts} | {len(data)}):
        reading = read(data[whole.position : end], whole.position)
        whole.lines += reading.lines
        whole.refused += reading.refused
        whole.position = reading.position
    return whole


def test_the_journals_of_a_real_asterisk_are_read_to_the_last_byte() -> None:
    assert SAMPLES
    for sample in SAMPLES:
        data = sample.read_bytes()
        reading = read(data, 0)
        assert reading.refused == []
        assert reading.position == len(data)
        assert [line.text for line in reading.lines] == data.decode().splitlines()


def test_every_line_of_a_real_asterisk_can_be_understood() -> None:
    texts = [line for sample in SAMPLES for line in sample.read_text().splitlines()]
    kinds = {type(event) for text in texts if (event := parse(text))}
    assert {events.BridgeEntered, events.QueueLeft, events.CallEnded, events.RatingGiven} <= kinds


@given(cuts=st.lists(st.integers(0, 5_000), max_size=30))
def test_a_journal_cut_anywhere_gives_the_same_lines(cuts: list[int]) -> None:
    torn = LINE[:70] + NEXT + b"garbage\n\n" + LINE + b'{"a":1}\n' + NEXT[:-1]
    assert read_in_pieces(torn, cuts) == read(torn, 0)


@given(
    pieces=st.lists(
        st.sampled_from([LINE, NEXT, LINE[:-1], NEXT[:50], b"\n", b"\xff\xfe", b"{}", b"\0" * 9])
        | st.binary(max_size=40),
        max_size=12,
    ),
    cuts=st.lists(st.integers(0, 3_000), max_size=8),
)
def test_no_bytes_can_stop_the_reading_and_none_is_lost(
    pieces: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(pieces)
    reading = read_in_pieces(data, cuts)
    last = read(data[reading.position :], reading.position, complete=True)
    kept = sum(len(line.text.encode()) for line in reading.lines + last.lines)
    refused = sum(len(found.content) for found in reading.refused + last.refused)
    assert kept + refused + data.count(b"\n") == len(data)
    for line in reading.lines + last.lines:
        place = data[line.position : line.position + len(line.text.encode())]
        assert place == line.text.encode()


ODD_LINES = [
    LINE[:-1] + NEXT,
    LINE.replace(b',"eventenum"', b',\n"eventenum"'),
    LINE.replace(b'"peer":""', b'"peer":"\xe5\xbc\xa0"'),
    LINE.replace(b'"peer":""', b'"peer":"' + b"x" * LONGEST_LINE + b'"'),
    LINE.replace(b"n1-7-", b""),
    LINE.replace(b"\n", b" \r\n"),
    LINE[:60] + b"\n",
    b"\n",
]


@given(st.lists(st.sampled_from([LINE, NEXT, *ODD_LINES]), max_size=6))
def test_lines_read_at_once_are_the_lines_read_one_by_one(texts: list[bytes]) -> None:
    data = b"".join(texts)
    alone = Reading(0)
    for text in (line + b"\n" for line in data.split(b"\n")[:-1]):
        reading = read(text, alone.position)
        alone.lines += reading.lines
        alone.refused += reading.refused
        alone.position = reading.position
    assert read(data, 0) == alone


def test_a_record_glued_to_a_torn_one_is_saved() -> None:
    reading = read(LINE[:70] + NEXT, 100)
    assert [line.position for line in reading.lines] == [170]
    assert [line.text for line in reading.lines] == [NEXT.decode().strip()]
    [torn] = reading.refused
    assert (torn.position, torn.content, torn.reason) == (100, LINE[:70], Reason.TORN)


def test_two_records_without_a_line_end_between_them_are_both_read() -> None:
    assert len(read(LINE[:-1] + NEXT, 0).lines) == 2


def test_a_last_line_without_end_waits_until_the_file_is_complete() -> None:
    reading = read(LINE + NEXT[:-1], 0)
    assert (len(reading.lines), reading.position) == (1, len(LINE))
    assert len(read(LINE + NEXT[:-1], 0, complete=True).lines) == 2


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b'"x"',
        b"null",
        b"{}",
        b'{"linkedid":7}',
        b'{"linkedid":"1795000000.1"}',
        b'{"linkedid":"n1-7-1795000000.1;drop"}',
    ],
)
def test_json_that_is_no_call_of_ours_is_foreign(line: bytes) -> None:
    [refused] = read(line + b"\n", 0).refused
    assert refused.reason is Reason.FOREIGN


def test_a_line_without_end_is_given_up_at_its_limit() -> None:
    reading = read(b"x" * (LONGEST_LINE + 10) + b"\n" + LINE, 0)
    assert [found.reason for found in reading.refused] == [Reason.TOO_LONG, Reason.TORN]
    assert len(reading.lines) == 1


def test_nesting_as_deep_as_a_line_is_long_is_refused() -> None:
    for deep in (b"[" * 60_000, b'{"linkedid":' * 5_000, b'{"a":' + b"[" * 60_000):
        assert len(read(deep + b"\n", 0).refused) == 1


@given(
    inside=st.binary(max_size=12)
    | st.sampled_from([b"\0", b"\x1f", b"\\", b"\\u0000", b"\xed\xa0\x80", b'","a":NaN,"b":"'])
)
def test_what_is_kept_is_json_that_any_reader_and_the_database_accept(inside: bytes) -> None:
    line = b'{"eventtype":"X","linkedid":"n1-7-1795000000.1","peer":"' + inside + b'"}'
    for kept in read(line + b"\n", 0).lines:
        assert json.loads(kept.text)["linkedid"] == "n1-7-1795000000.1"
        assert "\0" not in kept.text
        assert kept.text.encode() in line


def told(event: UserEvent, content: str) -> events.Event | None:
    return parse(cel.Journal().says(event, content).lines[0])


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (UserEvent.CALLER, "138\n000"),
        (UserEvent.CALLER, "1" * 21),
        (UserEvent.DIALLED, "sideways:12320"),
        (UserEvent.MENU, "main"),
        (UserEvent.MENU, "main:1t"),
        (UserEvent.MENU, "main:" + "1" * 21),
        (UserEvent.PRESET, "12320-2016:c02"),
        (UserEvent.QUEUE, "consult:many"),
        (UserEvent.LEFT, "Consult:CONTINUE"),
        (UserEvent.AGENT, "a1001;"),
        (UserEvent.RATING, "4"),
        (UserEvent.RATING_REASON, "5"),
        (UserEvent.RATING_EXEMPT, "No!"),
        (UserEvent.CAMPAIGN, ""),
        (UserEvent.TRANSFER, "psych:+12356"),
        (UserEvent.OUTCOME, "answered"),
        (UserEvent.HOLD, "A1"),
    ],
)
def test_a_fact_that_is_not_in_its_shape_is_not_believed(event: UserEvent, content: str) -> None:
    with pytest.raises(PeerBroke, match=event):
        told(event, content)


@pytest.mark.parametrize("key", ["1", "#", "t", "i", "d", "102", "1" * 20])
def test_a_number_typed_in_a_menu_is_a_step_as_a_key_is(key: str) -> None:
    step = told(UserEvent.MENU, f"f_know:{key}")
    assert isinstance(step, events.KeyChosen)
    assert (step.menu, step.key) == ("f_know", key)


@pytest.mark.parametrize("extra", ["emergency:120", "colleague:a1002"])
def test_somebody_who_is_asked_to_take_over_is_known(extra: str) -> None:
    kind, _, number = extra.partition(":")
    asked = told(UserEvent.TRANSFER, extra)
    assert isinstance(asked, events.TakeOverAsked)
    assert (asked.kind, asked.number) == (kind, number)


def test_a_colleague_is_dialled_by_his_staff_id() -> None:
    dialled = told(UserEvent.DIALLED, "internal:a1002")
    assert isinstance(dialled, events.NumberDialled)
    assert (dialled.direction, dialled.number) == ("internal", "a1002")


def test_every_fact_of_the_dialplan_is_understood() -> None:
    contents = {
        UserEvent.CALLER: "+8613800001234",
        UserEvent.DIALLED: "inbound:12320",
        UserEvent.MENU: "main:t",
        UserEvent.PRESET: "12320-2016:C02.01.L01",
        UserEvent.FALLBACK: "silent",
        UserEvent.QUEUE: "psych:30",
        UserEvent.LEFT: "psych:CONTINUE",
        UserEvent.AGENT: "a1001",
        UserEvent.RECORDING: "n1-7-1795000000.1",
        UserEvent.RATING_OFFERED: "",
        UserEvent.MESSAGE: "anyone:0",
        UserEvent.MESSAGE_END: "",
        UserEvent.RATING: "3",
        UserEvent.RATING_REASON: "4",
        UserEvent.RATING_EXEMPT: "wrong_number",
        UserEvent.CAMPAIGN: "attempt_4711",
        UserEvent.CALLBACK_BOOKED: "anyone:0:1795000000:13800001234",
        UserEvent.CALLBACK_OF: "n1-7-1795000000.1",
        UserEvent.TRANSFER: "psych:12356",
        UserEvent.OUTCOME: "callback_booked",
        UserEvent.HOLD: "a1001",
        UserEvent.HOLD_END: "",
        UserEvent.RECORDING_PAUSED: "",
        UserEvent.RECORDING_RESUMED: "",
    }
    assert set(contents) == set(UserEvent)
    found = [told(event, content) for event, content in contents.items()]
    assert len({type(event) for event in found}) == len(contents)


def test_a_microsecond_is_kept_however_asterisk_prints_it() -> None:
    record = json.loads(LINE)
    for stamp in ("1795000000.001384", 1795000000):
        event = parse(json.dumps(record | {"eventtime": stamp}))
        assert event is not None
        assert event.at_us == 1_795_000_000_000_000 + (1384 if isinstance(stamp, str) else 0)


@pytest.mark.parametrize(
    "stamp",
    [
        "-795324488.5",
        "+1795000000",
        "1_795_000_000",
        "１７９５",
        " 1795000000",
        "1e9",
        "",
        "1" * 12,
    ],
)
def test_a_moment_is_written_in_digits_or_not_believed(stamp: str) -> None:
    record = json.loads(LINE)
    with pytest.raises(PeerBroke, match="eventtime"):
        parse(json.dumps(record | {"eventtime": stamp}))


def test_what_no_record_is_made_of_is_passed_over() -> None:
    assert parse(cel.Journal().write("APP_START").lines[0]) is None


@settings(max_examples=300)
@given(
    record=st.dictionaries(
        st.sampled_from(["eventtype", "userdeftype", "eventtime", "uniqueid", "eventextra"]),
        st.sampled_from(
            [
                "HANGUP",
                "MENU",
                "BRIDGE_ENTER",
                "x",
                "",
                "{}",
                "[",
                "1.5",
                "9" * 12,
                "[" * 9000,
                7,
                None,
            ]
        )
        | st.sampled_from(["[" * 9000, {}]),
    )
)
def test_no_record_makes_the_parser_fail_otherwise_than_by_saying_so(
    record: dict[str, object],
) -> None:
    whole = json.loads(LINE) | record
    try:
        parse(json.dumps(whole))
    except PeerBroke:
        return
