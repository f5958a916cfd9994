from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.variables import UserEvent
from ivr.config import DefinitionSettings
from ivr.menu.definitions import Sources, load_definitions
from ivr.menu.engine import LONGEST_BURST, LONGEST_VISIT, SILENCES, WRONG_KEYS, begin, step
from ivr.menu.model import (
    Choice,
    Destination,
    Entry,
    Menu,
    Option,
    Priority,
    Profile,
    Prompt,
    Service,
)
from ivr.menu.turn import (
    Closed,
    Collect,
    Emit,
    Found,
    Gone,
    Heard,
    HungUp,
    Keys,
    Leave,
    LookUp,
    NotFound,
    Play,
    Say,
    Silence,
    Situation,
    Speak,
    State,
    Turn,
    Unavailable,
)

LOADED = load_definitions(Sources.of(DefinitionSettings())).menus
SHIPPED = [menu for menu in LOADED if menu.profile is not Profile.HELD]
(HELD,) = (menu for menu in LOADED if menu.profile is Profile.HELD)
QUEUE = Option(to=Destination(Service.QUEUE, "people"))
NOTICE = Prompt("notice", must_hear=True)


def a_menu(**nodes: Choice | Entry) -> Menu:
    return Menu(
        name="test",
        profile=Profile.MENU,
        numbers=(),
        opening=(Prompt("hello"), NOTICE),
        start=next(iter(nodes)),
        person=QUEUE,
        nodes=nodes,
    )


def a_choice(name: str, **keys: Option) -> Choice:
    options = {key.removeprefix("k"): option for key, option in keys.items()}
    return Choice(name, (Prompt(name),), (Prompt(name),), options)


def an_entry(name: str, *, then: Option = QUEUE, personal: bool = True) -> Entry:
    return Entry(name, (Prompt(name),), (Prompt(name),), 4, 6, {}, then, personal)


def walk(menu: Menu, *inputs: Heard, situation: Situation | None = None) -> Turn:
    situation = situation or Situation()
    turn = begin(menu, situation)
    for heard in inputs:
        turn = step(menu, situation, turn.state, heard)
    return turn


def facts(turn: Turn) -> list[str]:
    return [f"{item.event} {item.extra}" for item in turn.steps if isinstance(item, Emit)]


def played(turn: Turn) -> list[str]:
    return [say.key for item in turn.steps if isinstance(item, Play) for say in item.says]


# --- what hypothesis draws: any menu, any situation, any caller --------------------------------

names = st.sampled_from(["a", "b", "c", "d"])
destinations = st.builds(
    Destination,
    st.sampled_from(Service),
    st.sampled_from(["one", "two"]),
    st.sampled_from(Priority),
)
prompts = st.lists(st.builds(Prompt, st.sampled_from(["p", "q"]), st.booleans()), max_size=3)
options = st.builds(
    Option,
    to=names | destinations,
    say=prompts.map(tuple),
    presets=st.sampled_from([(), ("12320-2016:C02",)]),
)
people = st.builds(
    Option, to=st.builds(Destination, st.just(Service.QUEUE), st.sampled_from(["one", "two"]))
)


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Choice | Entry:
    say = (*draw(prompts), Prompt(name))
    if draw(st.booleans()):
        keys = draw(st.dictionaries(st.sampled_from("12345678"), options, max_size=4))
        if draw(st.booleans()):
            keys["0"] = draw(people)
        return Choice(name, say, say, keys)
    answers = draw(st.dictionaries(st.text("0123456789", min_size=2, max_size=4), options))
    then = None if answers else draw(options)
    shortest = draw(st.integers(2, 4))
    return Entry(name, say, say, shortest, 4, answers, then, personal=not answers)


@st.composite
def menus(draw: st.DrawFn) -> Menu:
    if draw(st.booleans()):
        return draw(st.sampled_from(SHIPPED))
    drawn = {name: draw(nodes(name)) for name in "abcd"}
    start = draw(names | people.map(lambda option: option.to))
    return replace(a_menu(**drawn), start=start, person=draw(people), night=draw(names))


situations = st.builds(
    Situation,
    closed=st.none() | st.builds(Closed, st.integers(0, 1440), st.integers(0, 1440)),
    surge=st.booleans(),
    elderly=st.booleans(),
    priority=st.sampled_from(Priority),
    announcement=st.none() | st.just("s_1"),
    warned=st.booleans(),
    substitutes=st.dictionaries(st.sampled_from(["one", "two", "anyone"]), st.just("report")),
    duty=st.just({}) | st.just({"report": ("13800000000",)}),
)
telephones = st.text("0123456789*#", min_size=1, max_size=8)
oddities = st.text(max_size=5) | st.just("1" * 2000) | st.just("ABCD")
callers = st.lists(
    st.builds(Keys, telephones | oddities)
    | st.sampled_from([Silence(), HungUp(), Found(()), NotFound(), Unavailable()]),
    max_size=12,
)
patient_callers = st.lists(st.builds(Keys, telephones) | st.just(Silence()), max_size=12)


@given(menus(), situations, callers)
def test_any_input_in_any_state_has_an_answer(
    menu: Menu, situation: Situation, caller: list[Heard]
) -> None:
    turn = begin(menu, situation)
    for heard in caller:
        turn = step(menu, situation, turn.state, heard)
        assert isinstance(turn.then, Collect | LookUp | Leave | Gone)
        assert (turn.state.ended is None) == isinstance(turn.then, Collect | LookUp)
        if isinstance(turn.then, Collect):
            assert turn.then.longest >= 1
            assert turn.then.first_ms > 0


@given(menus(), situations, patient_callers)
def test_a_person_is_reached_from_every_state_within_two_inputs(
    menu: Menu, situation: Situation, caller: list[Heard]
) -> None:
    turn = walk(menu, *caller, situation=situation)
    for heard in (Keys("*"), Keys("0#")):
        turn = step(menu, situation, turn.state, heard)
    assert isinstance(turn.then, Leave)
    wanted = {Service.QUEUE} if not walk_ended(menu, situation, caller) else set(Service)
    assert turn.then.destination.service in wanted


def walk_ended(menu: Menu, situation: Situation, caller: list[Heard]) -> bool:
    return walk(menu, *caller, situation=situation).state.ended is not None


@given(menus(), situations, patient_callers)
def test_who_stays_silent_reaches_a_person_and_outside_the_hours_leaves_a_message(
    menu: Menu, situation: Situation, caller: list[Heard]
) -> None:
    turn = walk(menu, *caller, situation=situation)
    if turn.state.ended is None and not turn.state.typed:
        for _ in range(SILENCES):
            turn = step(menu, situation, turn.state, Silence())
        assert isinstance(turn.then, Leave)
        wanted = Service.VOICEMAIL if situation.closed else Service.QUEUE
        assert turn.then.destination.service is wanted


@given(situations, patient_callers)
def test_a_number_held_back_reaches_the_psychological_line_and_no_other_person(
    situation: Situation, caller: list[Heard]
) -> None:
    turn = walk(HELD, *caller, situation=situation)
    if turn.state.ended is None:
        turn = step(HELD, situation, turn.state, Keys("5"))
    assert isinstance(turn.then, Leave)
    there = turn.then.destination
    assert there.service is Service.BYE or there.name in {"psych", "report"}
    assert there.service is Service.BYE or there.priority is Priority.P0


@given(menus(), situations, st.lists(st.sampled_from("123456789*#"), min_size=1, max_size=9))
def test_a_call_that_turns_for_ever_ends_at_a_person(
    menu: Menu, situation: Situation, circle: list[str]
) -> None:
    turn = begin(menu, situation)
    inputs = 0
    while turn.state.ended is None:
        turn = step(menu, situation, turn.state, Keys(circle[inputs % len(circle)]))
        inputs += 1
        assert inputs <= LONGEST_VISIT + 1
    assert isinstance(turn.then, Leave)


@given(menus(), situations, callers)
def test_every_fact_is_fit_for_the_journal(
    menu: Menu, situation: Situation, caller: list[Heard]
) -> None:
    turn = begin(menu, situation)
    for heard in caller:
        turn = step(menu, situation, turn.state, heard)
        for item in turn.steps:
            if isinstance(item, Emit):
                assert re.fullmatch(r"[A-Za-z0-9_.:+-]{1,100}", item.extra)


@given(menus(), situations, patient_callers)
def test_an_urgent_caller_is_never_made_less_urgent(
    menu: Menu, situation: Situation, caller: list[Heard]
) -> None:
    turn = walk(menu, *caller, situation=situation)
    if isinstance(turn.then, Leave):
        assert turn.then.destination.priority >= situation.priority


@given(menus(), situations, patient_callers)
def test_a_closed_queue_is_never_entered(
    menu: Menu, situation: Situation, caller: list[Heard]
) -> None:
    turn = walk(menu, *caller, situation=situation)
    if isinstance(turn.then, Leave) and turn.then.destination.service is Service.QUEUE:
        assert turn.then.destination.name not in situation.substitutes


# --- sentences about single rules ---------------------------------------------------------------


def test_notices_are_heard_to_the_end_and_the_rest_may_be_cut_short() -> None:
    turn = begin(a_menu(top=a_choice("top")), Situation())
    assert turn.steps == (
        Play((Say("hello"),), must_hear=False),
        Play((Say("notice"),), must_hear=True),
    )
    assert turn.then == Collect((Say("top"),), 5_000, 3_000)


def test_a_notice_inside_a_question_is_heard_before_keys_are_taken() -> None:
    top = replace(a_choice("top"), say=(Prompt("why"), NOTICE, Prompt("top")))
    turn = begin(a_menu(top=top), Situation())
    assert turn.steps[-1] == Play((Say("notice"),), must_hear=True)
    assert isinstance(turn.then, Collect)
    assert turn.then.says == (Say("top"),)


def test_keys_pressed_ahead_skip_prompts_but_no_notice() -> None:
    way = Option(to="next", say=(Prompt("chat"), NOTICE))
    menu = a_menu(top=a_choice("top", k1=way), next=a_choice("next", k2=QUEUE))
    turn = walk(menu, Keys("12"))
    assert turn.steps == (
        Emit(UserEvent.MENU, "top:1"),
        Play((Say("notice"),), must_hear=True),
        Emit(UserEvent.MENU, "next:2"),
    )
    assert isinstance(turn.then, Leave)


def test_a_wrong_key_throws_away_what_was_pressed_after_it() -> None:
    turn = walk(a_menu(top=a_choice("top", k1=QUEUE)), Keys("81"))
    assert facts(turn) == ["MENU top:i"]
    assert isinstance(turn.then, Collect)


def test_wrong_keys_are_corrected_twice_and_then_lead_to_a_person() -> None:
    menu = a_menu(top=a_choice("top"))
    turn = walk(menu, *[Keys("8")] * (WRONG_KEYS - 1))
    assert isinstance(turn.then, Collect)
    assert turn.then.says == (Say("p_invalid"), Say("top"))
    turn = step(menu, Situation(), turn.state, Keys("8"))
    assert isinstance(turn.then, Leave)
    assert turn.then.destination.name == "people"


def test_the_second_silence_leads_to_a_person() -> None:
    menu = a_menu(top=a_choice("top"))
    first = walk(menu, Silence())
    assert isinstance(first.then, Collect)
    second = step(menu, Situation(), first.state, Silence())
    assert (facts(first), facts(second)) == (["MENU top:t"], ["MENU top:t"])
    assert isinstance(second.then, Leave)


def test_patience_begins_anew_in_the_next_menu() -> None:
    menu = a_menu(top=a_choice("top", k1=Option(to="next")), next=a_choice("next"))
    turn = walk(menu, Silence(), Keys("8"), Keys("8"), Keys("1"), Silence(), Keys("8"), Keys("8"))
    assert isinstance(turn.then, Collect)


def test_a_person_near_the_question_is_preferred() -> None:
    near = Option(to=Destination(Service.QUEUE, "near"))
    menu = a_menu(top=a_choice("top", k0=near))
    for inputs in ([Keys("0")], [Silence()] * SILENCES, [Keys("8")] * WRONG_KEYS):
        then = walk(menu, *inputs).then
        assert isinstance(then, Leave)
        assert then.destination.name == "near"


def test_hash_goes_back_and_at_the_top_repeats() -> None:
    menu = a_menu(top=a_choice("top", k1=Option(to="next")), next=a_choice("next"))
    assert walk(menu, Keys("1"), Keys("#")).state.node == "top"
    again = walk(menu, Keys("1"), Keys("#"), Keys("#"))
    assert again.state.node == "top"
    assert isinstance(again.then, Collect)
    assert again.then.says == (Say("top"),)


def test_star_repeats_the_whole_question_and_silence_only_its_end() -> None:
    top = replace(a_choice("top"), say=(Prompt("long"), Prompt("short")), again=(Prompt("short"),))
    menu = a_menu(top=top)
    star, silence = walk(menu, Keys("*")).then, walk(menu, Silence()).then
    assert isinstance(star, Collect)
    assert isinstance(silence, Collect)
    assert star.says == (Say("long"), Say("short"))
    assert silence.says == (Say("short"),)


def test_nine_changes_the_language_there_and_back() -> None:
    menu = a_menu(top=a_choice("top"))
    turn = walk(menu, Keys("9"))
    assert Speak("en") in turn.steps
    assert Speak("zh") in step(menu, Situation(), turn.state, Keys("9")).steps


def test_an_elderly_caller_has_more_time_and_hears_of_the_person_first() -> None:
    turn = begin(a_menu(top=a_choice("top")), Situation(elderly=True))
    assert turn.then == Collect((Say("p_person_first"), Say("top")), 8_000, 5_000)


def test_opening_times_are_spoken_inside_the_night_prompt() -> None:
    night = Choice("night", (Prompt("m_night", slots=("open", "close")),), (), {})
    menu = replace(a_menu(top=a_choice("top"), night=night), night="night")
    turn = begin(menu, Situation(closed=Closed(510, 1050)))
    assert isinstance(turn.then, Collect)
    assert turn.then.says == (Say("m_night", (("open", 510), ("close", 1050))),)


def test_a_personal_entry_reaches_the_destination_and_no_journal() -> None:
    then = Option(to=Destination(Service.KNOWLEDGE))
    turn = walk(a_menu(top=an_entry("top", then=then)), Keys("483920"))
    assert facts(turn) == ["MENU top:d"]
    assert turn.then == Leave(Destination(Service.KNOWLEDGE), "483920")
    assert "483920" not in repr(turn.steps)


@pytest.mark.parametrize("inputs", [["4839", "20"], ["48", "39#"], ["4", "8", "3", "9", ""]])
def test_an_entry_may_come_in_pieces(inputs: list[str]) -> None:
    heard = [Keys(keys) if keys else Silence() for keys in inputs]
    turn = walk(a_menu(top=an_entry("top")), *heard)
    assert isinstance(turn.then, Leave)
    assert turn.then.entered == "".join(inputs).rstrip("#")


def test_an_entry_asks_only_for_the_digits_still_missing() -> None:
    then = walk(a_menu(top=an_entry("top")), Keys("48")).then
    assert isinstance(then, Collect)
    assert (then.says, then.longest, then.first_ms, then.ends_at_hash) == ((), 4, 3_000, True)


def test_an_entry_too_short_is_wrong_and_star_begins_it_anew() -> None:
    menu = a_menu(top=an_entry("top"))
    assert facts(walk(menu, Keys("123#"))) == ["MENU top:i"]
    turn = walk(menu, Keys("123*4567#"))
    assert isinstance(turn.then, Leave)
    assert turn.then.entered == "4567"


def test_the_hash_after_a_complete_entry_does_not_go_back() -> None:
    menu = a_menu(top=an_entry("top", then=Option(to="next")), next=a_choice("next"))
    turn = walk(menu, Keys("123456"), Keys("#"))
    assert turn.state.node == "next"
    assert step(menu, Situation(), turn.state, Keys("#")).state.node == "top"


def test_a_flood_of_keys_is_cut() -> None:
    turn = walk(a_menu(top=a_choice("top")), Keys("*" * 2000))
    assert turn.state.turns == LONGEST_BURST


def test_a_hang_up_ends_the_call_and_nothing_wakes_it() -> None:
    menu = a_menu(top=a_choice("top"))
    turn = walk(menu, HungUp())
    assert turn == Turn(State(node="top", ended=Gone()), (), Gone())
    assert step(menu, Situation(), turn.state, Keys("0")).then == Gone()


def test_a_closed_queue_is_announced_and_its_substitute_takes_the_call() -> None:
    situation = Situation(substitutes={"people": "duty"}, priority=Priority.P2)
    turn = walk(a_menu(top=a_choice("top")), Keys("0"), situation=situation)
    assert played(turn) == ["p_person", "p_closed"]
    assert turn.then == Leave(Destination(Service.QUEUE, "duty", Priority.P2))


def test_the_emergency_switch_comes_before_the_night() -> None:
    menu = a_menu(top=a_choice("top"), night=a_choice("night"), surge=a_choice("surge"))
    menu = replace(menu, night="night", surge="surge")
    closed = Closed(0, 0)
    assert begin(menu, Situation()).state.node == "top"
    assert begin(menu, Situation(closed=closed)).state.node == "night"
    assert begin(menu, Situation(closed=closed, surge=True)).state.node == "surge"


def test_presets_follow_their_key_in_the_order_written() -> None:
    option = replace(QUEUE, presets=("12320-2016:C05", "12320-2016:C03"))
    turn = walk(a_menu(top=a_choice("top", k3=option)), Keys("3"))
    assert facts(turn) == ["MENU top:3", "PRESET 12320-2016:C05", "PRESET 12320-2016:C03"]
