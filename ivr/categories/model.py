"""The linear voice at run time: NumPy, no scikit-learn, no training code.

All that training fits (a linear machine over the leaves, machines over service types, topics and
second levels, a naive Bayes whose leaves borrow from the nodes above them) is linear in the
features, and adding up log odds is linear again: it folds into one matrix, one row a feature, one
column a category. A text gathers its rows and adds them up.

Codes sort so that all below a node stand together; a level's confidence is the sum over a slice.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ivr.categories.features import Features, Touched

LEVELS: Final = 4
"""Service type and levels 1 to 3; the few nodes of level 4 share the confidence of level 3."""

SHARPNESS: Final = 2.0
"""Margins to log odds. At 1 the machines' small margins leave a third of the belief with hundreds
of categories that nothing speaks for, and sums over a node drown in it; from leave-a-source-out
trials of 0.5 to 4."""
WORDS: Final = 3
"""How many words are given as a reason."""
LEAST: Final = 1e-6
"""Probability below which log odds are not told apart."""

Row = NDArray[np.float32]


def at_level(code: str, level: int) -> str:
    """Return the code's ancestor at a level, or the code itself if it lies above it."""
    return code[0] if level == 0 else ".".join(code.split(".")[:level])


@dataclass(frozen=True)
class Calibration:
    """How often a level is right when the model says p of a text: logistic in its log odds.

    And in the logarithm of its length: a text of many words gathers evidence for everything, so
    the same p is worth less there. Fitted on texts that the model had not seen, source by source,
    see `training.calibrate`.
    """

    slope: tuple[float, ...]
    intercept: tuple[float, ...]
    by_length: tuple[float, ...]
    """Times the logarithm of 1 + the characters of the normalised text."""

    def confidence(self, level: int, probability: float, length: int) -> float:
        """Return the calibrated confidence of a level."""
        p = min(max(probability, LEAST), 1 - LEAST)
        z = self.slope[level] * math.log(p / (1 - p)) + self.intercept[level]
        return 1 / (1 + math.exp(-z - self.by_length[level] * math.log1p(length)))


class Belief:
    """The probability of each category, summed so that any node's is one subtraction."""

    __slots__ = ("_before", "each")

    def __init__(self, scores: Row, sharpness: float = SHARPNESS) -> None:
        """Make probabilities of a text's margins, or of log odds (`sharpness` 1)."""
        # In proportion to the probabilities: the likeliest has 1, so that none overflows.
        self.each = scores - scores.item(scores.argmax())
        self.each *= sharpness
        np.exp(self.each, out=self.each)
        self._before = np.zeros(len(scores) + 1)
        # Adding up float32 would lose the small ones behind the large.
        np.add.accumulate(self.each, dtype=np.float64, out=self._before[1:])
        self._before /= self._before.item(-1)

    def within(self, span: tuple[int, int]) -> float:
        """Return the probability of all categories of a slice together."""
        return self._before.item(span[1]) - self._before.item(span[0])

    def likeliest_within(self, span: tuple[int, int]) -> int:
        """Return the likeliest category of a slice."""
        low, high = span
        return low if high - low == 1 else low + int(self.each[low:high].argmax())


@dataclass(frozen=True)
class Model:
    """A trained linear voice."""

    features: Features
    codes: tuple[str, ...]
    """The categories it can name, sorted."""
    weights: Row
    """float32, one row a feature, one column a category; each row's mean is zero, so a weight
    says how much the feature speaks for the category rather than for the others."""
    bias: Row
    alarm: Row
    """float32, what each feature says for a danger that is not named; the last is the bias."""
    calibration: Calibration
    _slices: tuple[tuple[tuple[int, int], ...], ...] = field(init=False, repr=False, compare=False)
    _matters: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)
    _lows: NDArray[np.intp] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find the slice of each category's ancestor at each level."""
        slices = tuple(
            tuple(_slice(self.codes, at_level(code, level)) for level in range(LEVELS))
            for code in self.codes
        )
        object.__setattr__(self, "_slices", slices)
        # One matter begins where the last one ended; a bare service type is a matter of its own.
        lows = sorted({levels[1][0] for levels in slices})
        object.__setattr__(self, "_matters", tuple(pairwise((*lows, len(slices)))))
        object.__setattr__(self, "_lows", np.array(lows, np.intp))

    def scores(self, touched: Touched) -> Row:
        """Return the log odds of each category, up to a constant."""
        return self.summed(touched, self.rows(touched))

    def rows(self, touched: Touched) -> Row:
        """Return the weights of the features that a text touches, one row each."""
        rows: Row = self.weights.take(touched.columns, axis=0)
        return rows

    def summed(self, touched: Touched, rows: Row) -> Row:
        """Return `scores` of rows that have been gathered already."""
        scores: Row = touched.values @ rows
        scores += self.bias
        return scores

    def levels(self, at: int, belief: Belief, length: int) -> tuple[float, ...]:
        """Return the confidence, level by level, of the category at an index.

        Args:
            at: index of the category.
            belief: the probability of each category.
            length: characters of the normalised text; 0 for requests whose words were not read,
                which gives the plain probability.
        """
        confidences = [belief.within(span) for span in self._slices[at]]
        if length:
            said = self.calibration.confidence
            confidences = [said(level, p, length) for level, p in enumerate(confidences)]
        # A deeper level cannot be surer than the one above it.
        for level in range(1, LEVELS):
            confidences[level] = min(confidences[level], confidences[level - 1])
        return tuple(confidences)

    def deepest(self, at: int, belief: Belief, length: int) -> float:
        """Return the calibrated confidence of the last level of the category at an index."""
        return self.calibration.confidence(LEVELS - 1, belief.within(self._slices[at][-1]), length)

    def matters(self, belief: Belief, most: int) -> list[int]:
        """Return the likeliest category of each of the likeliest level-1 categories."""
        together = np.add.reduceat(belief.each, self._lows)
        likely = []
        for _ in range(min(most, len(together))):
            matter = together.argmax()
            together[matter] = -1
            likely.append(belief.likeliest_within(self._matters[matter]))
        return likely

    def span(self, code: str) -> tuple[int, int]:
        """Return the slice of the categories at and below a code; empty if there are none."""
        return _slice(self.codes, code)

    def danger(self, touched: Touched) -> float:
        """Return how much a text resembles calls that a person must see: above 0, more than not."""
        return float(touched.values @ self.alarm[touched.columns] + self.alarm[-1])

    def alarming(self, touched: Touched) -> tuple[str, ...]:
        """Return the words that spoke most for a danger, strongest first."""
        return self._strongest(touched, touched.values * self.alarm[touched.columns])

    def reasons(self, touched: Touched, rows: Row, at: int) -> tuple[str, ...]:
        """Return the words that spoke most for the category at an index, strongest first."""
        return self._strongest(touched, touched.values * rows[:, at])

    def _strongest(self, touched: Touched, share: Row) -> tuple[str, ...]:
        found: list[str] = []
        for position in (-share).argsort(kind="stable")[: 4 * WORDS].tolist():
            if share.item(position) <= 0 or len(found) == WORDS:
                break
            word = self.features.word(touched.columns.item(position), touched).strip()
            if len(word) > 1 and not any(word in other or other in word for other in found):
                found.append(word)
        return tuple(found)


def _slice(codes: Sequence[str], code: str) -> tuple[int, int]:
    # Below `C02` are `C02` itself and `C02.…`; below a service letter everything it begins.
    low = bisect_left(codes, code)
    last = code + "\x7f" if len(code) == 1 else code + ".\x7f"
    high = bisect_left(codes, last)
    return low, high
