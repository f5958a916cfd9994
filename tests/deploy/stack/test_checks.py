from __future__ import annotations

import io
import re

import pytest

from deploy.stack import checks
from deploy.stack.checks import CHECKS, Check, run_checks
from deploy.stack.screen import Screen
from ivr.config import REPOSITORY

_GOOD = Check("good", ("platform",), 1)
_BAD = Check("bad", ("no_such_module",), 1)
_SLOW = Check("slow", ("timeit", "-n1", "-r1", "import time; time.sleep(60)"), 0.01)


def _run(monkeypatch: pytest.MonkeyPatch, *stages: Check) -> tuple[int, str]:
    monkeypatch.setattr(checks, "CHECKS", stages)
    stream = io.StringIO()
    return run_checks(Screen(stream), soak=False), stream.getvalue()


def test_all_good_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = _run(monkeypatch, _GOOD)
    assert code == 0
    assert "FAILED" not in said


def test_a_failed_stage_does_not_stop_the_next_but_fails_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, said = _run(monkeypatch, _BAD, _GOOD)
    assert code == 1
    assert "═══ good ═══" in said
    assert "exit 1" in said
    assert "FAILED" in said


def test_a_stage_that_takes_too_long_is_ended_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = _run(monkeypatch, _SLOW)
    assert code == 1
    assert "too long" in said


def test_even_when_every_stage_hangs_a_build_server_hears_which() -> None:
    assert sum(check.minutes for check in CHECKS) < 80


def test_tests_with_a_stage_of_their_own_lie_where_it_looks() -> None:
    places = tuple(word for one in CHECKS for word in one.arguments if word.startswith("tests/"))
    marked = {
        file.relative_to(REPOSITORY).as_posix()
        for file in (REPOSITORY / "tests").rglob("*.py")
        if re.search(r"mark\.(real|faults)\b", file.read_text("utf-8"))
    }
    assert len(marked) > len(places)
    assert not {name for name in marked if not name.startswith(places)}
