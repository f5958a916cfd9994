"""Fitting the linear voice: scikit-learn's linear machine and a naive Bayes with shrinkage.

Runs nightly and on demand, never on a call's path. From scratch each time, so a model is a
function of its examples alone: same examples and versions, same bytes.

Why these parts, from leave-a-source-out trials (train without a source, test on it): machines
over service type and topic share what a complaint about a vaccine has with a complaint and with
a vaccine, which 350 small leaves cannot learn one by one; the naive Bayes, whose leaves borrow
their ancestors' words, is what names a category with five examples. The alarm is a machine of its
own: patterns find the words of danger, it finds what callers say instead of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from ivr.categories.corpus import TEMPLATE, Example, dangers
from ivr.categories.features import Features, fit_features
from ivr.categories.lexicon import Lexicon
from ivr.categories.model import LEAST, LEVELS, Belief, Calibration, Model, Row, at_level
from ivr.categories.redflags import never_automatic
from ivr.categories.text import normalise
from ivr.categories.topic import topic

_Sparse: TypeAlias = Any
"""A SciPy CSR matrix; SciPy ships no types."""

TEMPLATE_WEIGHT: Final = 0.2
"""What a sentence made from a term counts beside one that somebody wrote."""
FEWEST_IN_GROUP: Final = 20
UNCALIBRATED: Final = Calibration((1.0,) * LEVELS, (0.0,) * LEVELS, (0.0,) * LEVELS)


@dataclass(frozen=True, slots=True)
class _Head:
    """One linear machine: what it tells apart, and how much it says in the sum."""

    label: Callable[[str], str]
    share: float
    cost: float


_HEADS: Final = (
    _Head(lambda code: code, 1.0, 0.5),
    _Head(lambda code: code[0], 0.6, 1.0),
    _Head(topic, 0.5, 0.5),
    _Head(lambda code: at_level(code, 2), 0.3, 0.5),
)
_BAYES_SHARE: Final = 0.3
_SHRINKAGE: Final[tuple[tuple[Callable[[str], str], float], ...]] = (
    (lambda code: code, 0.5),
    (lambda code: at_level(code, 1), 0.1),
    (lambda code: code[0], 0.2),
    (topic, 0.15),
)
_BACKGROUND: Final = 0.05


def train(examples: Sequence[Example], lexicon: Lexicon) -> Model:
    """Fit a model, uncalibrated; the examples' order does not matter.

    Raises:
        ValueError: fewer than two categories.
    """
    ordered = sorted(examples)
    texts = [normalise(example.text) for example in ordered]
    features = fit_features(texts, lexicon)
    matrix = _matrix(features, texts)
    codes = np.array([example.code for example in ordered])
    weight = np.array([TEMPLATE_WEIGHT if e.source == TEMPLATE else 1.0 for e in ordered])
    classes: list[str] = sorted(set(codes.tolist()))
    weights = _BAYES_SHARE * _bayes(matrix, codes, weight, classes)
    bias = np.zeros(len(classes))
    for head in _HEADS:
        coefficients, intercepts, column = _machine(head, matrix, codes, weight, classes)
        weights += head.share * coefficients[:, column]
        bias += head.share * intercepts[column]
    weights -= weights.mean(axis=1, keepdims=True)
    return Model(
        features,
        tuple(classes),
        # Rounded to what is stored, so that a loaded model says what the trained one said.
        np.ascontiguousarray(weights.astype(np.float16), np.float32),
        (bias - bias.mean()).astype(np.float32),
        _alarm(features, matrix, codes, weight),
        UNCALIBRATED,
    )


def _matrix(features: Features, texts: Sequence[str]) -> _Sparse:
    pointers, columns, values = [0], [], []
    for text in texts:
        touched = features.touched(text)
        columns.append(touched.columns)
        values.append(touched.values)
        pointers.append(pointers[-1] + len(touched.columns))
    shape = (len(texts), features.width)
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(columns), pointers), shape)


def _machine(
    head: _Head,
    matrix: _Sparse,
    codes: NDArray[Any],
    weight: Row,
    classes: Sequence[str],
) -> tuple[Row, Row, NDArray[np.intp]]:
    labels = np.array([head.label(code) for code in codes])
    machine = LinearSVC(C=head.cost, tol=0.1, max_iter=200, random_state=0)
    machine.fit(matrix, labels, sample_weight=weight)
    coefficients, intercepts = machine.coef_, machine.intercept_
    if len(machine.classes_) == 2:  # noqa: PLR2004 - scikit-learn folds two classes into one row
        coefficients = np.vstack((-coefficients, coefficients))
        intercepts = np.concatenate((-intercepts, intercepts))
    position = {label: at for at, label in enumerate(machine.classes_)}
    column = np.array([position[head.label(code)] for code in classes])
    return coefficients.T, intercepts, column


def _alarm(features: Features, matrix: _Sparse, codes: NDArray[Any], weight: Row) -> Row:
    """Fit what tells calls that a person must see from all others; the last entry is the bias.

    Both sides weigh the same however many calls each has, so that the boundary lets about one
    ordinary text in fifteen through to a person: missing a danger is worse than that.
    """
    hidden = _matrix(features, [normalise(text) for text in dangers()])
    dangerous = [*map(never_automatic, codes), *[True] * hidden.shape[0]]
    if all(dangerous):
        return np.zeros(features.width + 1, np.float32)
    machine = LinearSVC(C=0.1, class_weight="balanced", tol=0.1, max_iter=200, random_state=0)
    everything = sparse.vstack((matrix, hidden))
    machine.fit(everything, dangerous, np.concatenate((weight, np.ones(hidden.shape[0]))))
    return np.concatenate((machine.coef_[0], machine.intercept_)).astype(np.float32)


def _bayes(
    matrix: _Sparse,
    codes: NDArray[Any],
    weight: Row,
    classes: Sequence[str],
) -> Row:
    """Return log probabilities of features, each leaf's mixed with its ancestors' (shrinkage)."""
    position = {code: at for at, code in enumerate(classes)}
    rows = np.array([position[code] for code in codes])
    member = sparse.csr_matrix(
        (weight, (rows, np.arange(len(codes)))), shape=(len(classes), len(codes))
    )
    counts = np.asarray((member @ matrix).todense())
    background = counts.sum(axis=0) + 0.01
    background /= background.sum()
    mixed = np.repeat(_BACKGROUND * background[None], len(classes), axis=0)
    for label, share in _SHRINKAGE:
        groups, group = np.unique([label(code) for code in classes], return_inverse=True)
        total = np.zeros((len(groups), counts.shape[1]))
        np.add.at(total, group, counts)
        smoothed = (total + background) / (total.sum(axis=1, keepdims=True) + 1)
        mixed += share * smoothed[group]
    logarithms: Row = np.log(mixed).T
    return logarithms


@dataclass(frozen=True, slots=True)
class Trial:
    """What a model said about a text that it had not been trained on."""

    example: Example
    guess: str
    raw: tuple[float, ...]
    """Uncalibrated probability of the guess, level by level."""
    length: int
    """Characters of the normalised text."""


def trials(model: Model, examples: Sequence[Example]) -> list[Trial]:
    """Return what a model says about each text, text alone."""
    said = []
    for example in examples:
        text = normalise(example.text)
        belief = Belief(model.scores(model.features.touched(text)))
        at = int(belief.each.argmax())
        raw = model.levels(at, belief, 0)
        said.append(Trial(example, model.codes[at], raw, len(text)))
    return said


def groups_of(examples: Sequence[Example], most: int) -> list[frozenset[str]]:
    """Return sources dealt into at most `most` groups of about equal size, largest first.

    A source is never split: texts of one source resemble each other, and a confidence that
    holds only among them is worth little on the next desk's notes.
    """
    sizes: dict[str, int] = {}
    for example in examples:
        sizes[example.source] = sizes.get(example.source, 0) + 1
    hands: list[tuple[int, list[str]]] = [(0, []) for _ in range(min(most, len(sizes)))]
    for source in sorted(sizes, key=lambda name: (-sizes[name], name)):
        at = min(range(len(hands)), key=lambda hand: (hands[hand][0], hand))
        hands[at] = (hands[at][0] + sizes[source], [*hands[at][1], source])
    return [frozenset(sources) for _, sources in hands if sources]


def calibrate(said: Sequence[Trial]) -> Calibration:
    """Fit each level's confidence on what was right and wrong; see `Calibration`."""
    fitted = [_fitted(said, level) for level in range(LEVELS)]
    slope, intercept, by_length = zip(*fitted, strict=True)
    return Calibration(slope, intercept, by_length)


def _fitted(said: Sequence[Trial], level: int) -> tuple[float, float, float]:
    """Return slope, intercept and weight of the length of one level."""
    # A shallower label says nothing about the levels below it.
    judged = [t for t in said if _depth(t.example.code) >= level]
    right = np.array([at_level(t.guess, level) == at_level(t.example.code, level) for t in judged])
    if len(judged) < FEWEST_IN_GROUP or right.all() or not right.any():
        return 1.0, 0.0, 0.0
    p = np.clip(np.array([t.raw[level] for t in judged]), LEAST, 1 - LEAST)
    length = np.log1p([t.length for t in judged])
    middle = length.mean()
    machine = LogisticRegression(C=1e3)
    machine.fit(np.column_stack((np.log(p / (1 - p)), length - middle)), right)
    slope, by_length = (round(float(value), 6) for value in machine.coef_[0])
    intercept = float(machine.intercept_[0]) - by_length * middle
    return slope, round(intercept, 6), by_length


def _depth(code: str) -> int:
    return 0 if len(code) == 1 else min(code.count(".") + 1, LEVELS - 1)
