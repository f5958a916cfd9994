from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.asterisk.variables import Outcome
from ivr.menu.model import Destination, Menu, Option, Priority, Profile, Prompt, Service
from ivr.menu.turn import Closed, Leave, Play, Say, Situation
from ivr.menu.visit import Visit, message_for

PEOPLE = Destination(Service.QUEUE, "people", Priority.P1)
MENU = Menu(
    name="main",
    profile=Profile.MENU,
    numbers=(),
    opening=(Prompt("hello"),),
    start="day",
    person=Option(to=PEOPLE),
    night="night",
    surge="surge",
)
CLOSED = Closed(510, 1050)
HELD = replace(MENU, profile=Profile.HELD, night=None, surge=None)


@pytest.mark.parametrize(
    ("menu", "situation", "start", "outcome"),
    [
        (MENU, Situation(), "day", None),
        (MENU, Situation(closed=CLOSED), "night", Outcome.NIGHT),
        (MENU, Situation(surge=True), "surge", None),
        (MENU, Situation(surge=True, closed=CLOSED), "surge", None),
        (replace(MENU, surge=None), Situation(surge=True, closed=CLOSED), "night", Outcome.NIGHT),
        (replace(MENU, night=None), Situation(closed=CLOSED), "day", None),
        (HELD, Situation(surge=True, closed=CLOSED), "day", Outcome.BLOCKED),
    ],
)
def test_emergency_hour_and_number_decide_where_a_call_begins(
    menu: Menu, situation: Situation, start: str, outcome: Outcome | None
) -> None:
    visit = Visit(menu, situation)
    assert (visit.start, visit.outcome) == (start, outcome)


def test_who_is_warned_hears_it_after_the_opening() -> None:
    assert [one.key for one in Visit(MENU, Situation()).opening] == ["hello"]
    warned = Visit(MENU, Situation(warned=True)).opening
    assert [one.key for one in warned] == ["hello", "p_warning"]
    assert warned[-1].must_hear


@pytest.mark.parametrize(
    ("to", "situation", "said", "there"),
    [
        (PEOPLE, Situation(), [], PEOPLE),
        (
            PEOPLE,
            Situation(substitutes={"people": "duty"}),
            ["p_closed"],
            replace(PEOPLE, name="duty"),
        ),
        (
            PEOPLE,
            Situation(unstaffed=frozenset({"people"})),
            ["p_message"],
            Destination(Service.VOICEMAIL, "people", Priority.P1),
        ),
        (
            Destination(Service.CALLBACK, "people"),
            Situation(unstaffed=frozenset({"people"})),
            ["p_message"],
            Destination(Service.VOICEMAIL, "people"),
        ),
        (
            Destination(Service.ONCALL, "people", Priority.P1),
            Situation(),
            [],
            Destination(Service.VOICEMAIL, "people", Priority.P1),
        ),
        (
            Destination(Service.VOICEMAIL, "people"),
            Situation(unstaffed=frozenset({"people"}), substitutes={"people": "duty"}),
            [],
            Destination(Service.VOICEMAIL, "people"),
        ),
        (PEOPLE, Situation(priority=Priority.P0), [], replace(PEOPLE, priority=Priority.P0)),
        (PEOPLE, Situation(priority=Priority.P2), [], PEOPLE),
    ],
)
def test_a_caller_gets_to_who_is_there_now(
    to: Destination, situation: Situation, said: list[str], there: Destination
) -> None:
    heard, leave = Visit(MENU, situation).arrival(to, "")
    assert [one.key for one in heard] == said
    assert leave == Leave(there)


def test_whoever_is_on_duty_is_rung() -> None:
    situation = Situation(duty={"people": ("13800000000",)})
    to = Destination(Service.ONCALL, "people", Priority.P1)
    assert Visit(MENU, situation).arrival(to, "") == ((), Leave(to, "", ("13800000000",)))


def test_an_order_speaks_in_the_place_of_the_menus_own_announcement_and_of_no_other() -> None:
    visit = Visit(MENU, Situation(surge=True, announcement="s_1"))
    prompts = (Prompt("p_surge"), Prompt("m_surge"))
    assert visit.plays(prompts) == (Play((Say("s_1"), Say("m_surge")), must_hear=False),)
    assert Visit(MENU, Situation()).said(prompts) == (Say("p_surge"), Say("m_surge"))


def test_a_message_is_as_urgent_as_the_call_would_have_been() -> None:
    assert message_for(PEOPLE) == Destination(Service.VOICEMAIL, "people", Priority.P1)
