from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.ami import Event, Framer, Message, Response, Skipped

BANNER = b"Asterisk Call Manager/11.0.0\r\n"

ODD = b"".join(
    [
        b"Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n",
        b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n",
        "Event: Newchannel\r\nCallerIDName: 农户张三\r\nUniqueid: n1-1-1.1\r\n\r\n".encode(),
        b"Event: Newchannel\r\nCallerIDNum: 1\r\nEvent: Fake\r\nY: h\r\nUniqueid: n1-1-1.2\r\n\r\n",
        b"Event: X\r\nCallerIDName: \xc5\xa9\xbb\xa7\r\nZ: 1\r\n\r\n",
        b"Event: QueueMember\r\nQueue: psych\r\n\nEvent: QueueMember\r\nQueue: quit\r\n\r\n",
        b"Event: X\r\nV: a\nEvent: Hangup\r\nZ: 1\r\n\r\n",
        b"no message at all\r\n\r\n",
        b"Event: X\r\nV: a\0b\r\n\r\n",
        b"\r\n\r\n\r\nEvent: Late\r\nV: \r\n\r\n",
        b"Event: Long\r\nV: " + b"x" * 300 + b"\r\n\r\n",
        b"Event: Last\r\nA: 1\r\nA: 2\r\n\r\n",
    ]
)
LIMIT = 200


def fed(chunks: Iterable[bytes], limit: int = LIMIT) -> tuple[list[bytes], list[bytes], Skipped]:
    framer = Framer(limit=limit)
    events: list[bytes] = []
    responses: list[bytes] = []
    for chunk in chunks:
        received = framer.feed(chunk)
        events += [event.raw for event in received.events]
        responses += [response.raw for response in received.responses]
    return events, responses, framer.skipped


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def only(raw: bytes) -> Event:
    framer = Framer()
    (event,) = framer.feed(BANNER + raw).events
    return event


def test_the_odd_stream_gives_what_can_be_read_and_counts_the_rest() -> None:
    framer = Framer(limit=LIMIT)
    received = framer.feed(BANNER + ODD)
    assert framer.version == "11.0.0"
    assert [r["Message"] for r in received.responses] == ["Authentication accepted"]
    assert [event.name for event in received.events] == [
        *("FullyBooted", "Newchannel", "X", "QueueMember", "QueueMember", "X", "Late", "Last")
    ]
    assert framer.skipped == Skipped(forged=1, malformed=2, oversized=1)


def test_the_same_stream_cut_at_every_byte_gives_the_same_messages() -> None:
    whole = fed([BANNER + ODD])
    for cut in range(len(BANNER + ODD) + 1):
        assert fed(pieces(BANNER + ODD, [cut])) == whole, cut
    assert fed(bytes([byte]) for byte in BANNER + ODD) == whole


@given(cuts=st.lists(st.integers(0, 10_000), max_size=40))
def test_any_cuts_of_the_odd_stream_give_the_same_messages(cuts: list[int]) -> None:
    assert fed(pieces(BANNER + ODD, cuts)) == fed([BANNER + ODD])


_BITS = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"Event: A", b"Event:", b"Response: B"),
        *(b"K: v", b"x" * 70, b"\r\n\r\n", "张".encode(), b"\xff"),
    ]
)


@given(bits=st.lists(_BITS, max_size=60), cuts=st.lists(st.integers(0, 5_000), max_size=30))
def test_no_bytes_raise_and_their_cuts_do_not_matter(bits: list[bytes], cuts: list[int]) -> None:
    data = BANNER + b"".join(bits)
    whole = fed([data], limit=100)
    assert fed(pieces(data, cuts), limit=100) == whole
    for raw in whole[0]:
        event = Event(raw)
        assert event.name == event.name.strip()
        assert dict(event.headers)
        assert event.get("K") in {"", "v", " v", *event.all("K")}


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=10))
def test_a_peer_that_is_no_asterisk_is_read_without_an_exception(
    data: bytes, cuts: list[int]
) -> None:
    assert fed(pieces(data, cuts)) == fed([data])


def test_a_message_that_repeats_its_event_header_is_dropped_and_counted() -> None:
    forged = b"Event: Newchannel\r\nCallerIDNum: 1\r\nEvent: Hangup\r\nUniqueid: n1-1-1.1\r\n\r\n"
    assert fed([BANNER + forged])[0] == []
    assert fed([BANNER + forged])[2].forged == 1


def test_a_header_that_a_caller_repeated_counts_for_neither_value() -> None:
    event = only(
        b"Event: Newchannel\r\nCallerIDNum: 1\r\nUniqueid: n1-1-1.1\r\n"
        b"Uniqueid: n1-1-1.2\r\nLinkedid: n1-1-1.2\r\n\r\n"
    )
    assert event.get("Uniqueid") == ""
    assert event["Linkedid"] == "n1-1-1.2"
    assert event.all("Uniqueid") == ("n1-1-1.1", "n1-1-1.2")
    with pytest.raises(KeyError, match="Uniqueid"):
        event["Uniqueid"]


def test_a_misspelt_header_fails_loudly() -> None:
    with pytest.raises(KeyError, match="Uniqueidd"):
        only(b"Event: X\r\nUniqueid: 1\r\n\r\n")["Uniqueidd"]


@pytest.mark.parametrize(
    ("raw", "key", "value"),
    [
        (b"Event: X\r\nV: a: b: c\r\nZ: 1\r\n\r\n", "V", "a: b: c"),
        (b"Event: X\r\nV: \r\n\r\n", "V", ""),
        (b"Event: X\r\nV:v\r\nZ: 1\r\n\r\n", "V", "v"),
        (b"Event: X\r\nV:a: b\r\nZ: 1\r\n\r\n", "V", "a: b"),
        (b"Event: X\r\nV:  a \r\nZ: 1\r\n\r\n", "V", " a "),
        (b"Event: X\r\nResult: 50%25\r\n\r\n", "Result", "50%25"),
        (b"Event: X\r\nV: \xc5\xa9\xbb\xa7\r\nZ: 1\r\n\r\n", "V", "农户"),
        (b"Event: X\r\nV: \xff\xff\r\nZ: 1\r\n\r\n", "V", "\\xff\\xff"),
        ("Event: X\r\nV: a\u2028b\x85c\r\n\r\n".encode(), "V", "a\u2028b\x85c"),
        (b"Event: X\r\nV: a\nEvent: Hangup\r\nZ: 1\r\n\r\n", "V", "a\nEvent: Hangup"),
    ],
)
def test_an_odd_value_reads_the_same_alone_and_among_all(raw: bytes, key: str, value: str) -> None:
    assert only(raw).get(key) == value
    assert only(raw).headers[key] == value
    assert only(raw).headers["Event"] == "X"


def test_repeated_headers_are_kept_in_their_order() -> None:
    headers = only(b"Event: X\r\nA: 1\r\nB: 3\r\nA: 2\r\nB: 4\r\nA: 5\r\n\r\n").headers
    assert headers == {"Event": "X", "A": ["1", "2", "5"], "B": ["3", "4"]}


def test_lines_that_are_no_headers_are_passed_over() -> None:
    assert only(b"Event: X\r\nnothing\r\nA: 1\r\n\r\n").headers == {"Event": "X", "A": "1"}


def test_a_ten_megabyte_line_is_skipped_within_bounded_memory() -> None:
    framer = Framer()
    framer.feed(BANNER + b"Event: Huge\r\nV: ")
    most = 0
    for _ in range(10 * 1024):
        assert framer.feed(b"x" * 1_024).events == []
        most = max(most, len(framer._held))
    assert most <= 1 << 18
    assert [e.name for e in framer.feed(b"\r\n\r\nEvent: Next\r\nA: 1\r\n\r\n").events] == ["Next"]
    assert framer.skipped == Skipped(oversized=1)


def test_a_large_message_in_small_reads_is_looked_at_once() -> None:
    """The search for the end must not begin anew with each read: count the bytes it sees."""

    class Counting(Framer):
        searched = 0

        def _parts(self, data: bytes) -> list[bytes]:
            self.searched += len(data)
            return super()._parts(data)

    body = b"Response: Success\r\n" + b"Output: some line\r\n" * 50_000 + b"\r\n"
    framer = Counting(limit=1 << 21)
    framer.feed(BANNER)
    found = [
        response
        for start in range(0, len(body), 1_024)
        for response in framer.feed(body[start : start + 1_024]).responses
    ]
    assert [type(response) for response in found] == [Response]
    assert framer.searched < 2 * len(body)


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\r\n\n"])
def test_the_end_of_a_large_message_is_found_wherever_it_is_cut(end: bytes) -> None:
    large = BANNER + b"Event: Large\r\nV: " + b"x" * 20_000
    whole = large + end
    for cut in range(len(large), len(whole)):
        events, _, _ = fed(
            [large[:10_000], large[10_000:], whole[len(large) : cut], whole[cut:]], 1 << 17
        )
        assert len(events) == 1, cut


def test_a_message_shows_no_header_when_it_is_printed() -> None:
    shown = repr(only(b"Event: Newchannel\r\nCallerIDNum: 13812341234\r\n\r\n"))
    assert shown == "<Event Newchannel>"


def test_the_first_header_alone_is_a_message() -> None:
    assert Message(b"Event: X").headers == {"Event": "X"}
    assert only(b"Event: X\r\n\r\n").name == "X"
    assert only(b"Event: X\r\n\r\n").get("Event") == "X"
