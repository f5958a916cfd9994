"""The AGI parser: what Asterisk sends, what a caller can make it send, cut anywhere."""

from __future__ import annotations

import gc
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.agi_protocol import (
    COMMAND_LIMIT,
    DEAD_CHANNEL,
    ENVIRONMENT_LIMIT,
    REPLY_LIMIT,
    Broke,
    Environment,
    HungUp,
    Parser,
    Refusal,
    Reply,
    Said,
    quoted,
    wire,
)
from ivr.errors import ValueRefused
from tests.ivr.asterisk.fake_agi import SENT, TOKEN, environment

USAGE = b"""520-Invalid command syntax.  Proper usage follows:
Returns <literal>0</literal> if <replaceable>variablename</replaceable> is not set.

HANGUP
200 result=1 (testvariable)
520 End of proper usage.
"""


def replies(*sent: bytes) -> list[Said]:
    parser = Parser()
    parser.feed(environment())
    return [said for data in sent for said in parser.feed(data)]


def test_an_environment_says_which_script_is_asked_for_which_call() -> None:
    [asked] = Parser().feed(environment())
    assert asked == Environment(
        script="menu",
        channel="PJSIP/trunk-00000001",
        uniqueid="n1-17-1763785000.42",
        language="zh",
        caller="13812341234",
        context="from-trunk",
        extension="12320",
        arguments=(TOKEN,),
    )


def test_every_argument_is_kept_in_its_order() -> None:
    [asked] = Parser().feed(environment(agi_arg_2="", agi_arg_3="a: b"))
    assert isinstance(asked, Environment)
    assert asked.arguments == (TOKEN, "", "a: b")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agi_callerid", "1\nagi_arg_1: stolen"),
        ("agi_callerid", "1\nagi_arg_2: more"),
        ("agi_callerid", "1\nagi_calleridname: repeated"),
        ("agi_callerid", "1\nagi_unknown: x"),
        ("agi_callerid", "1\nno colon"),
        ("agi_callerid", "1\n200 result=1 (x)"),
        ("agi_callerid", "1\n\n200 result=1"),
        ("agi_extension", "12320\nagi_priority: 9"),
        ("agi_arg_1", "x\nagi_arg_1: y"),
        ("agi_arg_1", "x\nagi_arg_3: y"),
    ],
)
def test_a_line_that_a_caller_forged_refuses_the_whole_environment(name: str, value: str) -> None:
    *_, last = Parser().feed(environment(**{name: value}))
    assert isinstance(last, Broke)
    assert "expected" in last.detail


def test_an_environment_without_one_of_its_names_is_refused() -> None:
    for missing in SENT:
        if missing == "agi_arg_1":
            continue
        kept = {name: value for name, value in SENT.items() if name != missing}
        block = "".join(f"{name}: {value}\n" for name, value in kept.items()).encode()
        [said] = Parser().feed(block + b"\n")
        assert isinstance(said, Broke), missing


def test_an_environment_is_read_to_its_limit_and_no_further() -> None:
    room = ENVIRONMENT_LIMIT - len(environment(agi_calleridname=""))
    [whole] = Parser().feed(environment(agi_calleridname="x" * room))
    assert isinstance(whole, Environment)
    [refused] = Parser().feed(environment(agi_calleridname="x" * (room + 1)))
    assert isinstance(refused, Broke)


def test_an_environment_without_end_is_refused_at_the_limit() -> None:
    parser = Parser()
    said = [one for _ in range(100) for one in parser.feed(b"agi_arg_1: " + b"x" * 1_000)]
    assert said == [Broke(f"expected an environment of at most {ENVIRONMENT_LIMIT} bytes.")]


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("张三 🏥\u202e".encode(), "张三 🏥\u202e"),
        ("张三".encode("gbk"), "张三"),
        (b"\xff\xfe\x00\x41", "\\xff\\xfe\x00A"),
    ],
)
def test_a_caller_number_in_any_encoding_is_read_without_error(raw: bytes, read: str) -> None:
    [asked] = Parser().feed(
        environment(agi_callerid="@").replace(b"callerid: @", b"callerid: " + raw)
    )
    assert isinstance(asked, Environment)
    assert asked.caller == read


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"200 result=0\n", Reply("0")),
        (b"200 result=-1\n", Reply("-1")),
        (b"200 result=\n", Reply("")),
        (b"200 result=123\n", Reply("123")),
        (b"200 result= (timeout)\n", Reply("", "timeout")),
        (b"200 result=12 (timeout)\n", Reply("12", "timeout")),
        (b"200 result=53 endpos=8000\n", Reply("53", None, 8000)),
        (b"200 result=35 (dtmf) endpos=1234\n", Reply("35", "dtmf", 1234)),
        (b"200 result=0 Gosub complete\n", Reply("0")),
        (b"200 result=1 (hangup)\n", Reply("1", "hangup")),
        (b"200 result=1 (HANGUP)\n", Reply("1", "HANGUP")),
        (b"200 result=1 ()\n", Reply("1", "")),
        (b"200 result=1 (a (b) c=d)\n", Reply("1", "a (b) c=d")),
        (b"200 result=1 (x) endpos=5)\n", Reply("1", "x) endpos=5")),
        (b"200 result=1 (line 1\nline 2)\n", Reply("1", "line 1\nline 2")),
        (b"200 result=1 (\nHANGUP\n\n200 result=0\n)\n", Reply("1", "\nHANGUP\n\n200 result=0\n")),
        ("200 result=1 (江苏)\n".encode(), Reply("1", "江苏")),
        ("200 result=1 (江苏)\n".encode("gbk"), Reply("1", "江苏")),
        (b"200 result=0 endpos=" + b"9" * 5_000 + b"\n", Reply("0")),
        (b"510 Invalid or unknown command\n", Refusal(510, "Invalid or unknown command")),
        (b"511 Command Not Permitted\n", Refusal(DEAD_CHANNEL, "Command Not Permitted")),
        (b"520 Invalid command syntax.\n", Refusal(520, "Invalid command syntax.")),
        (USAGE, Refusal(520, USAGE[4:-1].decode())),
        (b"HANGUP\n", HungUp()),
    ],
)
def test_one_reply_is_read_whole_and_the_next_one_is_its_own(sent: bytes, said: Said) -> None:
    assert replies(sent + b"200 result=7\n") == [said, Reply("7")]


def test_a_hangup_line_before_a_reply_is_not_the_reply() -> None:
    assert replies(b"HANGUP\n200 result=1 (x)\n") == [HungUp(), Reply("1", "x")]


def test_an_announced_reply_is_only_the_one_that_follows() -> None:
    assert replies(b"100 result=0 Trying...\n200 result=0\n") == [Reply("0")]


@pytest.mark.parametrize("sent", [b"garbage\n", b"\n", b"200\n", b"200 ok\n", b"404 result=1\n"])
def test_what_is_no_reply_breaks_the_session_for_good(sent: bytes) -> None:
    [broke, *more] = replies(sent + b"200 result=0\n", b"200 result=0\n")
    assert isinstance(broke, Broke)
    assert more == []


@pytest.mark.parametrize("opening", [b"200 result=1 (", b"520-usage\n", b"", b"200 result=1 (\n\n"])
def test_a_reply_without_end_is_refused_at_the_limit(opening: bytes) -> None:
    said = replies(opening, *[b"x" * 1_000] * 100)
    assert said == [Broke(f"expected a reply of at most {REPLY_LIMIT} bytes.")]


@pytest.mark.parametrize("value", [b"x" * REPLY_LIMIT, b"x\n" * (REPLY_LIMIT // 2)])
def test_a_reply_that_came_whole_is_held_to_the_same_limit(value: bytes) -> None:
    said = replies(b"200 result=1 (" + value + b")\n")
    assert said == [Broke(f"expected a reply of at most {REPLY_LIMIT} bytes.")]


_PIECES = st.sampled_from(
    [
        b"200 result=0\n",
        b"200 result=1 (a\nb)\n",
        "200 result=1 (张三)\n".encode(),
        "200 result=1 (张三".encode("gbk"),
        b"200 result=1 (",
        b")\n",
        b"HANGUP\n",
        b"511 dead\n",
        USAGE,
        b"100 Trying\n",
        b"\n",
        b"x" * 40_000,
    ]
)


@given(
    opening=st.sampled_from([environment(), environment(agi_callerid="1\n\nx"), b"agi_x: 1\n\n"]),
    pieces=st.lists(_PIECES | st.binary(max_size=20), max_size=8),
    cuts=st.lists(st.integers(min_value=0, max_value=2_000), max_size=12),
)
def test_the_same_bytes_say_the_same_however_they_are_cut(
    opening: bytes, pieces: list[bytes], cuts: list[int]
) -> None:
    sent = opening + b"".join(pieces)
    whole = Parser().feed(sent)
    parser = Parser()
    places = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    cut = [sent[a:b] for a, b in itertools.pairwise(places)]
    assert [said for data in cut for said in parser.feed(data)] == whole


def test_an_environment_and_a_reply_cut_at_every_byte_say_the_same() -> None:
    sent = environment(agi_callerid="张三") + "200 result=1 (江\n苏)\nHANGUP\n".encode() + USAGE
    whole = Parser().feed(sent)
    assert len(whole) == 4
    for place in range(len(sent)):
        parser = Parser()
        assert [*parser.feed(sent[:place]), *parser.feed(sent[place:])] == whole


@given(st.binary(max_size=300))
def test_no_byte_makes_the_parser_raise(data: bytes) -> None:
    Parser().feed(data)
    replies(data)


@pytest.mark.parametrize("hostile", ["\n", "\r", "\0", "a\nHANGUP", "\ud800"])
def test_a_command_is_one_line_or_refused(hostile: str) -> None:
    with pytest.raises(ValueRefused):
        wire(f"SET VARIABLE A {hostile}")


def test_a_command_is_as_long_as_asterisk_reads_and_no_longer() -> None:
    assert len(wire("x" * COMMAND_LIMIT)) == COMMAND_LIMIT + 1
    with pytest.raises(ValueRefused):
        wire("x" * (COMMAND_LIMIT + 1))
    with pytest.raises(ValueRefused):
        wire("张" * (COMMAND_LIMIT // 2))


def test_quotes_and_backslashes_stay_inside_their_argument() -> None:
    assert quoted('a "b" \\c') == '"a \\"b\\" \\\\c"'


def test_a_session_leaves_no_circle_for_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            Parser().feed(environment() + b"200 result=0\n")
        assert gc.collect() == 0
    finally:
        gc.enable()
