"""How well the classifier does on notes of a source that it has never seen.

    python bench/classify_sources.py ROWS.jsonl

`ROWS.jsonl` holds confirmed rows (`text`, `code`, `source`). For each source a model is trained
without it and judged on it, text alone; confidences are calibrated on the other sources' trials.
The second table deals the rows into folds whatever their source. A score that only the second
reaches is worth little: it says how well a desk's notes predict the same desk's notes. The third
judges the shipped corpus alone, without the rows and without any corpus part that is among them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ivr.categories.classify import Classifier
from ivr.categories.corpus import Example, seed_corpus
from ivr.categories.evaluation import Evaluation, Judged, as_json, evaluate
from ivr.categories.lexicon import lexicon
from ivr.categories.memory import remember
from ivr.categories.model import Model
from ivr.categories.rows import labelled
from ivr.categories.rules import Request
from ivr.categories.taxonomy import edition
from ivr.categories.text import normalise
from ivr.categories.training import Trial, calibrate, train, trials

FOLDS = 4


def fold(example: Example) -> str:
    """Return the fold of a row, by a hash of its text."""
    digest = hashlib.blake2b(example.text.encode(), digest_size=8).digest()
    return str(int.from_bytes(digest, "big") % FOLDS)


def crossed(rows: list[Example], part_of: Callable[[Example], str]) -> dict[str, list[Judged]]:
    """Return verdicts on each part from a model trained without it."""
    parts = sorted({part_of(row) for row in rows})
    known = {normalise(row.text) for row in rows}
    corpus = [e for e in seed_corpus() if normalise(e.text) not in known]
    models: dict[str, Model] = {}
    said: dict[str, list[Trial]] = {}
    for part in parts:
        models[part] = train([*corpus, *(r for r in rows if part_of(r) != part)], lexicon())
        said[part] = trials(models[part], [r for r in rows if part_of(r) == part])
    judged = {}
    for part in parts:
        others = [trial for other in parts if other != part for trial in said[other]]
        memory = remember((r.text, r.code) for r in rows if part_of(r) != part)
        model = replace(models[part], calibration=calibrate(others))
        judged[part] = verdicts(Classifier(model, memory, edition(), part), rows, part_of, part)
    return judged


def verdicts(
    classifier: Classifier, rows: list[Example], part_of: Callable[[Example], str], part: str
) -> list[Judged]:
    """Return verdicts on one part, text alone."""
    mine = [row for row in rows if part_of(row) == part]
    return [Judged(row.code, classifier.classify(Request(row.text))) for row in mine]


def line(name: str, found: Evaluation) -> str:
    """Return one row of a table."""
    levels = " ".join(
        f"{level.accuracy:6.3f}" if level.rows else "     -" for level in found.levels
    )
    return f"{name:16}{found.rows:6} {levels} {found.deepest:7.3f} {found.top3_level1:6.3f}"


def table(title: str, judged: dict[str, list[Judged]]) -> Evaluation:
    """Print a table and return the figures of all parts together."""
    print(f"\n{title}\n{'':16}{'rows':>6} service level1 level2 level3 deepest  top3")
    for part, rows in judged.items():
        print(line(part, evaluate(rows, edition())))
    whole = evaluate([j for rows in judged.values() for j in rows], edition())
    print(line("together", whole))
    for level, figures in zip(
        ("service", "level 1", "level 2", "level 3"), whole.levels, strict=True
    ):
        print(
            f"  {level:8} macro-F1 {figures.macro_f1:.3f}  calibration error "
            f"{figures.calibration_error:.3f}  covered at 95 % {figures.coverage_at_95:.3f}"
        )
    return whole


def main() -> None:
    """Print the tables, and all figures as one line of JSON."""
    with Path(sys.argv[1]).open(encoding="utf-8") as lines:
        rows = [example for _, example in labelled(lines, edition())]
    known = {normalise(row.text) for row in rows}
    corpus = [e for e in seed_corpus() if normalise(e.text) not in known]
    shipped = train(corpus, lexicon())
    by_source = sorted({row.source for row in rows})
    plain = {s: trials(shipped, [r for r in rows if r.source == s]) for s in by_source}
    judged = {}
    for source in by_source:
        others = [trial for other in by_source if other != source for trial in plain[other]]
        model = replace(shipped, calibration=calibrate(others))
        classifier = Classifier(model, remember(()), edition(), source)
        judged[source] = verdicts(classifier, rows, lambda row: row.source, source)
    figures = {"shipped": as_json(table("Corpus and lexicons alone", judged))}
    figures["leave_source_out"] = as_json(
        table("Trained without the source", crossed(rows, lambda row: row.source))
    )
    figures["mixed_folds"] = as_json(
        table(f"{FOLDS} folds whatever the source", crossed(rows, fold))
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
