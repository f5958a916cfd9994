"""Places where a test may let the process die: before and after each commit, rename and removal.

In production nothing is armed and reaching a place costs one comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Strike = Callable[[str], None]

_armed: Final[list[Strike]] = []


def arm(strike: Strike) -> None:
    """Have `strike` called with the name of every place that is reached from now on."""
    _armed.append(strike)


def disarm() -> None:
    """Let every place be harmless again."""
    _armed.clear()


def reach(place: str) -> None:
    """Say that the process has come to `place`."""
    for strike in _armed:
        strike(place)
