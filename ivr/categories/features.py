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
    _short: Mapping[str, dict[int, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Give each term as long as an n-gram the columns of its lists."""
        short = {
            term: dict.fromkeys(columns, term)
            for term, columns in self.terms.items()
            if len(term) <= LONGEST_GRAM
        }
        object.__setattr__(self, "_short", short)
        object.__setattr__(self, "_places", {gram: at + 1 for gram, at in self.grams.items()})

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.grams) + len(self.lists)

    def touched(self, normalised: str) -> Touched:
        """Return the columns that a normalised text touches and their values."""
        counts, hits = self._seen(normalised)
        columns = np.fromiter(counts, np.intp, len(counts))
        columns -= 1
        if counts:
            times = np.fromiter(counts.values(), np.float32, len(counts))
            values = (1 + np.log(times)) * self.idf[columns]
            values /= np.sqrt(values @ values)
        else:
            values = np.zeros(0, np.float32)
        if not hits:
            return Touched(columns, values, hits)
        weight = LIST_WEIGHT / math.sqrt(len(hits))
        return Touched(
            np.concatenate((columns, np.fromiter(hits, np.intp, len(hits)))),
            np.concatenate((values, np.full(len(hits), weight, np.float32))),
            hits,
        )

    def word(self, column: int, touched: Touched) -> str:
        """Return what a touched column stands for: the n-gram, or the term that hit the list."""
        return touched.terms.get(column) or self.names[column]

    def _seen(self, text: str) -> tuple[dict[int, int], dict[int, str]]:
        """Return how often each n-gram stands in a text, by place, and the terms by column."""
        # Made, looked up and counted without a line of Python for each piece: this is half the
        # cost of a category.
        twos = list(map(add, text, text[1:]))
        threes = list(map(add, twos, text[2:]))
        pieces = [*text, *twos, *threes]
        counts = Counter(filter(None, map(self._places.get, pieces)))
        hits: dict[int, str] = {}
        for lists in filter(None, map(self._short.get, pieces)):
            hits.update(lists)
        for terms in filter(None, map(self.longer.get, threes)):
            for term in terms:
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
