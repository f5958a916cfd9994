"""How often a file that fails is tried again: soon at first, then ever more seldom. Pure.

A disk that is full or ill must hold up neither the files that can be read nor the process.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar, Final

_FIRST_SECONDS: Final = 1.0
_LAST_SECONDS: Final = 600.0


@dataclass(slots=True)
class Troubles:
    """The files that failed, by name; no more of them than lie in the folder."""

    PATIENT: ClassVar[int] = 4
    """A file that failed so often is written down."""
    _failed: dict[str, tuple[int, float]] = field(default_factory=dict)

    def failed(self, name: str, now: float) -> int:
        """Count a failure; returns how many there were.

        Args:
            name: of the file.
            now: seconds of a clock that is never set back.
        """
        attempts = self._failed.get(name, (0, 0.0))[0] + 1
        pause = min(_LAST_SECONDS, _FIRST_SECONDS * 2.0 ** min(attempts - 1, 30))
        self._failed[name] = attempts, now + pause
        return attempts

    def may_try(self, name: str, now: float) -> bool:
        """Tell whether it is time to try a file."""
        return now >= self._failed.get(name, (0, 0.0))[1]

    def forget(self, name: str) -> None:
        """A file succeeded."""
        self._failed.pop(name, None)

    def keep_only(self, names: Collection[str]) -> None:
        """Forget the files that are gone."""
        for name in self._failed.keys() - names:
            del self._failed[name]
