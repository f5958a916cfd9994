"""Lines for Asterisk's console: the answer comes back, a refusal is an error that tells it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.stack import asterisk, console
from deploy.stack.layout import Layout
from ivr.errors import HotlineError


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Let a shell stand for the sandbox with Asterisk in it."""

    async def root(*_: object) -> Path:
        return tmp_path

    def command(_root: Path, _folders: asterisk.Folders, line: str) -> tuple[str, ...]:
        return ("sh", "-c", line)

    monkeypatch.setattr(console, "provide_asterisk", root)
    monkeypatch.setattr(asterisk, "control_command", command)
    return Layout(tmp_path)


async def test_what_the_console_answers_comes_back(layout: Layout) -> None:
    assert await console.console(layout, "echo 排队; echo two >&2") == "排队\ntwo\n"


async def test_a_line_that_is_refused_is_an_error_with_the_answer(layout: Layout) -> None:
    with pytest.raises(HotlineError, match=r"'echo no; exit 1', it said: no"):
        await console.console(layout, "echo no; exit 1")


async def test_a_command_that_the_console_does_not_know_is_an_error(layout: Layout) -> None:
    with pytest.raises(HotlineError, match="No such command 'pjsip reload'"):
        await console.console(layout, "echo No such command \\'pjsip reload\\'")


async def test_a_console_that_says_nothing_is_left_and_ended(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_SECONDS", 1.0)
    noted = layout.directory / "pid"
    with pytest.raises(TimeoutError):
        await console.console(layout, f"echo $$ >{noted}; exec sleep 60")
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)
