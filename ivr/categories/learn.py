"""Learning: from the seed corpus and everything that people confirmed, from scratch.

    1. Confirmed rows come first: a corpus text that a person filed elsewhere is dropped.
    2. A held share of them, chosen by a hash of the note, is never learned from or remembered.
    3. Confidence is calibrated on notes of sources that the trial model did not see.
    4. The new model is compared with the one in use on the held share; a worse one is refused
       with both figures and the old one stays.

The same rows and the same program give the same bytes, so a repeated run changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ivr.categories.classify import Classifier
from ivr.categories.corpus import SEED, TEMPLATE, Example, seed_corpus
from ivr.categories.evaluation import LEVEL_NAMES, depth
from ivr.categories.lexicon import lexicon
from ivr.categories.memory import remember
from ivr.categories.model import LEVELS, Model, at_level
from ivr.categories.rules import Request
from ivr.categories.taxonomy import CURRENT
from ivr.categories.text import normalise, telegraphic
from ivr.categories.versions import (
    Stored,
    current,
    lexicon_digest,
    load,
    packed,
    put,
    unpacked,
)
from ivr.errors import DefinitionInvalid

HELD_PER_MILLE: Final = 50
FEWEST_HELD: Final = 20
"""Fewer held notes than this compare nothing; the new model is taken."""
TOLERANCE: Final = 0.01
"""How much lower the mean accuracy over the levels may be: one note in a hundred is chance."""
CALIBRATION_GROUPS: Final = 3
RETRAIN_EVERY: Final = 50
"""New labels from which the nightly run does not wait for the night."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What two models said about the held share: accuracy by level and exact code."""

    held: int
    candidate: tuple[float, ...]
    used: tuple[float, ...]
    """Empty when there was no earlier model, or too few held notes."""

    @property
    def refuses(self) -> bool:
        """Whether the candidate is worse by more than chance."""
        return bool(self.used) and _mean(self.candidate) < _mean(self.used) - TOLERANCE


@dataclass(frozen=True, slots=True)
class Learnt:
    """A model was trained; whether it came into use is said by `taken`."""

    version: str
    before: str | None
    taken: bool
    examples: int
    confirmed: int
    guard: Guard

    def as_text(self) -> str:
        """Return the outcome in lines for an operator."""
        names = (*LEVEL_NAMES, "deepest")
        lines = [
            f"model {self.version}: {self.examples} examples, {self.confirmed} of them confirmed",
            f"held share: {self.guard.held} notes",
        ]
        for title, figures in (("candidate", self.guard.candidate), ("in use", self.guard.used)):
            if figures:
                said = ", ".join(f"{n} {f:.3f}" for n, f in zip(names, figures, strict=True))
                lines.append(f"{title}: {said}")
        before = self.before or "nothing"
        lines.append(
            f"taken, instead of {before}" if self.taken else f"refused as worse, {before} stays"
        )
        return "\n".join(lines)


def held(text: str) -> bool:
    """Whether a note belongs to the share that is never learned from, for ever."""
    digest = hashlib.blake2b(telegraphic(normalise(text)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 1000 < HELD_PER_MILLE


def gathered(confirmed: Iterable[Example]) -> tuple[list[Example], list[Example]]:
    """Return what is learned from and what is held; a person's label beats the corpus's."""
    rows = sorted({example for example in confirmed if example.text.strip()})
    kept = [row for row in rows if not held(row.text)]
    apart = [row for row in rows if held(row.text)]
    known = {normalise(row.text) for row in rows}
    corpus = [example for example in seed_corpus() if normalise(example.text) not in known]
    return [*corpus, *kept], apart


def fit(examples: Sequence[Example], confirmed: Iterable[Example]) -> Stored:
    """Return the packed model of the examples; `confirmed` of them are remembered."""
    # Imported here: scikit-learn takes a second to load and no call needs it.
    from ivr.categories.training import calibrate, groups_of, train, trials  # noqa: PLC0415

    terms = lexicon()
    pool = [example for example in examples if example.source not in {TEMPLATE, SEED}]
    said = []
    for group in groups_of(pool, CALIBRATION_GROUPS):
        rest = [example for example in examples if example.source not in group]
        said += trials(train(rest, terms), [e for e in pool if e.source in group])
    model: Model = replace(train(examples, terms), calibration=calibrate(said))
    memory = remember((example.text, example.code) for example in confirmed)
    return packed(model, memory, CURRENT, lexicon_digest(terms))


def learn(confirmed: Sequence[Example], directory: Path) -> Learnt:
    """Train on the corpus and the confirmed rows; take the model unless it is worse.

    Raises:
        DefinitionInvalid: the model in use cannot be read (one made for another version of the
            program counts as none).
    """
    examples, apart = gathered(confirmed)
    kept = [row for row in {*confirmed} if row.text.strip() and not held(row.text)]
    stored = fit(examples, kept)
    used = _in_use(directory)
    guard = compare(unpacked(stored.files, lexicon(), stored.version), used, apart)
    if not guard.refuses:
        put(directory, stored)
    before = used.version if used else None
    return Learnt(stored.version, before, not guard.refuses, len(examples), len(kept), guard)


def compare(candidate: Classifier, used: Classifier | None, apart: Sequence[Example]) -> Guard:
    """Return what both models say about the held share, text alone."""
    if len(apart) < FEWEST_HELD:
        return Guard(len(apart), (), ())
    return Guard(len(apart), _accuracy(candidate, apart), _accuracy(used, apart) if used else ())


def _in_use(directory: Path) -> Classifier | None:
    if current(directory) is None:
        return None
    try:
        return load(directory, lexicon())
    except DefinitionInvalid:
        return None


def _accuracy(classifier: Classifier, rows: Sequence[Example]) -> tuple[float, ...]:
    guesses = [(row.code, classifier.classify(Request(row.text)).guess) for row in rows]
    figures = []
    for level in range(LEVELS):
        judged = [(a, b) for a, b in guesses if depth(a) >= level]
        right = sum(at_level(a, level) == at_level(b, level) for a, b in judged)
        figures.append(right / len(judged) if judged else 1.0)
    return (*figures, sum(a == b for a, b in guesses) / len(guesses))


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / len(figures)
