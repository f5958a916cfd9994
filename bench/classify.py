"""What a verdict costs: one text, bulk, start and memory, beside scikit-learn at its best.

    OMP_NUM_THREADS=1 python bench/classify.py [--model DIR] [--bulk 20000]

scikit-learn gets the same examples and the same character n-grams (TF-IDF, linear machine), with
its weights in Fortran order: as shipped it copies the whole matrix on each call and is thirty
times slower still. It only names a category; ours is the whole verdict: normalised text, rules,
memory, confidence by level, top three, reason, red flags. Both run in this process, turn and turn
about. Two lengths: notes as desks write them, and four notes together (about 40 characters).
The last line is JSON; `ratio` is scikit-learn's median over ours for the same work (text to
category), `verdict_ratio` over the whole verdict, both at 40 characters.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ivr.categories.commands import SEED_MODEL, open_classifier
from ivr.categories.corpus import TEMPLATE, seed_corpus
from ivr.categories.lexicon import lexicon
from ivr.categories.redflags import watch
from ivr.categories.rules import Request
from ivr.categories.text import normalise
from ivr.categories.versions import load

ROUNDS = 5
TEXTS = 1_500
HISTORY = 1_500_000


def resident() -> float:
    """Return the memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 1e6


def timed(one: Callable[[str], object], texts: list[str]) -> list[float]:
    """Return the microseconds of each text."""
    found = []
    for text in texts:
        start = time.perf_counter_ns()
        one(text)
        found.append((time.perf_counter_ns() - start) / 1e3)
    return found


def percentiles(rounds: list[list[float]]) -> dict[str, float]:
    """Return the medians over the rounds of p50 and p99."""
    sorted_rounds = [sorted(found) for found in rounds]
    return {
        name: round(statistics.median(r[int(len(r) * share)] for r in sorted_rounds), 1)
        for name, share in (("p50_us", 0.5), ("p99_us", 0.99))
    }


def theirs() -> Callable[[str], object]:
    """Return scikit-learn's prediction at its best setting, fitted on the same examples."""
    examples = seed_corpus()
    grams = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2)
    matrix = grams.fit_transform([normalise(example.text) for example in examples])
    machine = LinearSVC(C=0.5, tol=0.1).fit(matrix, [example.code for example in examples])
    machine.coef_ = np.asfortranarray(machine.coef_)
    return lambda text: machine.predict(grams.transform([text]))[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path)
    parser.add_argument("--bulk", type=int, default=20_000)
    asked = parser.parse_args()
    open_classifier(asked.model)  # trains the seed model if it is not there yet
    before, start = resident(), time.perf_counter()
    classifier = load(asked.model or SEED_MODEL, lexicon())
    load_ms, memory = (time.perf_counter() - start) * 1e3, resident() - before
    watch()
    notes = [e.text for e in seed_corpus() if e.source != TEMPLATE]
    notes = notes[:: max(1, len(notes) // TEXTS)][:TEXTS]
    long = ["，".join(notes[at : at + 4]) for at in range(len(notes) - 4)]
    other, model = theirs(), classifier.model

    def named(text: str) -> str:
        touched = model.features.touched(normalise(text))
        return model.codes[int(model.scores(touched).argmax())]

    result: dict[str, object] = {"load_ms": round(load_ms), "memory_mb": round(memory)}
    medians = {}
    for name, texts in (("note", notes), ("forty", long)):
        ours_rounds, their_rounds, plain_rounds = [], [], []
        for _ in range(ROUNDS):
            ours_rounds.append(timed(lambda text: classifier.classify(Request(text)), texts))
            plain_rounds.append(timed(named, texts))
            their_rounds.append(timed(other, texts[:300]))
        ours_found, their_found = percentiles(ours_rounds), percentiles(their_rounds)
        plain = percentiles(plain_rounds)
        medians[name] = (ours_found["p50_us"], plain["p50_us"], their_found["p50_us"])
        length = statistics.mean(map(len, texts))
        print(f"{name:6} {length:4.0f} characters  verdict {ours_found}")
        print(f"{'':6} category alone {plain}  scikit-learn {their_found}")
        result[name] = {"verdict": ours_found, "category": plain, "scikit_learn": their_found}
    start, before_cpu = time.perf_counter(), time.process_time()
    for at in range(asked.bulk):
        classifier.classify(Request(notes[at % len(notes)]))
    rate = asked.bulk / (time.perf_counter() - start)
    result["bulk_per_cpu_s"] = round(asked.bulk / (time.process_time() - before_cpu))
    result["bulk_per_s"] = round(rate)
    result["history_minutes"] = round(HISTORY / rate / 60, 1)
    verdict, category, peer = medians["forty"]
    result["ratio"] = round(peer / category, 2)
    result["verdict_ratio"] = round(peer / verdict, 2)
    print(f"bulk {rate:.0f} texts/s: {HISTORY} in {HISTORY / rate / 60:.1f} minutes on one core")
    print(json.dumps(result))
    sys.exit(0)


if __name__ == "__main__":
    main()
