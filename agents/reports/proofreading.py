"""What must not be in the written part of a bulletin, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agents.reports.editorial import Editorial

MOST: Final = 99_999
"""The largest number of an issue, or of copies."""

UNPRINTABLE: Final = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Control characters, and what XML 1.0 (§2.2) and so a DOCX cannot hold."""


@dataclass(frozen=True, slots=True)
class Misprint:
    """One thing that cannot be printed."""

    path: str
    """Where, as `column.0.article.1.text`."""
    at: int
    """Which character of the text, counted from 1; 0 for a number."""
    what: str
    """The character as `U+000B`, or the number."""


def misprints(editorial: Editorial) -> tuple[Misprint, ...]:
    """Return all that cannot be printed, in the order of the text."""
    found = []
    for path, value in _values("", editorial.model_dump(mode="json")):
        if isinstance(value, str):
            found += [
                Misprint(path, match.start() + 1, f"U+{ord(match[0]):04X}")
                for match in UNPRINTABLE.finditer(value)
            ]
        elif path in {"issue", "total_issue", "copies"} and int(str(value)) > MOST:
            found.append(Misprint(path, 0, str(value)))
    return tuple(found)


def _values(path: str, part: object) -> Iterator[tuple[str, object]]:
    if isinstance(part, dict):
        named: list[tuple[object, object]] = list(part.items())
    elif isinstance(part, list):
        named = list(enumerate(part))
    else:
        yield path, part
        return
    for name, value in named:
        yield from _values(f"{path}.{name}" if path else str(name), value)
