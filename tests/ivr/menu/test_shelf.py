from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ivr.errors import DefinitionInvalid
from ivr.menu.definitions import Sources
from ivr.menu.engine import begin, step
from ivr.menu.shelf import Shelf
from ivr.menu.turn import Keys, Leave, Situation


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_edit_takes_effect_for_the_next_call_only(edited: Sources) -> None:
    shelf = Shelf(edited)
    call = next(menu for menu in shelf.current.menus if menu.name == "main")
    state = begin(call, Situation()).state
    edit(edited.menus / "main.toml", '0 = { queue = "consult" }', '0 = { queue = "anyone" }')
    with capture_logs() as logs:
        assert shelf.refresh()
    assert logs == [
        {"event": "definitions.replaced", "menus": ["direct", "held", "main"], "log_level": "info"}
    ]
    later = next(menu for menu in shelf.current.menus if menu.name == "main")
    ends = [step(menu, Situation(), state, Keys("10")).then for menu in (call, later)]
    assert [end.destination.name for end in ends if isinstance(end, Leave)] == [
        "consult",
        "anyone",
    ]


def test_nothing_new_is_not_read_again(edited: Sources) -> None:
    shelf = Shelf(edited)
    before = shelf.current
    assert not shelf.refresh()
    assert shelf.current is before


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("menus/main.toml", 'node = "m_appt"', 'node = "m_atpp"', "main.toml:21"),
        ("menus/main.toml", 'preset = ["12320-2016:B01"]', 'preset = ["12320-2016:Q9"]', "Q9"),
        ("menus/main.toml", 'preset = ["12320-2016:B01"]', 'preset = ["1999:B01"]', "1999:B01"),
        ("menus/main.toml", "longest = 3", "longest = ", "TOML"),
        ("menus/main.toml", '4 = { node = "m_quit" }\n', "", "announces the key 4"),
        ("prompts.toml", 'zh = "人工服务，请按0。"', 'zh = ""', "p_person_first"),
        ("hours.toml", 'psych = { schedule = "always" }', "", "'psych'"),
        (
            "hours.toml",
            'report = { schedule = "always" }',
            'report = { schedule = "weekly" }',
            "'weekly'",
        ),
    ],
)
def test_a_broken_edit_is_refused_and_the_old_set_serves_on(
    edited: Sources, file: str, old: str, new: str, fault: str
) -> None:
    shelf = Shelf(edited)
    before = shelf.current
    edit(edited.hours.parent / file, old, new)
    with capture_logs() as logs:
        assert not shelf.refresh()
        assert not shelf.refresh()
    assert shelf.current is before
    assert [log["event"] for log in logs] == ["definitions.refused"]
    assert any(fault in line for line in logs[0]["faults"])


def test_a_mended_edit_is_taken_over(edited: Sources) -> None:
    shelf = Shelf(edited)
    path = edited.menus / "main.toml"
    edit(path, 'node = "m_appt"', 'node = "m_atpp"')
    shelf.refresh()
    edit(path, 'node = "m_atpp"', 'node = "m_appt"')
    assert shelf.refresh()


def test_a_file_removed_is_noticed_and_refused(edited: Sources) -> None:
    shelf = Shelf(edited)
    edited.hours.unlink()
    assert not shelf.refresh()
    assert shelf.current.hours.queues


def test_a_file_that_is_gone_for_a_moment_does_not_stop_the_watch(edited: Sources) -> None:
    shelf = Shelf(edited)
    (edited.menus / "late.toml").symlink_to(edited.menus / "nowhere.toml")
    assert not shelf.refresh()
    assert shelf.current.menus


def test_what_an_editor_hides_is_no_menu(edited: Sources) -> None:
    shelf = Shelf(edited)
    (edited.menus / ".#main.toml").write_text("half a line", encoding="utf-8")
    with capture_logs() as logs:
        assert not shelf.refresh()
    assert logs == []


def test_definitions_that_cannot_be_played_stop_the_start(edited: Sources) -> None:
    edit(edited.menus / "main.toml", 'node = "m_appt"', 'node = "m_atpp"')
    with pytest.raises(DefinitionInvalid, match="m_atpp"):
        Shelf(edited)


def test_definitions_that_mislead_are_told_at_the_start_and_played(edited: Sources) -> None:
    edit(edited.menus / "main.toml", '4 = { node = "m_quit" }\n', "")
    with capture_logs() as logs:
        shelf = Shelf(edited)
    assert [(log["event"], log["log_level"]) for log in logs] == [("definitions.faulty", "error")]
    assert shelf.current.menus


async def test_an_edit_is_found_by_the_watch(edited: Sources) -> None:
    shelf = Shelf(edited)
    before = shelf.current
    watching = asyncio.ensure_future(shelf.watch(every_seconds=0.01))
    try:
        edit(edited.hours, 'otherwise = "report"', 'otherwise = "psych"')
        async with asyncio.timeout(20):
            while shelf.current is before:  # noqa: ASYNC110 - the shelf tells nobody
                await asyncio.sleep(0.01)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    assert shelf.current.hours.queues["anyone"].otherwise == "psych"
