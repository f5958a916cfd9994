"""A simulated year of a desk that confirms what the classifier was not sure of.

    OMP_NUM_THREADS=1 python bench/classify_replay.py ROWS.jsonl docs/classification-year.svg

Requests are drawn in the shares of October 2016 (what no row stands for is left out). The matter
repeats as in life: notes follow a Zipf law within their category, and a repeat is typed anew,
with words around the matter or without. Each month's requests are judged before they are learned
from; of those under review the people confirm all, of the settled ones one in twenty. The model
begins with the shipped corpus without the part that the rows repeat, and is trained anew each
month. Printed and drawn: accuracy at level 1 and share under review.
"""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ivr.categories.classify import Classifier
from ivr.categories.corpus import Example, seed_corpus
from ivr.categories.lexicon import lexicon
from ivr.categories.memory import remember
from ivr.categories.model import Calibration, at_level
from ivr.categories.rows import labelled
from ivr.categories.rules import Request
from ivr.categories.taxonomy import Taxonomy, edition
from ivr.categories.text import normalise
from ivr.categories.training import calibrate, train, trials

MONTHS = 12
A_MONTH = 1_000
SPOT_CHECKS = 0.05
BEFORE = ("", "", "", "咨询", "来电人问", "请问", "市民")
AFTER = ("", "", "", "吗", "怎么办", "，已解释", "呢")


def drawn(rows: list[Example], count: int, dice: random.Random) -> list[Example]:
    """Return requests in the month's shares."""
    by_code: dict[str, list[str]] = {}
    for row in rows:
        by_code.setdefault(row.code, []).append(row.text)
    codes = sorted(by_code)
    weights = [printed(edition(), code) for code in codes]
    found = []
    for code in dice.choices(codes, weights, k=count):
        texts = by_code[code]
        (text,) = dice.choices(texts, [1 / (at + 1) for at in range(len(texts))])
        found.append(Example(dice.choice(BEFORE) + text + dice.choice(AFTER), code, "desk"))
    return found


def printed(taxonomy: Taxonomy, code: str) -> float:
    """Return the October count of a code without its children; a little for the unprinted."""
    node = taxonomy.node(code)
    own = node.printed_count or node.estimated_count or 0
    below = sum(c.printed_count or c.estimated_count or 0 for c in taxonomy.children(code))
    return max(own - below, 0) + 1.0


def trained(
    confirmed: list[Example], known: set[str], calibration: Calibration | None
) -> Classifier:
    """Return the classifier of the corpus without the rows, and what was confirmed.

    Without a calibration it is fitted on an eighth of our own notes, left out for that once.
    """
    corpus = [e for e in seed_corpus() if normalise(e.text) not in known]
    if calibration is None:
        eighth = [e for e in corpus if e.source == "seed"][::8]
        rest = train(sorted(set(corpus) - set(eighth)), lexicon())
        calibration = calibrate(trials(rest, eighth))
    model = replace(train([*corpus, *confirmed], lexicon()), calibration=calibration)
    memory = remember((example.text, example.code) for example in confirmed)
    return Classifier(model, memory, edition(), str(len(confirmed)))


def main() -> None:
    """Play the year and draw it."""
    with Path(sys.argv[1]).open(encoding="utf-8") as lines:
        rows = [example for _, example in labelled(lines, edition())]
    known = {normalise(row.text) for row in rows}
    dice = random.Random(12320)  # noqa: S311 - a simulation, repeatable on purpose
    dice.shuffle(rows)
    confirmed: list[Example] = []
    accuracy, review = [], []
    calibration: Calibration | None = None
    for month in range(1, MONTHS + 1):
        classifier = trained(confirmed, known, calibration)
        calibration = classifier.model.calibration
        requests = drawn(rows, A_MONTH, dice)
        verdicts = [classifier.classify(Request(r.text, direction="in" if r.code[0] != "O" else
                    "out")) for r in requests]  # fmt: skip
        right = [at_level(v.guess, 1) == at_level(r.code, 1)
                 for v, r in zip(verdicts, requests, strict=True)]  # fmt: skip
        accuracy.append(sum(right) / len(right))
        review.append(sum(v.review for v in verdicts) / len(verdicts))
        for verdict, request in zip(verdicts, requests, strict=True):
            if verdict.review or dice.random() < SPOT_CHECKS:
                confirmed.append(request)
        print(f"month {month:2}  level 1 {accuracy[-1]:.3f}  review {review[-1]:.3f}  "
              f"confirmed {len(confirmed)}", flush=True)  # fmt: skip
    Path(sys.argv[2]).write_text(drawing(accuracy, review), encoding="utf-8")
    print(json.dumps({"accuracy": accuracy, "review": review}))


def drawing(accuracy: list[float], review: list[float]) -> str:
    """Return both curves as a small SVG."""

    def line(values: list[float], colour: str, name: str) -> str:
        points = [(50 + 40 * at, 210 - 180 * value) for at, value in enumerate(values)]
        path = " ".join(f"{x},{y:.1f}" for x, y in points)
        x, y = points[-1]
        return (
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{x + 6}" y="{y + 4:.1f}" fill="{colour}">{name} {values[-1]:.0%}</text>'
        )

    grid = "".join(
        f'<line x1="50" x2="490" y1="{210 - 180 * v:.0f}" y2="{210 - 180 * v:.0f}" '
        f'stroke="#ddd"/><text x="8" y="{214 - 180 * v:.0f}">{v:.0%}</text>'
        for v in (0, 0.25, 0.5, 0.75, 1)
    )
    months = "".join(
        f'<text x="{46 + 40 * at}" y="230">{at + 1}</text>' for at in range(len(accuracy))
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 240" font-family="sans-serif" '
        f'font-size="12">{grid}{months}{line(accuracy, "#1a7f37", "level 1 right")}'
        f"{line(review, '#b35900', 'to review')}</svg>\n"
    )


if __name__ == "__main__":
    main()
