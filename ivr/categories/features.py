"""From a text to numbers: character n-grams and the lexicon lists that it touches.

One pass over the text looks each n-gram up, so that the features of training
and of a live suggestion come from the same ten lines. N-grams are weighted by TF-IDF and have
length 1 together, as scikit-learn's `TfidfVectorizer(sublinear_tf=True)` would give them; list
hits are weighted apart, so that a long text does not drown them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain, repeat
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ivr.categories.lexicon import Lexicon

LONGEST_GRAM: Final = 3
FEWEST_TEXTS: Final = 2
"""An n-gram seen in one training text only teaches that text, which the memory does better."""
LIST_WEIGHT: Final = 0.8
"""Length of the list hits beside the n-grams' 1; from leave-a-source-out trials of 0.5 to 1.2."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What a text shows in the feature space."""

    columns: NDArray[np.intp]
    values: NDArray[np.float32]
    terms: Mapping[int, str]
    """Columns of lexicon lists and the term that hit each."""


@dataclass(frozen=True)
class Features:
    """The fitted feature space: n-grams first, then one column for each lexicon list."""

    grams: Mapping[str, int]
    idf: NDArray[np.float32]
    terms: Mapping[str, tuple[int, ...]]
    """Lexicon terms with the columns of their lists."""
    longer: Mapping[str, tuple[str, ...]]
    """Terms longer than an n-gram, by their first characters."""
    lists: tuple[str, ...]
    names: tuple[str, ...]
    """The n-grams by column."""
    _places: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """The n-grams by column, counted from 1, so that what is unknown and 0 are not confused."""
    _marks: Mapping[str, tuple[dict[int, str], tuple[str, ...]]] = field(
        init=False, repr=False, compare=False
    )
    """What a piece says beside itself: the columns of its lists, and the terms that it begins."""

    def __post_init__(self) -> None:
        """Give each term as long as an n-gram the columns of its lists."""
        short = {
            term: dict.fromkeys(columns, term)
            for term, columns in self.terms.items()
            if len(term) <= LONGEST_GRAM
        }
        marks = {
            piece: (short.get(piece, {}), self.longer.get(piece, ()))
            for piece in short.keys() | self.longer.keys()
        }
        object.__setattr__(self, "_marks", marks)
        object.__setattr__(self, "_places", {gram: at + 1 for gram, at in self.grams.items()})

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.grams) + len(self.lists)

    def touched(self, normalised: str) -> Touched:
        """Return the columns that a normalised text touches and their values."""
        counts, hits = self._seen(normalised)
        first, size = len(counts), len(counts) + len(hits)
        columns = np.fromiter(chain(counts, hits), np.intp, size)
        values = np.fromiter(chain(counts.values(), repeat(1, len(hits))), np.float32, size)
        if first:
            grams, weights = columns[:first], values[:first]
            grams -= 1
            np.log(weights, out=weights)
            weights += 1
            weights *= self.idf.take(grams)
            weights /= math.sqrt(weights.dot(weights))
        if hits:
            values[first:] = LIST_WEIGHT / math.sqrt(len(hits))
        return Touched(columns, values, hits)

    def word(self, column: int, touched: Touched) -> str:
        """Return what a touched column stands for: the n-gram, or the term that hit the list."""
        return touched.terms.get(column) or self.names[column]

    def _seen(self, text: str) -> tuple[dict[int, int], dict[int, str]]:
        """Return how often each n-gram stands in a text, by place, and the terms by column."""
        # Made, looked up and counted without a line of Python for each piece: this is half the
        # cost of a category.
        twos = list(map(add, text, text[1:]))
        pieces = [*text, *twos, *map(add, twos, text[2:])]
        counts = Counter(filter(None, map(self._places.get, pieces)))
        hits: dict[int, str] = {}
        begun: tuple[str, ...] = ()
        for lists, longer in filter(None, map(self._marks.get, pieces)):
            hits.update(lists)
            begun += longer
        for term in begun:
            if term in text:
                for column in self.terms[term]:
                    hits[column] = max(hits.get(column, ""), term, key=len)
        return counts, hits


def fit_features(texts: Iterable[str], lexicon: Lexicon) -> Features:
    """Choose the n-grams of normalised training texts and weigh them by their rarity."""
    seen: Counter[str] = Counter()
    total = 0
    for text in texts:
        total += 1
        seen.update(
            {
                text[start : start + length]
                for length in range(1, LONGEST_GRAM + 1)
                for start in range(len(text) - length + 1)
            }
        )
    chosen = sorted(gram for gram, count in seen.items() if count >= FEWEST_TEXTS)
    return restored_features(
        chosen,
        np.array([math.log((1 + total) / (1 + seen[g])) + 1 for g in chosen], np.float32),
        lexicon,
    )


def restored_features(grams: list[str], idf: NDArray[np.float32], lexicon: Lexicon) -> Features:
    """Return the feature space of stored n-grams and weights."""
    first = len(grams)
    longer: dict[str, list[str]] = {}
    for term in lexicon.of_term:
        if len(term) > LONGEST_GRAM:
            longer.setdefault(term[:LONGEST_GRAM], []).append(term)
    return Features(
        {gram: column for column, gram in enumerate(grams)},
        idf,
        {term: tuple(first + at for at in lists) for term, lists in lexicon.of_term.items()},
        {start: tuple(terms) for start, terms in longer.items()},
        tuple(entry.name for entry in lexicon.lists),
        tuple(grams),
    )
