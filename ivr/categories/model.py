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
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ivr.categories.features import Features, Touched

LEVELS: Final = 4
"""Service type and levels 1 to 3; the few nodes of level 4 share the confidence of level 3."""

Row = NDArray[np.float32]


def at_level(code: str, level: int) -> str:
    """Return the code's ancestor at a level, or the code itself if it lies above it."""
    return code[0] if level == 0 else ".".join(code.split(".")[:level])


@dataclass(frozen=True)
class Calibration:
    """How often a level is right when the model says p: logistic in the log odds of p.

    Fitted on texts that the model had not seen, source by source, see `training.calibrate`.
    """

    slope: tuple[float, ...]
    intercept: tuple[float, ...]

    def confidence(self, level: int, probability: float) -> float:
        """Return the calibrated confidence of a level."""
        p = min(max(probability, 1e-6), 1 - 1e-6)
        z = self.slope[level] * math.log(p / (1 - p)) + self.intercept[level]
        return 1 / (1 + math.exp(-z))


class Belief:
    """The probability of each category, summed so that any node's is one subtraction."""

    __slots__ = ("_before", "each")

    def __init__(self, scores: Row) -> None:
        """Make probabilities of log odds."""
        self.each = softmax(scores)
        # Adding up float32 would lose the small ones behind the large.
        summed: list[float] = np.add.accumulate(self.each, dtype=np.float64).tolist()
        self._before = [0.0, *summed]

    def within(self, span: tuple[int, int]) -> float:
        """Return the probability of all categories of a slice together."""
        return self._before[span[1]] - self._before[span[0]]

    def parts(self, spans: Sequence[tuple[int, int]]) -> list[float]:
        """Return the probability of each of many slices."""
        before = self._before
        return [before[high] - before[low] for low, high in spans]

    def likeliest(self, most: int) -> list[int]:
        """Return the likeliest categories, likeliest first."""
        found: list[int] = np.argpartition(-self.each, most - 1)[:most].tolist()
        return sorted(found, key=lambda at: (-self.each[at], at))

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
    calibration: Calibration
    _slices: tuple[tuple[tuple[int, int], ...], ...] = field(init=False, repr=False, compare=False)
    _matters: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find the slice of each category's ancestor at each level."""
        slices = tuple(
            tuple(_slice(self.codes, at_level(code, level)) for level in range(LEVELS))
            for code in self.codes
        )
        matters = tuple(sorted({levels[1] for levels in slices}))
        object.__setattr__(self, "_slices", slices)
        object.__setattr__(self, "_matters", matters)

    def scores(self, touched: Touched) -> Row:
        """Return the log odds of each category, up to a constant."""
        scores: Row = touched.values @ self.weights.take(touched.columns, axis=0)
        scores += self.bias
        return scores

    def levels(self, at: int, belief: Belief, *, calibrated: bool = True) -> tuple[float, ...]:
        """Return the confidence, level by level, of the category at an index.

        Not calibrated: the plain probability, for requests whose words were not read.
        """
        confidences = [belief.within(span) for span in self._slices[at]]
        if calibrated:
            said = self.calibration.confidence
            confidences = [said(level, p) for level, p in enumerate(confidences)]
        # A deeper level cannot be surer than the one above it.
        for level in range(1, LEVELS):
            confidences[level] = min(confidences[level], confidences[level - 1])
        return tuple(confidences)

    def deepest(self, at: int, belief: Belief) -> float:
        """Return the calibrated confidence of the last level of the category at an index."""
        return self.calibration.confidence(LEVELS - 1, belief.within(self._slices[at][-1]))

    def matters(self, belief: Belief, most: int, least: float) -> list[int]:
        """Return the likeliest category of each of the likeliest level-1 categories.

        Args:
            belief: the probability of each category.
            most: how many at most.
            least: probability that a level-1 category must have.
        """
        together = zip(belief.parts(self._matters), self._matters, strict=True)
        likely = sorted((-p, span) for p, span in together if p >= least)
        return [belief.likeliest_within(span) for _, span in likely[:most]]

    def span(self, code: str) -> tuple[int, int]:
        """Return the slice of the categories at and below a code; empty if there are none."""
        return _slice(self.codes, code)

    def reasons(self, touched: Touched, at: int, most: int = 3) -> tuple[str, ...]:
        """Return the words that spoke most for the category at an index, strongest first."""
        share = touched.values * self.weights[touched.columns, at]
        found: list[str] = []
        for position in np.argsort(-share, kind="stable")[: 4 * most].tolist():
            if share[position] <= 0 or len(found) == most:
                break
            word = self.features.word(int(touched.columns[position]), touched).strip()
            if len(word) > 1 and not any(word in other or other in word for other in found):
                found.append(word)
        return tuple(found)


def _slice(codes: Sequence[str], code: str) -> tuple[int, int]:
    # Below `C02` are `C02` itself and `C02.…`; below a service letter everything it begins.
    low = bisect_left(codes, code)
    last = code + "\x7f" if len(code) == 1 else code + ".\x7f"
    high = bisect_left(codes, last)
    return low, high


def softmax(scores: Row) -> Row:
    """Return probabilities of scores."""
    raised: Row = np.exp(scores - scores.max())
    raised /= raised.sum()
    return raised
