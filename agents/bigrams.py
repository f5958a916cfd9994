"""Chinese text as a database can search it: pairs of characters, and words of Latin ones. Pure.

PostgreSQL cuts words at spaces, which Chinese does not have. Every two neighbours are a word
here, so that whatever is typed is found if it stands somewhere; the database counts positions
and weighs titles above bodies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ivr.categories.text import LONGEST, normalise

MOST_ASKED: Final = 24
"""Words of a question that are looked up."""

_RUN: Final = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+|[a-z0-9]+")
_LAST_POSITION: Final = 16_383
"""PostgreSQL's; what stands further back counts as standing there."""
_MOST_PLACES: Final = 64
"""Positions of one word that are kept; PostgreSQL takes 255."""


def words(text: str) -> Iterator[str]:
    """Yield the words of a text in order; a character that stands alone is one."""
    for start in range(0, max(len(text), 1), LONGEST - 1):
        for run in _RUN.findall(normalise(text[start : start + LONGEST])):
            if run[0].isascii() or len(run) == 1:
                yield run
            else:
                yield from (run[at : at + 2] for at in range(len(run) - 1))


def vector(title: str, answer: str, body: str) -> str:
    """Return a text that PostgreSQL reads as a tsvector, the title weighing most."""
    places: dict[str, list[str]] = {}
    position = 0
    for weight, text in (("A", title), ("B", answer), ("D", body)):
        for word in words(text):
            position += 1
            found = places.setdefault(word, [])
            if len(found) < _MOST_PLACES:
                found.append(f"{min(position, _LAST_POSITION)}{weight}")
    return " ".join(f"'{word}':{','.join(found)}" for word, found in places.items())


def question(text: str, *, every: bool) -> str:
    """Return a text that PostgreSQL reads as a tsquery; empty when nothing was asked.

    Args:
        text: as typed. A lone character, and a Latin word that may go on, match beginnings.
        every: ask for all words; otherwise for any.
    """
    asked = list(dict.fromkeys(words(text)))[:MOST_ASKED]
    terms = [f"'{word}':*" if word.isascii() or len(word) == 1 else f"'{word}'" for word in asked]
    return (" & " if every else " | ").join(terms)
