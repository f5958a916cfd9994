"""`deploy/test`: every check there is, one after the other, and a plain summary at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

from deploy.stack.screen import Screen
from ivr.config import REPOSITORY

_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Check:
    """One stage: a headline, a command for this Python, and how long it may take."""

    headline: str
    arguments: tuple[str, ...]
    minutes: float


_TWO_AT_ONCE: Final = ("-n", "2", "--dist", "loadfile")
"""A worker for each core that the smallest machine has, each with servers of its own."""
_CALLS_AT_ONCE: Final = ("-n", "4", "--dist", "loadfile")
"""Tests of calls wait most of their time for somebody to speak, and a hotline takes a tenth of a
core; a browser takes a whole one."""
_REAL: Final = ("tests/real", "tests/faults", "tests/deploy")
_BROWSERS: Final = ("tests/real",)
_FAULTS: Final = ("tests/faults",)
"""Where tests of a marker lie, so that not all others are read for them."""

CHECKS: Final = (
    Check("格式 · format", ("ruff", "format", "--check"), 1),
    Check("规范 · lint", ("ruff", "check"), 1),
    Check("类型 · types", ("mypy",), 5),
    Check("桌面 · desktop: types, lint, units, build", ("deploy.stack", "desktop", "--check"), 5),
    Check("单元测试 · unit tests", ("pytest", *_TWO_AT_ONCE, "-m", "not real and not faults"), 15),
    Check(
        "真实通话 · calls through real Asterisk, SIPp, PostgreSQL",
        ("pytest", *_CALLS_AT_ONCE, "-m", "real and not browser", *_REAL),
        18,
    ),
    Check(
        "真实座席 · desks in real browsers",
        ("pytest", *_TWO_AT_ONCE, "-m", "browser", *_BROWSERS),
        16,
    ),
    Check(
        "故障 · faults under load",
        ("pytest", *_TWO_AT_ONCE, "-m", "faults and not real", *_FAULTS),
        16,
    ),
)
"""Where each is cut off when it hangs; usually half of it is enough."""


def run_checks(screen: Screen, *, soak: bool) -> int:
    """Run every check, even after one has failed; 0 when all are good.

    Args:
        screen: where headlines and the summary go.
        soak: give the long suites their long form, by `SOAK=1` in their environment.
    """
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    if soak:
        environment["SOAK"] = "1"
    results = [_run(check, screen, environment, soak=soak) for check in CHECKS]
    screen.say("\n═══ 总结 · summary ═══")
    for check, (outcome, seconds) in zip(CHECKS, results, strict=True):
        screen.say(f"  {outcome:<9} {seconds:7.1f} s  {check.headline}")
    total = sum(seconds for _, seconds in results)
    failed = [outcome for outcome, _ in results if outcome != "ok"]
    screen.say(f"  {'FAILED' if failed else 'ok':<9} {total:7.1f} s  全部 · everything")
    return 1 if failed else 0


def _run(
    check: Check, screen: Screen, environment: dict[str, str], *, soak: bool
) -> tuple[str, float]:
    screen.say(f"\n═══ {check.headline} ═══")
    began = time.monotonic()
    try:
        done = subprocess.run(
            ("setpriv", "--pdeathsig", "TERM", "--", sys.executable, "-m", *check.arguments),
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=None if soak else check.minutes * _MINUTE,
            check=False,
        )
        outcome = "ok" if done.returncode == 0 else f"exit {done.returncode}"
    except subprocess.TimeoutExpired:
        outcome = "too long"
    return outcome, time.monotonic() - began
