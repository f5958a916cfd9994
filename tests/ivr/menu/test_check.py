from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ivr.duty import Roster
from ivr.errors import DefinitionInvalid
from ivr.hours import DayKind, Hours, parse_hours
from ivr.menu.check import (
    MOST_OPTIONS,
    Finding,
    Weight,
    check,
    check_calendar,
    check_hours,
    check_menu,
)
from ivr.menu.definitions import Definitions, Sources, load_definitions
from ivr.menu.load import Known, parse_menu
from ivr.menu.model import Menu
from ivr.menu.prompts import PromptBook, parse_prompts

SAYINGS = (
    *("p_person", "p_invalid", "p_closed", "p_person_first"),
    *("p_message", "p_warning", "p_not_found", "p_surge"),
)
HEAD = """
name = "main"
profile = "menu"
opening = ["none"]
start = { node = "a" }
person = { queue = "people" }
"""


def a_book(**texts: str) -> PromptBook:
    everything = dict.fromkeys((*SAYINGS, "none"), "您好") | texts
    tables = (
        f'[prompts.{key}]\nzh = "{zh}"\nen = "{zh.replace("请按", " press ")}"'
        for key, zh in everything.items()
    )
    return parse_prompts(Path("prompts.toml"), "\n".join(tables))


def findings(text: str, book: PromptBook, head: str = HEAD) -> list[str]:
    known = Known(book.prompts, {"people", "duty"}, lambda _: True)
    menu = parse_menu(Path("main.toml"), head + text, known)
    return [str(finding) for finding in check_menu(menu, book)]


def test_a_menu_in_order_has_no_finding() -> None:
    text = '[nodes.a]\nsay = ["a"]\nkeys.1 = { queue = "duty" }'
    assert findings(text, a_book(a="值班请按1，人工请按0")) == []


def test_a_key_announced_and_not_offered_is_a_fault_in_each_language() -> None:
    text = '[nodes.a]\nsay = ["a"]\nkeys.1 = { queue = "duty" }'
    found = findings(text, a_book(a="值班请按1，留言请按2"))
    assert found == [
        "fault: main.a (zh): announces the key 2, not offered.",
        "fault: main.a (en): announces the key 2, not offered.",
    ]


def test_a_key_offered_and_not_announced_is_a_fault() -> None:
    text = '[nodes.a]\nsay = ["a"]\nkeys.1 = { queue = "duty" }\nkeys.2 = { queue = "duty" }'
    assert "fault: main.a (zh): offers the key 2, not announced." in findings(
        text, a_book(a="值班请按1")
    )


def test_more_than_seven_choices_are_a_fault() -> None:
    keys = "\n".join(f'keys.{key} = {{ queue = "duty" }}' for key in range(1, 8))
    texts = "，".join(f"请按{key}" for key in range(8))
    found = findings(f'[nodes.a]\nsay = ["a"]\n{keys}', a_book(a=texts))
    assert found == [f"fault: main.a: 8 choices; callers keep {MOST_OPTIONS} in mind at most."]


def nested(*names: str, last: str) -> str:
    ways = [*(f'node = "{name}"' for name in names[1:]), last]
    return "\n".join(
        f'[nodes.{name}]\nsay = ["a"]\nkeys.1 = {{ {way} }}'
        for name, way in zip(names, ways, strict=True)
    )


def test_a_fourth_menu_below_the_others_is_a_fault() -> None:
    book = a_book(a="请按1")
    assert findings(nested("a", "b", "c", last='queue = "duty"'), book) == []
    found = findings(nested("a", "b", "c", "d", last='queue = "duty"'), book)
    assert found == ["fault: main.a: 4 menus below each other; 3 are allowed."]


def test_an_announcement_and_an_entry_are_no_further_menu() -> None:
    text = nested("a", "b", "c", last='node = "number"')
    text += '\n[nodes.number]\nsay = ["none"]\nlongest = 2\nnumbers.11 = { node = "text" }'
    text += '\n[nodes.text]\nsay = ["a"]\nkeys.1 = { bye = true }'
    assert findings(text, a_book(a="请按1")) == []


def test_a_loop_is_a_fault_with_its_way() -> None:
    found = findings(nested("a", "b", last='node = "a"'), a_book(a="请按1"))
    assert "fault: main.a: leads back to itself by a → b → a; the key # does that." in found


def test_a_loop_that_begins_below_the_start_is_found_too() -> None:
    found = findings(nested("a", "b", "c", last='node = "b"'), a_book(a="请按1"))
    assert "fault: main.a: leads back to itself by b → c → b; the key # does that." in found


def test_a_node_that_no_choice_leads_to_is_a_warning() -> None:
    text = '[nodes.a]\nsay = ["none"]\n[nodes.b]\nsay = ["none"]'
    assert findings(text, a_book()) == ["warning: main.b: no choice leads here."]


def test_nodes_of_the_night_and_of_the_switch_are_led_to() -> None:
    head = HEAD + 'night = "b"\nsurge = "c"\n'
    text = "\n".join(f'[nodes.{name}]\nsay = ["none"]' for name in "abc")
    assert findings(text, a_book(), head) == []


@pytest.mark.parametrize("service", ['knowledge = "x"', 'transfer = "120"'])
def test_a_service_that_the_dialplan_has_no_route_for_is_a_fault(service: str) -> None:
    found = findings(f'[nodes.a]\nsay = ["a"]\nkeys.1 = {{ {service} }}', a_book(a="请按1"))
    name = service.split(maxsplit=1)[0]
    assert f"fault: main.a: the dialplan has no route '{name}' yet." in found


def test_no_person_is_a_fault_wherever_callers_would_be_stuck() -> None:
    book = a_book(a="请按1")
    known = Known(book.prompts, {"people"}, lambda _: True)
    text = HEAD + '[nodes.a]\nsay = ["a"]\nkeys.1 = { bye = true }'
    menu = parse_menu(Path("main.toml"), text, known)
    lonely = replace(menu, person=menu.nodes["a"].options["1"])  # type: ignore[union-attr]  # a choice
    found = [str(finding) for finding in check_menu(lonely, book)]
    assert "fault: main.a: no person within 2 keys." in found
    assert any("Silence() for ever does not end at a person" in line for line in found)


OPEN = "\n".join(f'{kind} = ["00:00-24:00"]' for kind in DayKind)
OFFICE = OPEN.replace('sat = ["00:00-24:00"]', "sat = []")
NEVER = "\n".join(f"{kind} = []" for kind in DayKind)


def hours(numbers: str, queues: str) -> Hours:
    schedules = (
        f"[schedules.always]\n{OPEN}\n[schedules.office]\n{OFFICE}\n[schedules.never]\n{NEVER}"
    )
    text = f"{schedules}\n[numbers]\n{numbers}\n[queues]\n{queues}"
    return parse_hours(Path("hours.toml"), text)


@pytest.fixture
def of_hours() -> Callable[..., list[str]]:
    book = a_book(a="请按1，请按2")
    known = Known(book.prompts, {"people", "duty"}, lambda _: True)
    text = '[nodes.a]\nsay = ["a"]\nkeys.1 = { queue = "duty" }\nkeys.2 = { queue = "people" }'
    menu = parse_menu(Path("main.toml"), HEAD + 'numbers = ["12320"]\n' + text, known)

    def find(numbers: str, queues: str, *, night: bool = False) -> list[str]:
        played: Menu = replace(menu, night="a") if night else menu
        definitions = Definitions((played,), hours(numbers, queues), book)
        return [str(finding) for finding in check_hours(definitions)]

    return find


BOTH = 'duty = { schedule = "always" }\npeople = { schedule = "always" }'


def test_hours_in_order_have_no_finding(of_hours: Callable[..., list[str]]) -> None:
    assert of_hours('default = "always"', BOTH) == []
    assert of_hours('default = "always"\n12320 = "office"', BOTH, night=True) == []


@pytest.mark.parametrize(
    ("numbers", "queues", "sentence"),
    [
        (
            'default = "office"',
            BOTH,
            "fault: hours.numbers.default: closed at times, and the menu main has no `night`.",
        ),
        (
            'default = "always"\n12320 = "office"',
            BOTH,
            "fault: hours.numbers.12320: closed at times, and the menu main has no `night`.",
        ),
        (
            'default = "never"',
            BOTH,
            "fault: hours.numbers.default: the schedule never never opens.",
        ),
        (
            'default = "always"\n12345 = "always"',
            BOTH,
            "warning: hours.numbers.12345: no menu has this number.",
        ),
        (
            'default = "always"',
            BOTH + '\nspare = { schedule = "always" }',
            "warning: hours.queues.spare: no menu leads here.",
        ),
        (
            'default = "always"',
            'duty = { schedule = "office" }\npeople = { schedule = "always" }',
            "warning: hours.queues.duty: closed at times (office); callers leave a message then.",
        ),
        (
            'default = "always"',
            """duty = { schedule = "office", otherwise = "people" }
people = { schedule = "office", otherwise = "duty" }""",
            "warning: hours.queues.duty: closed at times (office); callers leave a message then.",
        ),
    ],
)
def test_a_gap_in_the_hours_is_found(
    of_hours: Callable[..., list[str]], numbers: str, queues: str, sentence: str
) -> None:
    assert sentence in of_hours(numbers, queues)


def test_nobody_on_call_is_a_warning_where_there_are_nights(shipped: Definitions) -> None:
    def found(schedule: str, duty: Mapping[str, Roster]) -> list[str]:
        hours = replace(shipped.hours, numbers={"default": schedule}, duty=duty)
        return [str(one) for one in check_hours(replace(shipped, hours=hours))]

    nobody = (
        "warning: hours.duty.report: nobody is on call without a shift; callers leave an urgent"
    )
    assert [one for one in found("office", {}) if one.startswith(nobody)]
    assert not [one for one in found("always", {}) if "duty" in one]
    assert not [
        one for one in found("office", {"report": Roster(("13800000000",))}) if "duty" in one
    ]


def test_silence_of_a_number_held_back_may_end_the_call_and_of_no_other() -> None:
    book = a_book(a="请按1，请按5")
    keys = 'keys.1 = { bye = true }\nkeys.5 = { queue = "people" }'
    text = f'[nodes.a]\nsay = ["a"]\n{keys}'
    head = HEAD.replace('person = { queue = "people" }', "person = { bye = true }")
    assert findings(text, book, head.replace('"menu"', '"held"')) == []
    with pytest.raises(DefinitionInvalid, match="expected a queue"):
        findings(text, book, head)


def test_a_year_not_announced_is_a_warning() -> None:
    found = list(check_calendar(hours('default = "always"', BOTH), date(2099, 3, 1)))
    assert [finding.weight for finding in found] == [Weight.WARNING]
    assert "2099" in str(found[0])
    assert list(check_calendar(hours('default = "always"', BOTH), date(2026, 3, 1))) == []


def test_faults_come_before_warnings(shipped: Definitions) -> None:
    main = next(menu for menu in shipped.menus if menu.name == "main")
    lost = replace(main, start="m_consult", surge=None, name="lost")
    numbers = {**shipped.hours.numbers, "12320": "office", "99": "always"}
    menus = (replace(lost, night=None),)
    found = check(replace(shipped, menus=menus, hours=replace(shipped.hours, numbers=numbers)))
    weights = [finding.weight for finding in found]
    assert weights == sorted(weights)
    assert {Weight.FAULT, Weight.WARNING} == set(weights)


def test_a_finding_reads_as_a_line() -> None:
    assert str(Finding(Weight.FAULT, "main.a", "no.")) == "fault: main.a: no."


BROKEN = {
    "a choice leads nowhere": (
        "menus/main.toml",
        ('2 = { node = "m_appt" }', '2 = { node = "m_atpp" }'),
        "leads to the node 'm_atpp', which is not in this file",
    ),
    "a person is not behind the person's key": (
        "menus/main.toml",
        ('person = { queue = "anyone" }', "person = { bye = true }"),
        "expected a queue: this leads to a person",
    ),
    "a choice leads back": (
        "menus/main.toml",
        ('3 = { queue = "quit", ', '3 = { node = "m_main", '),
        "leads back to itself by m_main → m_quit → m_main",
    ),
    "a fourth level": (
        "menus/main.toml",
        ("[nodes.k_104]\n", '[nodes.k_104]\nkeys.2 = { queue = "quit" }\n'),
        "4 menus below each other; 3 are allowed",
    ),
    "an eighth choice": (
        "menus/main.toml",
        ("[nodes.m_main.keys]\n", '[nodes.m_main.keys]\n7 = { queue = "anyone" }\n'),
        "8 choices; callers keep 7 in mind at most",
    ),
    "a key that is not announced": (
        "menus/main.toml",
        ("[nodes.m_quit.keys]\n", '[nodes.m_quit.keys]\n4 = { queue = "quit" }\n'),
        "offers the key 4, not announced",
    ),
    "a key that is not offered": (
        "menus/main.toml",
        ('say = ["m_self"]', 'say = ["m_consult"]'),
        "announces the key 3, not offered",
    ),
    "a prompt without one of the languages": (
        "prompts.toml",
        ('en = "In a medical', '# en = "In a medical'),
        "expected this key, it is missing",
    ),
    "a prompt that is not there": (
        "menus/main.toml",
        ('say = ["m_appt"]', 'say = ["m_apt"]'),
        "expected a key of prompts.toml; came 'm_apt'",
    ),
    "a queue that is not there": (
        "menus/main.toml",
        ('1 = { queue = "consult", ', '1 = { queue = "konsult", '),
        "came 'konsult'",
    ),
    "a day without hours": (
        "hours.toml",
        ('makeup = ["08:30-12:00", "14:00-17:30"]\n', ""),
        "makeup",
    ),
    "a number whose menu has no night": (
        "hours.toml",
        ('default = "always"', 'default = "always"\n12320 = "office"'),
        "closed at times, and the menu main has no `night`",
    ),
}
"""What is broken: in which file, by which edit, and how it is told."""


TABLES = {
    "a day without hours": "[schedules.office]",
    "a prompt without one of the languages": "[prompts.p_emerg]",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_each_broken_definition_is_refused_with_the_line_at_fault(
    edited: Sources, broken: str
) -> None:
    file, (old, new), sentence = BROKEN[broken]
    path = edited.hours.parent / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    if "night" in broken:
        main = edited.menus / "main.toml"
        without = main.read_text("utf-8").replace('night = "m_night"\n', "")
        main.write_text(without.replace('say = ["m_night"]', 'say = ["m_main"]'), "utf-8")
    try:
        definitions = load_definitions(edited)
    except DefinitionInvalid as invalid:
        told = invalid.detail.splitlines()
    else:
        told = [str(one) for one in check(definitions) if one.weight is Weight.FAULT]
    # Of what is missing the line of its table is told.
    line = 1 + text[: text.index(TABLES.get(broken, old))].count("\n")
    near = {f"{path.name}:{line + later}" for later in (0, 1)}
    assert [one for one in told if sentence in one and any(f"{at}:" in one for at in near)], told


def test_a_centre_with_office_hours_is_without_fault(shipped: Definitions) -> None:
    office = replace(shipped.hours, numbers={"default": "office"})
    found = check(replace(shipped, hours=office))
    assert [str(one) for one in found if one.weight is Weight.FAULT] == []
