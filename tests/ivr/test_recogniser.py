from __future__ import annotations

import os
from pathlib import Path

import pytest

from ivr.errors import SettingsInvalid
from ivr.recogniser import LONGEST_TEXT, RecogniserFailed, find_recogniser, recognise, recognisers
from tests.ivr.toy_recogniser import a_wav, install


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", monkeypatch)


async def test_an_installed_recogniser_hears_the_caller_and_not_the_other_side() -> None:
    assert await recognise("tone", a_wav(440, 1_000), "zh", seconds=30) == "zh 440 Hz 8000"


async def test_what_a_recogniser_prints_is_no_part_of_the_text() -> None:
    assert await recognise("chatty", a_wav(440, 0), "zh", seconds=30) == "只有这些"


async def test_signs_that_cannot_be_read_become_blanks_and_a_flood_is_cut() -> None:
    assert await recognise("control", a_wav(440, 0), "en", seconds=30) == "a b c"
    text = await recognise("long", a_wav(440, 0), "en", seconds=30)
    assert text == "x" * LONGEST_TEXT


@pytest.mark.parametrize("name", ["raises", "dies", "binary", "absent"])
async def test_a_recogniser_that_fails_makes_no_text(name: str) -> None:
    with pytest.raises(RecogniserFailed, match=name):
        await recognise(name, a_wav(440, 0), "zh", seconds=60)


async def test_a_recogniser_that_never_stops_talking_is_killed_without_waiting_for_its_end() -> (
    None
):
    with pytest.raises(RecogniserFailed, match="endless: ended with -9"):
        await recognise("endless", a_wav(440, 0), "zh", seconds=60)


async def test_a_recogniser_that_hears_nothing_has_not_failed() -> None:
    assert await recognise("silent", a_wav(440, 0), "zh", seconds=60) == ""


async def test_a_recogniser_that_hangs_is_killed(tmp_path: Path) -> None:
    with pytest.raises(RecogniserFailed, match="in 15 s"):
        await recognise("hangs", a_wav(440, 0), "zh", seconds=15)
    pid = (tmp_path / "site/pid").read_text("ascii")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


async def test_a_recogniser_works_where_nobody_may_step_back_for_others(tmp_path: Path) -> None:
    """A sandbox may forbid a process to lower its own priority."""
    (tmp_path / "site/sitecustomize.py").write_text(
        "import os\n\n\ndef forbidden(_):\n    raise PermissionError\n\n\nos.nice = forbidden\n",
        "utf-8",
    )
    assert await recognise("tone", a_wav(440, 0), "zh", seconds=60) == "zh 440 Hz 8000"


def test_a_name_that_nobody_registered_is_refused_with_those_there_are() -> None:
    assert "tone" in recognisers()
    with pytest.raises(SettingsInvalid, match=r"tone.*came 'absent'"):
        find_recogniser("absent")


def test_none_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert recognisers() == ()
