"""What the person at the terminal sees: one line a step, Chinese first, and a clock."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO

_QUIET_SECONDS: Final = 2.0
"""Without a terminal, progress within a step is repeated no more often than this."""


class Screen:
    """Writes progress to standard error, so that standard output holds results alone."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to `stream`; on a terminal the line of the running step is rewritten."""
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()

    @contextmanager
    def step(self, label: str) -> Iterator[Callable[[str], None]]:
        """Show one step; the value is called with short words on how it goes."""
        began = told = time.monotonic()
        self.say(f"▸ {label}")

        def tell(word: str) -> None:
            nonlocal told
            now = time.monotonic()
            if self._terminal:
                self._write(f"\r\x1b[K  … {word}")
            elif now - told >= _QUIET_SECONDS:
                told = now
                self.say(f"  … {word}")

        clean = "\r\x1b[K" if self._terminal else ""
        try:
            yield tell
        except BaseException:
            self.say(f"{clean}  ✗ {time.monotonic() - began:.1f} s")
            raise
        self.say(f"{clean}  ✓ {time.monotonic() - began:.1f} s")

    def say(self, line: str) -> None:
        """Show one line."""
        self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        # A terminal that has gone away is no reason to leave servers behind.
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
