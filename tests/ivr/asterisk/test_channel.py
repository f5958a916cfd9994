"""The channel's verbs: which commands they are, what becomes of keys, gaps and hostile values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from ivr.asterisk.channel import KEPT_KEYS, CallerGone, Channel
from ivr.asterisk.variables import UserEvent
from ivr.errors import ActionRefused, PeerBroke, ValueRefused
from tests.ivr.asterisk.fake_agi import conversation

ALL = '"0123456789*#"'
ENTRY = {"first_ms": 5_000, "between_ms": 3_000, "longest": 6}


async def question(channel: Channel) -> str:
    return await channel.collect(["hotline/m_main"], first_ms=5_000, between_ms=3_000)


async def entry(channel: Channel) -> str:
    return await channel.collect(["hotline/f_progress"], **ENTRY)


async def notices_then_question(channel: Channel) -> str:
    await channel.play(["hotline/p_emerg", "hotline/p_record"], to_the_end=True)
    await channel.play(["hotline/p_hint"])
    return await question(channel)


async def test_a_question_is_one_command() -> None:
    commands, heard = await conversation(question, b"200 result=2")
    assert commands == ["GET DATA hotline/m_main 5000 1"]
    assert heard == "2"


@pytest.mark.parametrize(
    ("reply", "heard"),
    [
        (b"200 result=0", "0"),
        (b"200 result=*", "*"),
        (b"200 result=", "#"),
        (b"200 result= (timeout)", ""),
    ],
)
async def test_every_key_and_silence_are_told_apart(reply: bytes, heard: str) -> None:
    assert (await conversation(question, reply))[1] == heard


async def test_sounds_before_the_last_are_interrupted_by_the_first_key() -> None:
    async def ask(channel: Channel) -> str:
        return await channel.collect(["a", "b", "c"], first_ms=5_000, between_ms=3_000)

    commands, heard = await conversation(ask, b"200 result=0 endpos=9", b"200 result=53 endpos=4")
    assert commands == [f"STREAM FILE a {ALL} 0", f"STREAM FILE b {ALL} 0"]
    assert heard == "5"


async def test_a_notice_is_heard_to_its_end_and_the_key_is_kept() -> None:
    commands, heard = await conversation(
        notices_then_question,
        b"200 result=49 endpos=8000",
        b"200 result=0 endpos=24000",
        b"200 result=0 endpos=16000",
    )
    assert commands == [
        f"STREAM FILE hotline/p_emerg {ALL} 0",
        f"STREAM FILE hotline/p_emerg {ALL} 8000",
        f"STREAM FILE hotline/p_record {ALL} 0",
    ]
    assert heard == "1"


async def test_keys_kept_come_back_in_their_order_and_only_once() -> None:
    async def twice(channel: Channel) -> tuple[str, str]:
        await channel.play(["hotline/p_emerg"], to_the_end=True)
        return await question(channel), await question(channel)

    _, heard = await conversation(
        twice,
        b"200 result=49 endpos=10",
        b"200 result=42 endpos=20",
        b"200 result=0 endpos=30",
        b"200 result=7",
    )
    assert heard == ("1*", "7")


async def test_a_flood_of_keys_is_kept_up_to_a_bound_and_ends_the_notice_all_the_same() -> None:
    flood = [b"200 result=49 endpos=%d" % place for place in range(KEPT_KEYS)]
    commands, heard = await conversation(notices_then_question, *flood, *[b"200 result=0"] * 2)
    assert commands[-2:] == [
        f'STREAM FILE hotline/p_emerg "" {KEPT_KEYS - 1}',
        'STREAM FILE hotline/p_record "" 0',
    ]
    assert heard == "1" * KEPT_KEYS


@pytest.mark.parametrize(
    ("replies", "heard"),
    [
        ([b"200 result=1", b"200 result=23456"], "123456"),
        ([b"200 result=1", b"200 result=23"], "123#"),
        ([b"200 result=1", b"200 result=23 (timeout)"], "123#"),
        ([b"200 result=1", b"200 result= (timeout)"], "1#"),
        ([b"200 result=1", b"200 result="], "1#"),
        ([b"200 result="], "#"),
        ([b"200 result= (timeout)"], ""),
    ],
)
async def test_an_entry_ends_when_it_is_full_by_hash_or_by_a_pause(
    replies: list[bytes], heard: str
) -> None:
    commands, came = await conversation(entry, *replies)
    expected = ["GET DATA hotline/f_progress 5000 1", 'GET DATA "" 3000 5']
    assert commands == expected[: len(replies)]
    assert came == heard


async def test_an_entry_goes_on_after_a_key_that_was_kept() -> None:
    async def ask(channel: Channel) -> str:
        await channel.play(["hotline/p_emerg"], to_the_end=True)
        return await entry(channel)

    commands, heard = await conversation(
        ask, b"200 result=49 endpos=1", b"200 result=0 endpos=2", b"200 result=23456"
    )
    assert commands[-1] == 'GET DATA "" 3000 5'
    assert heard == "123456"


async def test_a_missing_sound_is_skipped_and_named_in_the_log() -> None:
    with capture_logs() as logged:
        commands, heard = await conversation(
            notices_then_question,
            b"200 result=-1 endpos=0",
            b"200 result=0 endpos=5",
            b"200 result=0 endpos=5",
            b"200 result=-1",
            b"200 result=4",
        )
    assert commands[-2:] == ["GET DATA hotline/m_main 5000 1", 'GET DATA "" 5000 1']
    assert heard == "4"
    missing = [line["prompt"] for line in logged if line["event"] == "prompt.missing"]
    assert missing == ["hotline/p_emerg", "hotline/m_main"]


@pytest.mark.parametrize(
    "replies",
    [
        [b"200 result=-1 endpos=11360"],
        [b"200 result=-1 endpos=0", b"511 Command Not Permitted on a dead channel"],
        [b"200 result=0", b"200 result=0", b"200 result=0", b"200 result=-1", b"200 result=-1"],
        [b"200 result=0", b"200 result=0", b"200 result=0", b"200 result=-1", b"511 dead"],
    ],
)
async def test_a_caller_who_hangs_up_while_something_plays_is_gone(replies: list[bytes]) -> None:
    with capture_logs() as logged:
        _, met = await conversation(notices_then_question, *replies)
    assert isinstance(met, CallerGone)
    assert [line for line in logged if line["log_level"] == "error"] == []


@pytest.mark.parametrize("result", [b"65", b"1", b"x", b"53)", "５３".encode()])
async def test_a_key_that_no_telephone_has_breaks_the_session(result: bytes) -> None:
    _, met = await conversation(notices_then_question, b"200 result=" + result + b" endpos=9")
    assert isinstance(met, PeerBroke)


@pytest.mark.parametrize(
    ("verb", "reply", "command", "result"),
    [
        (lambda c: c.answer(), b"200 result=0", "ANSWER", None),
        (lambda c: c.hang_up(), b"200 result=1", "HANGUP", None),
        (lambda c: c.get_variable("A"), b"200 result=1 ( x )", "GET VARIABLE A", " x "),
        (lambda c: c.get_variable("A"), b"200 result=0", "GET VARIABLE A", None),
        (
            lambda c: c.set_variable("A", 'a "b" \\ 张'),
            b"200 result=1",
            'SET VARIABLE A "a \\"b\\" \\\\ 张"',
            None,
        ),
        (
            lambda c: c.set_variables({"B": "", "A": "1"}),
            b"200 result=0",
            'EXEC MSet "B=,A=1"',
            None,
        ),
        (
            lambda c: c.set_language("en"),
            b"200 result=1",
            "SET VARIABLE CHANNEL(language) en",
            None,
        ),
        (
            lambda c: c.emit(UserEvent.PRESET, "12320-2016:C02"),
            b"200 result=0",
            'EXEC CELGenUserEvent "PRESET,12320-2016:C02"',
            None,
        ),
    ],
)
async def test_a_verb_is_one_command(
    verb: Callable[[Channel], Awaitable[object]], reply: bytes, command: str, result: object
) -> None:
    assert await conversation(verb, reply) == ([command], result)


@pytest.mark.parametrize(
    "verb",
    [
        lambda c: c.emit(UserEvent.MENU, "a,b"),
        lambda c: c.emit(UserEvent.MENU, 'a"'),
        lambda c: c.emit(UserEvent.MENU, "a\n"),
        lambda c: c.emit(UserEvent.MENU, "${SHELL(id)}"),
        lambda c: c.emit(UserEvent.MENU, "张"),
        lambda c: c.emit(UserEvent.MENU, "x" * 101),
        lambda c: c.play(["a b"]),
        lambda c: c.play(['x" "']),
        lambda c: c.play([""]),
        lambda c: c.play(["x\nHANGUP"], to_the_end=True),
        lambda c: c.collect(["a 1 1"], first_ms=1, between_ms=1),
        lambda c: c.set_variables({"A": "1,ROUTE=bye"}),
        lambda c: c.set_variables({"A=1,B": "2"}),
        lambda c: c.set_variable("CALLERID(num)", "1"),
        lambda c: c.set_variable("A", "x\0"),
        lambda c: c.set_language("zh x"),
        lambda c: c.get_variable("SHELL(id)"),
    ],
)
async def test_no_value_becomes_another_command(
    verb: Callable[[Channel], Awaitable[object]],
) -> None:
    commands, met = await conversation(verb)
    assert commands == []
    assert isinstance(met, ValueRefused)


@pytest.mark.parametrize(
    ("verb", "reply", "met"),
    [
        (lambda c: c.answer(), b"200 result=-1", CallerGone),
        (lambda c: c.emit(UserEvent.MENU, "main:1"), b"200 result=-1", CallerGone),
        (lambda c: c.emit(UserEvent.MENU, "main:1"), b"200 result=-2", ActionRefused),
        (lambda c: c.set_variables({"A": "1"}), b"510 Invalid", ActionRefused),
    ],
)
async def test_a_verb_that_failed_says_so(
    verb: Callable[[Channel], Awaitable[object]], reply: bytes, met: type[Exception]
) -> None:
    assert isinstance((await conversation(verb, reply))[1], met)
