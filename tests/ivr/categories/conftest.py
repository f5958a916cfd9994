from __future__ import annotations

from pathlib import Path

import pytest

from ivr.categories.classify import Classifier
from ivr.categories.corpus import TEMPLATE, Example, seed_corpus
from ivr.categories.learn import fit
from ivr.categories.lexicon import lexicon
from ivr.categories.versions import Stored, unpacked

MATTERS = ("C02.01", "C06.01", "C06.08", "B01.06", "B02", "B03", "T01", "J01", "O", "P", "X")


@pytest.fixture(scope="session")
def notes() -> tuple[Example, ...]:
    """A corner of the seed corpus that trains in a second."""
    return tuple(
        example
        for example in seed_corpus()
        if example.source != TEMPLATE and example.code.startswith(MATTERS)
    )


@pytest.fixture(scope="session")
def stored(notes: tuple[Example, ...]) -> Stored:
    return fit(notes, [note for note in notes if note.source == "written"])


@pytest.fixture(scope="session")
def classifier(stored: Stored) -> Classifier:
    return unpacked(stored.files, lexicon(), stored.version)


@pytest.fixture(scope="session")
def flagged_texts() -> dict[str, list[str]]:
    """Our own dangerous calls, by flag: what `redflags.toml` is judged by."""
    return texts_by_flag("redflags.txt")


@pytest.fixture(scope="session")
def indirect_texts() -> dict[str, list[str]]:
    """Dangers that nobody names, by flag; no pattern or note was written after one of them."""
    return texts_by_flag("indirect.txt")


def texts_by_flag(name: str) -> dict[str, list[str]]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return {flag: texts.split("|") for flag, _, texts in (line.partition(" ") for line in lines)}
