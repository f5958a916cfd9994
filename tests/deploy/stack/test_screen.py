from __future__ import annotations

import io

import pytest

from deploy.stack.screen import Screen


class _GoneTerminal(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(5, "Input/output error")


def test_a_step_shows_its_name_and_that_it_is_done() -> None:
    stream = io.StringIO()
    with Screen(stream).step("启动 · starting"):
        pass
    first, last = stream.getvalue().splitlines()
    assert first == "▸ 启动 · starting"
    assert last.startswith("  ✓")


def test_a_step_that_fails_says_so_and_passes_the_error_on() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="why"), Screen(stream).step("x"):
        raise ValueError("why")
    assert "✗" in stream.getvalue()


def test_a_terminal_that_has_gone_away_stops_nothing() -> None:
    screen = Screen(_GoneTerminal())
    with screen.step("x") as tell:
        tell("word")
    screen.say("y")
