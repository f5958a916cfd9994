"""Entries that are looked up, and information heard to its end: in the engine and on a channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from ivr.asterisk.agi import Channel
from ivr.config import DefinitionSettings
from ivr.menu.definitions import Sources, load_definitions
from ivr.menu.engine import LOOK_UPS, step
from ivr.menu.model import Destination, Service
from ivr.menu.run import Find, find_nothing, run_menu
from ivr.menu.turn import (
    Collect,
    Found,
    Heard,
    Keys,
    Leave,
    LookUp,
    NotFound,
    Play,
    Say,
    Silence,
    Situation,
    Turn,
    Unavailable,
)
from ivr.routing import Answer
from tests.ivr.asterisk.fake_agi import conversation
from tests.ivr.menu.test_engine import facts, played, walk

LOADED = load_definitions(Sources.of(DefinitionSettings()))
(MAIN,) = (menu for menu in LOADED.menus if menu.name == "main")
TO_PROGRESS = (Keys("6"), Keys("2"))
STATE = Found((Say("p_wo_closed"), Say("p_wo_next", (("date", "2026-12-01"),))))


def after(*inputs: Heard) -> Turn:
    return walk(MAIN, *TO_PROGRESS, *inputs)


@pytest.mark.parametrize(
    "inputs",
    [
        (Keys("483920"), Keys("7788")),
        (Keys("483920#"), Keys("7788#")),
        (Keys("4839"), Keys("20"), Keys("77"), Keys("88")),
        (Keys("483920#7788#"),),
    ],
)
def test_both_numbers_are_handed_over_however_they_are_typed_and_written_nowhere(
    inputs: tuple[Heard, ...],
) -> None:
    turn = after(*inputs)
    assert turn.then == LookUp(("483920", "7788"))
    told = facts(after(*inputs[:-1])) + facts(turn)
    assert not [fact for fact in told if "48" in fact or "77" in fact]


def test_what_is_found_is_told_and_counts_at_once_as_served() -> None:
    asked = after(Keys("483920#7788#"))
    turn = step(MAIN, Situation(), asked.state, STATE)
    assert facts(turn) == ["OUTCOME self_service"]
    assert played(turn)[:2] == ["p_wo_closed", "p_wo_next"]
    assert isinstance(turn.then, Collect)
    assert [say.key for say in turn.then.says] == ["m_served"]
    back = step(MAIN, Situation(), turn.state, Keys("#"))
    assert isinstance(back.then, Collect)
    assert [say.key for say in back.then.says] == ["m_self"]


def test_without_a_node_for_it_the_call_ends_when_the_state_was_told() -> None:
    plain = replace(MAIN, served=None)
    turn = step(plain, Situation(), after(Keys("483920#7788#")).state, STATE)
    assert turn.then == Leave(Destination(Service.BYE))


def test_the_third_look_up_in_vain_is_the_last_and_the_right_people_help() -> None:
    turn = after(Keys("483920#7788#"))
    for _ in range(LOOK_UPS - 1):
        turn = step(MAIN, Situation(), turn.state, NotFound())
        assert played(turn)[-1] == "p_not_found"
        turn = step(MAIN, Situation(), turn.state, Keys("483920#7788#"))
        assert turn.then == LookUp(("483920", "7788"))
    turn = step(MAIN, Situation(), turn.state, NotFound())
    assert turn.then == Leave(Destination(Service.QUEUE, "complaint"))
    assert played(turn) == ["p_person"]


def test_when_nothing_can_be_looked_up_a_person_helps_at_once() -> None:
    turn = step(MAIN, Situation(), after(Keys("483920#7788#")).state, Unavailable())
    assert turn.then == Leave(Destination(Service.QUEUE, "complaint"))


def test_going_back_forgets_what_was_entered() -> None:
    turn = after(Keys("483920#"), Keys("#"), Keys("111111#"), Keys("2222#"))
    assert turn.then == LookUp(("111111", "2222"))


def test_information_is_told_before_the_question_and_says_when_it_was_heard_to_its_end() -> None:
    turn = walk(MAIN, Keys("6"), Keys("1"), Keys("1"))
    (play,) = [item for item in turn.steps if isinstance(item, Play)]
    assert [say.key for say in play.says] == ["p_disclaim", "k_101"]
    assert play.heard is not None
    assert (play.heard.event, play.heard.extra) == ("OUTCOME", "self_service")
    assert isinstance(turn.then, Collect)
    assert [say.key for say in turn.then.says] == ["m_after"]
    again = step(MAIN, Situation(), turn.state, Silence())
    assert not [item for item in again.steps if isinstance(item, Play)], "only the question"


# ---- on a channel -------------------------------------------------------------------------------

DONE = b"200 result=0"
HEARD = b"200 result=0 endpos=8000"


def led(find: Find = find_nothing) -> Callable[[Channel], Awaitable[None]]:
    async def lead(channel: Channel) -> None:
        await run_menu(channel, Answer(MAIN, Situation()), LOADED.prompts, find)

    return lead


def pressed(key: str) -> bytes:
    return f"200 result={key}".encode()


OPENING = (HEARD, HEARD, HEARD)
KNOWLEDGE = (*OPENING, pressed("6"), DONE, pressed("1"), DONE, pressed("1"), DONE, DONE)
EMITTED = 'EXEC CELGenUserEvent "OUTCOME,self_service"'


async def test_who_hears_it_to_its_end_has_been_served() -> None:
    commands, _ = await conversation(
        led(), *KNOWLEDGE, HEARD, HEARD, DONE, pressed("1"), DONE, DONE
    )
    told = commands.index('STREAM FILE hotline/k_101 "0123456789*#" 0')
    assert commands[told + 1] == EMITTED


async def test_who_breaks_it_off_has_not() -> None:
    broken = b"200 result=49 endpos=4000"
    commands, _ = await conversation(led(), *KNOWLEDGE, HEARD, broken, DONE, DONE)
    assert EMITTED not in commands


async def test_what_is_looked_up_is_asked_once_and_never_written() -> None:
    asked: list[tuple[str, ...]] = []

    async def find(entered: tuple[str, ...]) -> Heard:
        asked.append(entered)
        return STATE

    typed = (pressed("6"), DONE, pressed("2"), DONE, DONE)
    digits = (pressed("4"), pressed("83920"), DONE, pressed("1"), pressed("234"), DONE)
    told = (DONE, *[HEARD] * 8, pressed("1"), DONE, DONE)
    commands, _ = await conversation(led(find), *OPENING, *typed, *digits, *told)
    assert asked == [("483920", "1234")]
    assert EMITTED in commands
    assert not [command for command in commands if "83920" in command or "1234," in command]
