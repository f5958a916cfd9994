"""How good a classifier is: every figure that a supervisor asks for, from (label, verdict) pairs.

Pure functions. Levels: a row is judged at a level only if its label reaches it, because labels
go as deep as the text allows; `deepest` is the exact code. Traffic-weighted figures weigh each
level-1 category by its printed count of October 2016, so that a category with one call a year
does not hide how the daily ones fare.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ivr.categories.classify import Verdict
from ivr.categories.model import LEVELS, at_level
from ivr.categories.taxonomy import Taxonomy

LEVEL_NAMES: Final = ("service", "level 1", "level 2", "level 3")
BINS: Final = 10
TARGET: Final = 0.95


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict and what a person says it should have been."""

    label: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """The figures of one level."""

    rows: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    """Expected calibration error over ten equal bins."""
    coverage_at_95: float
    """Largest share of rows, surest first, that is right in at least 95 of 100."""
    traffic_accuracy: float


@dataclass(frozen=True, slots=True)
class CategoryFigures:
    """Precision, recall and F1 of one category at its level."""

    code: str
    rows: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one run."""

    rows: int
    levels: tuple[LevelFigures, ...]
    deepest: float
    top3_level1: float
    settled: float
    """Share of rows with a settled code."""
    settled_right: float
    """Share of settled codes that lie on the label's lineage."""
    review: float
    categories: tuple[CategoryFigures, ...]
    """Every category of every level that a label reaches, by level and code."""
    confusions: tuple[tuple[str, str, int], ...]
    """Level-1 pairs (label, guess, rows), most frequent first."""


def depth(code: str) -> int:
    """Return the level of a code, at most 3: level 4 is judged with level 3 and as deepest."""
    return 0 if len(code) == 1 else min(code.count(".") + 1, LEVELS - 1)


def evaluate(judged: Sequence[Judged], taxonomy: Taxonomy) -> Evaluation:
    """Return every figure.

    Raises:
        ValueError: no rows.
    """
    if not judged:
        raise ValueError("expected at least one row with a code, came none")
    count = len(judged)
    settled = [j for j in judged if j.verdict.code]
    confused = Counter(pair for j in judged if (pair := _pair(j, 1))[0] != pair[1])
    return Evaluation(
        rows=count,
        levels=tuple(_level(judged, level, taxonomy) for level in range(LEVELS)),
        deepest=_share(judged, lambda j: j.label == j.verdict.guess),
        top3_level1=_share(
            judged,
            lambda j: at_level(j.label, 1) in {at_level(c.code, 1) for c in j.verdict.top},
        ),
        settled=len(settled) / count,
        settled_right=_share(settled, lambda j: _above(j.verdict.code, j.label)),
        review=_share(judged, lambda j: j.verdict.review),
        categories=tuple(
            figures for level in range(LEVELS) for figures in _categories(judged, level)
        ),
        confusions=tuple((a, b, n) for (a, b), n in confused.most_common(20)),
    )


def coverage(sureness: Sequence[tuple[float, bool]], target: float = TARGET) -> float:
    """Return the largest share of rows, surest first, whose accuracy reaches the target."""
    right, best = 0, 0
    for place, (_, correct) in enumerate(sorted(sureness, key=lambda item: -item[0]), 1):
        right += correct
        if right >= target * place:
            best = place
    return best / len(sureness) if sureness else 0.0


def calibration_error(sureness: Sequence[tuple[float, bool]]) -> float:
    """Return the expected calibration error: |said - true|, weighted by rows, over ten bins."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for said, correct in sureness:
        bins.setdefault(min(int(said * BINS), BINS - 1), []).append((said, correct))
    gaps = (abs(sum(s for s, _ in b) - sum(c for _, c in b)) for b in bins.values())
    return sum(gaps) / len(sureness) if sureness else 0.0


def _pair(judged: Judged, level: int) -> tuple[str, str]:
    return at_level(judged.label, level), at_level(judged.verdict.guess, level)


def _share(rows: Sequence[Judged], holds: Callable[[Judged], bool]) -> float:
    return sum(map(holds, rows)) / len(rows) if rows else 0.0


def _above(code: str, label: str) -> bool:
    return label == code or label.startswith(code if len(code) == 1 else f"{code}.")


def _level(judged: Sequence[Judged], level: int, taxonomy: Taxonomy) -> LevelFigures:
    reaching = [j for j in judged if depth(j.label) >= level]
    if not reaching:
        return LevelFigures(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    right = [(j.verdict.confidence[level], len(set(_pair(j, level))) == 1) for j in reaching]
    figures = list(_categories(judged, level))
    return LevelFigures(
        rows=len(reaching),
        accuracy=sum(correct for _, correct in right) / len(right),
        macro_f1=sum(f.f1 for f in figures) / len(figures),
        calibration_error=calibration_error(right),
        coverage_at_95=coverage(right),
        traffic_accuracy=_weighted(reaching, level, taxonomy),
    )


def _categories(judged: Sequence[Judged], level: int) -> list[CategoryFigures]:
    pairs = [_pair(j, level) for j in judged if depth(j.label) >= level]
    labels, guesses = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    right = Counter(a for a, b in pairs if a == b)
    found = []
    for code in sorted(labels):
        precision = right[code] / guesses[code] if guesses[code] else 0.0
        recall = right[code] / labels[code]
        f1 = 2 * right[code] / (labels[code] + guesses[code])
        found.append(CategoryFigures(code, labels[code], precision, recall, f1))
    return found


def _weighted(reaching: Sequence[Judged], level: int, taxonomy: Taxonomy) -> float:
    by_matter: dict[str, list[bool]] = {}
    for j in reaching:
        matter = at_level(j.label, 1)
        by_matter.setdefault(matter, []).append(len(set(_pair(j, level))) == 1)
    weights = {matter: _traffic(taxonomy, matter) for matter in by_matter}
    total = sum(weights.values())
    return sum(weights[m] * sum(r) / len(r) for m, r in by_matter.items()) / total


def _traffic(taxonomy: Taxonomy, code: str) -> float:
    if code not in taxonomy:
        return 0.5
    node = taxonomy.node(code)
    return float(node.printed_count or node.estimated_count or 0) + 0.5


def as_text(evaluation: Evaluation) -> str:
    """Return the figures as a page of plain text."""
    lines = [f"{evaluation.rows} rows", ""]
    lines.append(f"{'':10}{'rows':>7}{'accuracy':>10}{'macro-F1':>10}{'calib.err':>11}"
                 f"{'cover@95':>10}{'traffic':>9}")  # fmt: skip
    for name, level in zip(LEVEL_NAMES, evaluation.levels, strict=True):
        lines.append(
            f"{name:10}{level.rows:7}{level.accuracy:10.3f}{level.macro_f1:10.3f}"
            f"{level.calibration_error:11.3f}{level.coverage_at_95:10.3f}"
            f"{level.traffic_accuracy:9.3f}"
        )
    lines += [
        f"deepest {evaluation.deepest:.3f}",
        f"right level 1 in top three {evaluation.top3_level1:.3f}",
        f"settled {evaluation.settled:.3f}, right {evaluation.settled_right:.3f}",
        f"to review {evaluation.review:.3f}",
        "",
        "label  guess   rows",
        *(f"{label:7}{guess:7}{count:5}" for label, guess, count in evaluation.confusions),
        "",
        f"{'category':14}{'rows':>6}{'precision':>11}{'recall':>8}{'f1':>7}",
        *(_category_line(figures) for figures in evaluation.categories),
    ]
    return "\n".join(lines)


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures for a machine: levels by name, the rest by field."""
    return {
        "rows": evaluation.rows,
        "levels": {
            name: {key: getattr(level, key) for key in LevelFigures.__slots__}
            for name, level in zip(LEVEL_NAMES, evaluation.levels, strict=True)
        },
        **{
            key: getattr(evaluation, key)
            for key in ("deepest", "top3_level1", "settled", "settled_right", "review")
        },
    }


def _category_line(figures: CategoryFigures) -> str:
    return (
        f"{figures.code:14}{figures.rows:6}{figures.precision:11.3f}"
        f"{figures.recall:8.3f}{figures.f1:7.3f}"
    )
