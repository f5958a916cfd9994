from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.errors import DefinitionInvalid
from ivr.menu.load import Known, load_menus, parse_menu, targets
from ivr.menu.model import Choice, Destination, Entry, Menu, Priority, Prompt, Service, Timings

KEYS = (
    *("hello", "top", "next"),
    *("p_person", "p_invalid", "p_closed", "p_person_first"),
    *("p_message", "p_warning", "p_not_found", "p_surge"),
)
KNOWN = Known(
    prompts={
        **{key: Prompt(key) for key in KEYS},
        "notice": Prompt("notice", must_hear=True),
        "hours": Prompt("hours", slots=("open", "close")),
        "place": Prompt("place", slots=("n",)),
    },
    queues={"people", "duty"},
    category=lambda preset: preset == "12320-2016:C02",
)
HEAD = """\
name = "main"
profile = "menu"
numbers = ["12320"]
opening = ["hello", "notice"]
start = { node = "top" }
person = { queue = "people" }
"""
TOP = """
[nodes.top]
say = ["top"]
"""


def parse(text: str) -> Menu:
    return parse_menu(Path("menus/main.toml"), text, KNOWN)


def refused(text: str) -> str:
    with pytest.raises(DefinitionInvalid) as caught:
        parse(text)
    return caught.value.detail


def test_a_menu_is_read_whole() -> None:
    menu = parse(
        HEAD
        + 'elderly = { first_ms = 9000, between_ms = 6000 }\nnight = "top"\n'
        + TOP
        + """
[nodes.top.keys]
1 = { queue = "people", priority = "P1", say = ["notice"], preset = ["12320-2016:C02"] }
2 = { node = "number" }
0 = { queue = "duty" }
[nodes.number]
say = ["next"]
again = ["top"]
longest = 3
numbers.101 = { bye = true }
"""
    )
    top, number = menu.nodes["top"], menu.nodes["number"]
    assert isinstance(top, Choice)
    assert top.options["1"].to == Destination(Service.QUEUE, "people", Priority.P1)
    assert top.options["1"].say == (Prompt("notice", must_hear=True),)
    assert top.options["1"].presets == ("12320-2016:C02",)
    assert top.again == top.say
    assert isinstance(number, Entry)
    assert (number.shortest, number.longest, number.personal) == (3, 3, False)
    assert number.answers["101"].to == Destination(Service.BYE)
    assert [option.to for option in targets(number)] == [Destination(Service.BYE)]
    assert menu.opening[1].must_hear
    assert menu.elderly == Timings(9_000, 6_000)
    assert menu.night == "top"


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        (TOP + '[nodes.top.keys]\n1 = { node = "nowhere" }', "main.toml:11", "'nowhere'"),
        (TOP + '[nodes.top.keys]\n1 = { queue = "moon" }', "main.toml:11", "came 'moon'"),
        (TOP + "[nodes.top.keys]\n1 = { bye = false }", "main.toml:11", "exactly one of"),
        (TOP + '[nodes.top.keys]\n1 = { bye = true, queue = "people" }', ":11", "exactly one of"),
        (TOP + '[nodes.top.keys]\n9 = { queue = "people" }', ":11", "same everywhere"),
        (TOP + '[nodes.top.keys]\n12 = { queue = "people" }', ":11", "pattern"),
        (TOP + "[nodes.top.keys]\n0 = { bye = true }", ":11", "leads to a person"),
        (TOP + '[nodes.top.keys]\n1 = { queue = "people", preset = ["X"] }', ":11", "'X'"),
        (TOP + '[nodes.top.keys]\n1 = { queue = "people", sya = ["top"] }', ":11", "no such key"),
        (TOP + '[nodes.top.keys]\n1 = { queue = "people", priority = "P9" }', ":11", "'P9'"),
        (TOP + '[nodes.next]\nsay = ["nothing"]', "main.toml:11", "came 'nothing'"),
        (TOP + '[nodes.next]\nsay = ["place"]', "main.toml:11", "value 'n'"),
        (TOP + '[nodes.next]\nsay = ["hours"]', "main.toml:11", "value 'open'"),
        (TOP + "[nodes.next]\nsay = []", "main.toml:11", "at least 1"),
        (TOP + "longest = 3", "main.toml:8", "either `numbers` or `then`"),
        (TOP + "shortest = 3", "main.toml:8", "needs `longest`"),
        (TOP + "longest = 2\nnumbers.101 = { bye = true }", "main.toml:11", "longest = 2"),
        (
            TOP + "longest = 3\nthen = { bye = true }\n[nodes.top.keys]\n1 = { bye = true }",
            ":12",
            "not both",
        ),
        (TOP.replace("top]", "other]"), "main.toml:5", "'top'"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, place: str, sentence: str) -> None:
    detail = refused(HEAD + text)
    assert place in detail
    assert sentence in detail


def test_every_fault_of_a_file_is_told_at_once() -> None:
    detail = refused(HEAD.replace('"people"', '"moon"') + TOP + 'again = ["nothing"]')
    assert "main.toml:6: person" in detail
    assert "main.toml:10: nodes.top.again" in detail


def test_the_direct_profile_has_no_menu_in_front() -> None:
    detail = refused(HEAD.replace('"menu"', '"direct"') + TOP)
    assert "main.toml:5: start: the direct profile leads to a queue" in detail


def test_a_missing_key_and_broken_toml_are_named() -> None:
    assert "profile: expected this key" in refused(HEAD.replace('profile = "menu"\n', "") + TOP)
    assert "expected TOML" in refused("name = [")


def test_two_menus_do_not_share_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(HEAD + TOP, encoding="utf-8")
    (tmp_path / "b.toml").write_text(HEAD.replace('"main"', '"other"') + TOP, encoding="utf-8")
    with pytest.raises(DefinitionInvalid, match="number 12320"):
        load_menus(tmp_path, KNOWN)


def test_faults_of_all_files_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("name = 1", encoding="utf-8")
    (tmp_path / "b.toml").write_text(HEAD, encoding="utf-8")
    with pytest.raises(DefinitionInvalid) as caught:
        load_menus(tmp_path, KNOWN)
    assert "a.toml" in caught.value.detail
    assert "b.toml" in caught.value.detail


def test_a_folder_without_menus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionInvalid, match="at least one menu"):
        load_menus(tmp_path, KNOWN)


@given(st.text(max_size=300))
def test_any_text_is_a_menu_or_refused(text: str) -> None:
    try:
        parse(text)
    except DefinitionInvalid as refusal:
        assert "main.toml" in refusal.detail  # noqa: PT017 - both outcomes are right


@given(st.data())
def test_a_menu_with_lines_lost_is_whole_or_refused(data: st.DataObject) -> None:
    shipped = Path("dialplans/menus/main.toml").read_text(encoding="utf-8").splitlines()
    lost = data.draw(st.sets(st.integers(0, len(shipped) - 1), max_size=3))
    text = "\n".join(line for number, line in enumerate(shipped) if number not in lost)
    try:
        parse(text)
    except DefinitionInvalid as refusal:
        assert "main.toml" in refusal.detail  # noqa: PT017 - both outcomes are right
