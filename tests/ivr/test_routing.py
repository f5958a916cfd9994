from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from ivr.duty import Roster
from ivr.hours import SHANGHAI, DayKind, Hours, parse_hours
from ivr.menu.model import Choice, Destination, Menu, Option, Priority, Profile, Prompt, Service
from ivr.menu.turn import Closed
from ivr.routing import Caller, Surge, answer, aside, menu_of, priority_of, situation
from ivr.screening import Level

PEOPLE = Destination(Service.QUEUE, "anyone")
MAIN = Menu("main", Profile.MENU, ("12320",), (Prompt("hello"),), PEOPLE, Option(to=PEOPLE))
CITY = replace(MAIN, name="city", numbers=("02512320",))
DIRECT = replace(MAIN, name="direct", profile=Profile.DIRECT, numbers=("12345",))
MENUS = (CITY, DIRECT, MAIN)
ALWAYS = "\n".join(f'{kind} = ["00:00-24:00"]' for kind in DayKind)
OFFICE = "\n".join(
    f'{kind} = ["08:30-17:30"]' if kind in {"mon", "tue", "wed", "thu", "fri"} else f"{kind} = []"
    for kind in DayKind
)
HOURS: Hours = parse_hours(
    Path("hours.toml"),
    f"""
[schedules.always]
{ALWAYS}
[schedules.office]
{OFFICE}
[numbers]
default = "always"
12320 = "office"
[queues]
anyone = {{ schedule = "office", otherwise = "duty" }}
duty = {{ schedule = "always" }}
""",
)
DAY = datetime(2026, 11, 23, 10, tzinfo=SHANGHAI)
NIGHT = datetime(2026, 11, 23, 20, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("dialled", "caller", "expected"),
    [
        ("12320", Caller(), "main"),
        ("02512320", Caller(), "city"),
        ("12345", Caller(), "direct"),
        ("99999", Caller(), "direct"),
        ("", Caller(), "direct"),
        ("12320", Caller(elderly=True), "direct"),
    ],
)
def test_the_number_and_the_caller_choose_the_menu(
    dialled: str, caller: Caller, expected: str
) -> None:
    assert menu_of(MENUS, dialled, caller).name == expected


def test_without_a_direct_menu_every_call_is_answered_all_the_same() -> None:
    assert menu_of((MAIN, CITY), "02512320", Caller(elderly=True)).name == "city"
    assert menu_of((MAIN, CITY), "99999", Caller()).name == "main"


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (Caller(), Priority.P3),
        (Caller(abandons_last_hour=1), Priority.P3),
        (Caller(abandons_last_hour=2), Priority.P2),
        (Caller(elderly=True), Priority.P3),
    ],
)
def test_who_gave_up_twice_within_the_hour_comes_earlier(
    caller: Caller, expected: Priority
) -> None:
    assert priority_of(caller) is expected


@pytest.mark.parametrize(
    ("level", "expected"),
    [(Level.FREE, "main"), (Level.WARNED, "main"), (Level.HELD, "held"), (Level.BARRED, "held")],
)
def test_a_number_held_back_gets_the_menu_for_those_whatever_it_dials(
    level: Level, expected: str
) -> None:
    held = replace(MAIN, name="held", profile=Profile.HELD, numbers=())
    caller = Caller(level=level, elderly=level >= Level.HELD)
    assert menu_of((held, *MENUS), "12320", caller).name == expected
    assert menu_of(MENUS, "12320", Caller(level=level)).name == "main", "a centre may have none"


def test_nobody_else_ever_gets_the_menu_for_numbers_held_back() -> None:
    held = replace(MAIN, name="a", profile=Profile.HELD, numbers=())
    assert menu_of((held, MAIN), "99999", Caller()).name == "main"
    assert menu_of((held, MAIN), "99999", Caller(elderly=True)).name == "main"


def test_only_a_warned_caller_hears_the_warning() -> None:
    warned = [level for level in Level if situation(HOURS, "1", DAY, Caller(level=level)).warned]
    assert warned == [Level.WARNED]


def test_a_supervisor_opens_queues_whatever_their_hours() -> None:
    surge = Surge("p_water", frozenset({"anyone"}))
    now = situation(HOURS, "12320", NIGHT, Caller(), surge=surge)
    assert now.surge
    assert now.announcement == "p_water"
    assert now.substitutes == {}


def test_a_queue_that_nobody_stands_in_for_is_known_as_unstaffed() -> None:
    alone = replace(HOURS, queues={"anyone": replace(HOURS.queues["anyone"], otherwise=None)})
    assert situation(alone, "12320", NIGHT, Caller()).unstaffed == {"anyone"}
    assert situation(alone, "12320", DAY, Caller()).unstaffed == frozenset()


def test_who_is_on_duty_is_known() -> None:
    hours = replace(HOURS, duty={"duty": Roster(("13800000000",))})
    assert situation(hours, "12320", NIGHT, Caller()).duty == {"duty": ("13800000000",)}


def test_self_service_while_waiting_begins_at_its_node_and_knows_no_night() -> None:
    node = Choice("m_self", (Prompt("m_self"),), (Prompt("m_self"),), {})
    menu = replace(MAIN, nodes={"m_self": node}, night="m_self", surge="m_self")
    way = answer((DIRECT, menu), HOURS, "12345", NIGHT, Caller(level=Level.WARNED), surge=Surge())
    only = aside((DIRECT, menu), way)
    assert only is not None
    assert (only.menu.start, only.menu.opening, only.menu.night) == ("m_self", (), None)
    assert (only.situation.closed, only.situation.warned) == (None, False)
    assert aside((DIRECT, MAIN), way) is None


def test_within_hours_nothing_is_closed() -> None:
    now = situation(HOURS, "12320", DAY, Caller())
    assert now.closed is None
    assert now.substitutes == {}


def test_outside_hours_the_next_opening_and_the_substitutes_are_known() -> None:
    now = situation(HOURS, "12320", NIGHT, Caller())
    assert now.closed == Closed(510, 1050)
    assert now.substitutes == {"anyone": "duty"}


def test_another_number_keeps_its_own_hours() -> None:
    assert situation(HOURS, "12345", NIGHT, Caller()).closed is None


def test_what_is_known_of_the_caller_and_the_switch_reaches_the_menu() -> None:
    caller = Caller(elderly=True, abandons_last_hour=3)
    way = answer(MENUS, HOURS, "12320", DAY, caller, surge=Surge())
    assert way.menu is DIRECT
    assert way.situation.surge
    assert way.situation.elderly
    assert way.situation.priority is Priority.P2
