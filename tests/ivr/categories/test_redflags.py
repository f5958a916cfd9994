from __future__ import annotations

import pytest

from ivr.categories.classify import Classifier
from ivr.categories.corpus import TEMPLATE, seed_corpus
from ivr.categories.redflags import parse_red_flags, raised, watch
from ivr.categories.rules import Request
from ivr.categories.taxonomy import edition
from ivr.categories.text import normalise
from ivr.errors import DefinitionInvalid

DANGEROUS = ("J", "C06.08", "C06.01.11", "C06.05.1", "C09")


def names(text: str) -> set[str]:
    return {flag.name for flag in raised(normalise(text))}


def test_of_our_dangerous_calls_at_least_99_in_100_are_flagged(
    flagged_texts: dict[str, list[str]],
) -> None:
    texts = [(name, text) for name, own in flagged_texts.items() for text in own]
    assert len(texts) >= 300
    missed = [
        text
        for _, text in texts
        if not any(flag.forbids_settling for flag in raised(normalise(text)))
    ]
    assert len(missed) <= len(texts) / 100, missed


def test_every_kind_of_danger_is_recognised_as_what_it_is(
    flagged_texts: dict[str, list[str]],
) -> None:
    for name, texts in flagged_texts.items():
        right = sum(name in names(text) for text in texts)
        assert right >= 0.9 * len(texts), name


def test_fewer_than_one_in_ten_ordinary_notes_is_flagged() -> None:
    ordinary = [
        e for e in seed_corpus() if e.source != TEMPLATE and not e.code.startswith(DANGEROUS)
    ]
    flagged = sum(
        any(flag.forbids_settling for flag in raised(normalise(e.text))) for e in ordinary
    )
    assert len(ordinary) > 5000
    assert flagged < len(ordinary) / 10


def test_nothing_flagged_is_ever_settled(
    classifier: Classifier, flagged_texts: dict[str, list[str]]
) -> None:
    for texts in flagged_texts.values():
        for text in texts:
            verdict = classifier.classify(Request(text, service="C"))
            assert verdict.review, text
            assert verdict.code == "", text


def test_an_emergency_sends_to_120_and_does_not_forbid_the_record_to_settle() -> None:
    (urgent,) = (flag for flag in watch().flags if flag.name == "urgent")
    assert "urgent" in names("突然胸痛出冷汗")
    assert not urgent.forbids_settling


def test_the_index_never_hides_what_a_pattern_would_find(
    flagged_texts: dict[str, list[str]],
) -> None:
    own = [text for texts in flagged_texts.values() for text in texts]
    ordinary = [example.text for example in seed_corpus() if example.source != TEMPLATE][::9]
    glued = ["".join(pair) for pair in zip(own, ordinary, strict=False)]
    for text in map(normalise, [*own, *ordinary, *glued]):
        shown = raised(text)
        for flag in watch().flags:
            found = any(expression.search(text) for expression in flag.expressions)
            plain = any(literal in text for literal in flag.literals)
            assert (flag in shown) == (found or plain), (flag.name, text)


@pytest.mark.parametrize(
    "document",
    ['[a]\ntitle = "甲"\npatterns = ["(未"]', '[a]\ntitle = "甲"\nnode = "Q"\npatterns = ["未"]'],
)
def test_a_flag_that_cannot_work_is_refused(document: str) -> None:
    with pytest.raises(DefinitionInvalid):
        parse_red_flags(document, edition())
