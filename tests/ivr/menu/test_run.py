"""A menu played on a channel over TCP: what the caller hears, and what Asterisk is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from ivr.asterisk.agi import CallerGone, Channel
from ivr.asterisk.variables import ROUTE, ROUTE_PRIORITY, ROUTE_QUEUE
from ivr.config import DefinitionSettings
from ivr.errors import DefinitionInvalid
from ivr.menu.definitions import Sources
from ivr.menu.model import Choice, Destination, Menu, Option, Priority, Profile, Prompt, Service
from ivr.menu.prompts import PromptBook
from ivr.menu.run import run_menu
from ivr.menu.shelf import Shelf
from ivr.menu.turn import Closed, Say, Situation
from ivr.routing import Answer, answer
from tests.ivr.asterisk.fake_agi import conversation, serving

HEARD = b"200 result=0 endpos=8000"
DONE = b"200 result=0"
SILENCE = b"200 result= (timeout)"
ALL = '"0123456789*#"'

TEXTS = {
    "p_welcome": "welcome",
    "p_record": "recorded",
    "p_person": "a person",
    "p_invalid": "not offered",
    "p_closed": "closed",
    "p_person_first": "a person by 0",
    "p_message": "nobody there",
    "m_main": "main",
    "m_night": "open from {open:time}",
    "p_psych": "please hold",
}
BOOK = PromptBook(
    texts={"zh": TEXTS, "en": TEXTS}, must_hear=frozenset({"p_record"}), pronunciations={}
)
MENU = Menu(
    name="main",
    profile=Profile.MENU,
    numbers=("12320",),
    opening=(Prompt("p_welcome"), Prompt("p_record", must_hear=True)),
    start="main",
    person=Option(to=Destination(Service.QUEUE, "general")),
    nodes={
        "main": Choice(
            name="main",
            say=(Prompt("m_main"),),
            again=(Prompt("m_main"),),
            options={
                "1": Option(to=Destination(Service.QUEUE, "consult"), presets=("12320-2016:C02",)),
                "5": Option(
                    to=Destination(Service.QUEUE, "psych", Priority.P0), say=(Prompt("p_psych"),)
                ),
                "7": Option(to=Destination(Service.BYE)),
            },
        ),
        "night": Choice(
            name="night",
            say=(Prompt("m_night", slots=("open",)),),
            again=(),
            options={"7": Option(to=Destination(Service.BYE))},
        ),
    },
    night="night",
)
OPENING = [
    f"STREAM FILE hotline/p_welcome {ALL} 0",
    f"STREAM FILE hotline/p_record {ALL} 0",
    "GET DATA hotline/m_main 5000 1",
]


def route(queue: str, priority: int, service: str) -> str:
    return f'EXEC MSet "{ROUTE_QUEUE}={queue},{ROUTE_PRIORITY}={priority},{ROUTE}={service}"'


async def play(channel: Channel, situation: Situation | None = None) -> None:
    await run_menu(channel, Answer(MENU, situation or Situation()), BOOK)


async def test_a_choice_is_emitted_with_what_it_is_about_and_the_route_comes_last() -> None:
    with capture_logs() as logged:
        commands, met = await conversation(play, HEARD, HEARD, b"200 result=1", DONE, DONE, DONE)
    assert commands == [
        *OPENING,
        'EXEC CELGenUserEvent "MENU,main:1"',
        'EXEC CELGenUserEvent "PRESET,12320-2016:C02"',
        route("consult", 0, "queue"),
    ]
    assert met is None
    [left] = logged
    assert left["event"] == "menu.left"
    assert left["queue"] == "consult"


async def test_a_caller_in_distress_is_told_to_hold_and_goes_first() -> None:
    commands, _ = await conversation(play, HEARD, HEARD, b"200 result=5", DONE, HEARD, DONE)
    assert commands[-2:] == [f"STREAM FILE hotline/p_psych {ALL} 0", route("psych", 30, "queue")]


async def test_a_key_pressed_during_the_notice_answers_the_question_after_it() -> None:
    pressed = b"200 result=55 endpos=4000"
    commands, _ = await conversation(play, HEARD, pressed, HEARD, DONE, DONE)
    assert commands == [
        *OPENING[:2],
        f"STREAM FILE hotline/p_record {ALL} 4000",
        'EXEC CELGenUserEvent "MENU,main:7"',
        route("", 0, "bye"),
    ]


async def test_silence_reaches_a_person() -> None:
    commands, _ = await conversation(play, HEARD, HEARD, SILENCE, DONE, SILENCE, DONE, HEARD, DONE)
    assert commands == [
        *OPENING,
        'EXEC CELGenUserEvent "MENU,main:t"',
        "GET DATA hotline/m_main 5000 1",
        'EXEC CELGenUserEvent "MENU,main:t"',
        f"STREAM FILE hotline/p_person {ALL} 0",
        route("general", 0, "queue"),
    ]


async def test_english_is_spoken_from_the_key_9_on() -> None:
    commands, _ = await conversation(
        play, HEARD, HEARD, b"200 result=9", DONE, DONE, b"200 result=7", DONE, DONE
    )
    assert commands[3:6] == [
        'EXEC CELGenUserEvent "MENU,main:9"',
        "SET VARIABLE CHANNEL(language) en",
        "GET DATA hotline/m_main 5000 1",
    ]


async def test_values_inside_a_prompt_are_played_between_its_pieces() -> None:
    async def at_night(channel: Channel) -> None:
        await play(channel, Situation(closed=Closed(opens=8 * 60, closes=17 * 60)))

    sounds = BOOK.sounds(Say("m_night", (("open", 8 * 60),)), "zh")
    assert len(sounds) > 1
    played = [HEARD] * (len(sounds) - 1)
    greeting = (HEARD, HEARD, DONE)
    commands, _ = await conversation(at_night, *greeting, *played, b"200 result=7", DONE, DONE)
    assert commands[2] == 'EXEC CELGenUserEvent "OUTCOME,night"'
    assert tuple(command.split()[2] for command in commands[3:-2]) == sounds


async def test_who_is_on_call_and_how_the_caller_came_is_told_with_the_route() -> None:
    duty = replace(MENU, start=Destination(Service.ONCALL, "report", Priority.P1))

    async def on_call(channel: Channel) -> None:
        situation = Situation(duty={"report": ("13800000000", "02583620521")})
        await run_menu(channel, Answer(duty, situation), BOOK)

    async def direct(channel: Channel) -> None:
        menu = replace(MENU, start=MENU.person.to, profile=Profile.DIRECT)
        await run_menu(channel, Answer(menu, Situation()), BOOK)

    commands, _ = await conversation(on_call, HEARD, HEARD, DONE)
    assert "ROUTE_NUMBERS=13800000000.02583620521," in commands[-1]
    assert commands[-1].endswith('ROUTE=oncall"')
    commands, _ = await conversation(direct, HEARD, HEARD, DONE)
    assert "ROUTE_MANNER=direct," in commands[-1]
    assert "ROUTE_NUMBERS" not in commands[-1]


async def test_an_elderly_caller_is_spoken_to_slowly_also_after_another_language() -> None:
    async def elderly(channel: Channel) -> None:
        await play(channel, Situation(elderly=True))

    changed = (b"200 result=9", DONE, DONE, HEARD)
    gone = b"511 Command Not Permitted"
    replies = (DONE, HEARD, HEARD, HEARD, *changed, *changed, gone)
    commands, _ = await conversation(elderly, *replies)
    spoken = [command.split()[-1] for command in commands if "CHANNEL(language)" in command]
    assert spoken == ["zh_SLOW", "en", "zh_SLOW"]
    assert commands[0] == "SET VARIABLE CHANNEL(language) zh_SLOW"


async def test_a_caller_who_hangs_up_in_the_menu_leaves_no_route() -> None:
    with capture_logs() as logged:
        commands, met = await conversation(play, HEARD, HEARD, b"511 Command Not Permitted")
    assert commands == OPENING
    assert isinstance(met, CallerGone)
    assert [line["event"] for line in logged] == ["menu.abandoned"]


async def test_a_service_the_dialplan_does_not_know_sets_no_route(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ivr.menu.run._ROUTES", frozenset({"queue"}))
    with capture_logs() as logged:
        commands, met = await conversation(play, HEARD, HEARD, b"200 result=7", DONE)
    assert commands[-1] == 'EXEC CELGenUserEvent "MENU,main:7"'
    assert isinstance(met, DefinitionInvalid)
    assert [line["event"] for line in logged] == ["agi.failed"]


@pytest.mark.parametrize("dialled", ["12320", "9999999"])
async def test_the_menus_in_force_lead_a_silent_caller_to_a_person(dialled: str) -> None:
    in_force = Shelf(Sources.of(DefinitionSettings())).current
    moment = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
    way = answer(in_force.menus, in_force.hours, dialled, moment)

    async def silent(channel: Channel) -> None:
        await run_menu(channel, way, in_force.prompts)

    async with serving(silent) as served, served.peer() as peer:
        commands = []
        while command := await peer.command():
            commands.append(command)
            peer.say((SILENCE if command.startswith("GET DATA") else HEARD) + b"\n")
    assert commands[-1].startswith(f'EXEC MSet "{ROUTE_QUEUE}=')
    assert commands[-1].endswith(f'{ROUTE}=queue"')
