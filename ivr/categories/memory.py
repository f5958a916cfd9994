"""The second voice: notes that people have confirmed, found again word for word or nearly so.

Desks write the same dozen notes all day. An exact repeat is compared without the words around
the matter; a near one by the pairs of neighbouring characters that it shares. What is recalled
is cited in the verdict, so an agent can see why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import add
from typing import Final

from ivr.categories.text import normalise, telegraphic

NEAR: Final = 0.8
"""Share of character pairs (Dice) from which two notes count as the same matter."""
_RAREST: Final = 3
_COMMONEST: Final = 48
"""A pair that more notes share than this tells nothing; its list is not walked."""
_SHORTEST: Final = 2


@dataclass(frozen=True, slots=True)
class Recall:
    """A confirmed note that resembles a text."""

    note: str
    code: str
    likeness: float
    """1 for an exact repeat, otherwise the Dice share of character pairs."""
    agreement: float
    """Share of the confirmations of this very note that gave the code, less one doubt."""


@dataclass(frozen=True)
class Memory:
    """Confirmed notes, indexed."""

    codes: Mapping[str, tuple[str, float]]
    """Note without the words around the matter → code and agreement."""
    pairs: Mapping[str, tuple[str, ...]]
    """Character pair → the notes that hold it, for pairs that are rare enough."""

    def recall(self, normalised: str) -> Recall | None:
        """Return the confirmed note that says the same, exactly or nearly, or None."""
        key = telegraphic(normalised)
        if (known := self.codes.get(key)) is not None:
            return Recall(key, known[0], 1.0, known[1])
        mine = _pairs(key)
        lists = sorted(filter(None, map(self.pairs.get, mine)), key=len)
        best: tuple[float, str] | None = None
        for note in {note for notes in lists[:_RAREST] for note in notes}:
            theirs = _pairs(note)
            likeness = 2 * len(mine & theirs) / (len(mine) + len(theirs))
            if likeness >= NEAR and (best is None or (likeness, note) > best):
                best = (likeness, note)
        if best is None:
            return None
        code, agreement = self.codes[best[1]]
        return Recall(best[1], code, best[0], agreement)


def remember(confirmed: Iterable[tuple[str, str]]) -> Memory:
    """Index confirmed (text, code) pairs; of contradicting ones the most frequent code stands."""
    votes: dict[str, Counter[str]] = {}
    for text, code in confirmed:
        key = telegraphic(normalise(text))
        if len(key) >= _SHORTEST:
            votes.setdefault(key, Counter())[code] += 1
    codes = {}
    for key in sorted(votes):
        code, count = min(votes[key].items(), key=lambda item: (-item[1], item[0]))
        codes[key] = (code, count / (votes[key].total() + 0.2))
    return index_memory(codes)


def index_memory(codes: Mapping[str, tuple[str, float]]) -> Memory:
    """Return the memory of notes already reduced to code and agreement."""
    index: dict[str, list[str]] = {}
    for key in codes:
        for pair in _pairs(key):
            index.setdefault(pair, []).append(key)
    rare = {pair: tuple(notes) for pair, notes in index.items() if len(notes) <= _COMMONEST}
    return Memory(codes, rare)


def _pairs(key: str) -> frozenset[str]:
    return frozenset(map(add, key, key[1:]))
