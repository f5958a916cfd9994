from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest

from ivr.categories.classify import Classifier
from ivr.categories.corpus import TEMPLATE, Example, seed_corpus
from ivr.categories.lexicon import lexicon
from ivr.categories.memory import remember
from ivr.categories.redflags import (
    RedFlag,
    Watch,
    never_automatic,
    parse_red_flags,
    raised,
    watch,
)
from ivr.categories.rules import Request
from ivr.categories.taxonomy import edition
from ivr.categories.text import normalise
from ivr.categories.training import train
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


def test_of_dangers_that_nobody_names_four_in_five_reach_a_person_and_say_why(
    classifier: Classifier, indirect_texts: dict[str, list[str]]
) -> None:
    verdicts = [
        classifier.classify(Request(text)) for texts in indirect_texts.values() for text in texts
    ]
    assert len(verdicts) > 140
    feared = [v for v in verdicts if v.reason.startswith(("红旗", "疑似险情"))]
    assert len(feared) >= 0.8 * len(verdicts)
    assert all(v.review and v.code == "" for v in feared)
    hidden = [v for v in feared if not v.flags]
    assert hidden
    assert all(v.alarming is not None for v in hidden)


def test_fewer_than_one_ordinary_note_in_ten_sounds_like_a_hidden_danger(
    notes: Sequence[Example],
) -> None:
    ordinary = [note for note in notes if not note.code.startswith((*DANGEROUS, "T01"))]
    kept, asked = ordinary[::2], ordinary[1::2]
    dangerous = [note for note in notes if note.code.startswith(DANGEROUS)]
    model = train([*kept, *dangerous], lexicon())
    alarmed = [n for n in asked if model.danger(model.features.touched(normalise(n.text))) > 0]
    assert len(alarmed) < len(asked) / 10, len(alarmed) / len(asked)


def test_a_note_that_a_person_has_filed_is_not_feared_again(
    classifier: Classifier, indirect_texts: dict[str, list[str]]
) -> None:
    text = next(
        text
        for text in indirect_texts["self_harm"]
        if classifier.classify(Request(text)).reason.startswith("疑似险情")
    )
    taught = replace(classifier, memory=remember([(text, "P")]))
    assert "疑似险情" not in taught.classify(Request(text)).reason
    assert "疑似险情" in taught.classify(Request(f"{text}吗，求求你们")).reason


def test_never_automatic_is_what_lies_at_or_below_such_a_node() -> None:
    assert all(map(never_automatic, ("J", "J01", "C06.01.11", "C06.08", "C06.08.01")))
    assert not any(map(never_automatic, ("C06.01", "C06.01.1", "C06", "T01", "P")))


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


class Counted:
    """A compiled pattern that counts how often a text is searched for it."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.searches = 0

    def search(self, text: str) -> re.Match[str] | None:
        self.searches += 1
        return re.search(self.pattern, text)


def test_a_piece_that_a_text_repeats_costs_one_search_of_the_text() -> None:
    counted = Counted("死了.{0,12}赔偿")
    flag = RedFlag("a", "甲", None, (), (cast("re.Pattern[str]", counted),))
    assert not Watch((flag,)).raised("死了" * 2000)
    assert counted.searches <= len({"死了", "赔偿"})


@pytest.mark.parametrize(
    "document",
    ['[a]\ntitle = "甲"\npatterns = ["(未"]', '[a]\ntitle = "甲"\nnode = "Q"\npatterns = ["未"]'],
)
def test_a_flag_that_cannot_work_is_refused(document: str) -> None:
    with pytest.raises(DefinitionInvalid):
        parse_red_flags(document, edition())
