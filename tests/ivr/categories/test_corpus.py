from __future__ import annotations

from collections import defaultdict

import pytest

from ivr.categories.corpus import (
    TEMPLATE,
    dangers,
    expand_templates,
    parse_dangers,
    parse_notes,
    seed_corpus,
)
from ivr.categories.lexicon import lexicon, parse_lexicon
from ivr.categories.taxonomy import edition
from ivr.errors import DefinitionInvalid


def test_every_leaf_that_can_be_filed_under_has_notes_of_its_own() -> None:
    noted = {example.code for example in seed_corpus() if example.source != TEMPLATE}
    taxonomy = edition()
    bare = [c for c in taxonomy.nodes if taxonomy.is_leaf(c) and taxonomy.selectable(c)]
    assert [code for code in bare if code not in noted] == []


def test_one_text_is_filed_in_one_place_by_those_who_wrote_it() -> None:
    codes = defaultdict(set)
    for example in seed_corpus():
        if example.source != TEMPLATE:
            codes[example.text, example.source].add(example.code)
    assert {text: found for text, found in codes.items() if len(found) > 1} == {}


def test_nothing_in_the_corpus_has_an_origin_but_our_own() -> None:
    assert {example.source for example in seed_corpus()} == {"written", "seed", "template"}


def test_a_note_under_an_unknown_code_is_named_with_its_line() -> None:
    with pytest.raises(DefinitionInvalid, match=r"notes\.txt:2.*'Q9'"):
        list(parse_notes("C01.99 化验\nQ9 什么", edition(), "notes.txt"))


def test_a_danger_under_an_unknown_flag_is_named_with_its_line() -> None:
    with pytest.raises(DefinitionInvalid, match=r"dangers\.txt:2.*'sorrow'"):
        list(parse_dangers("report 甲|乙\nsorrow 丙", {"report"}))


def test_nothing_that_the_alarm_is_judged_by_is_learnt_from(
    flagged_texts: dict[str, list[str]], indirect_texts: dict[str, list[str]]
) -> None:
    judged = {t for texts in (flagged_texts, indirect_texts) for own in texts.values() for t in own}
    assert len(dangers()) > 250
    assert judged.isdisjoint(dangers())


def test_templates_choose_the_same_sentences_every_time() -> None:
    document = '[[template]]\nlists = ["drug"]\neach = 2\ntexts = ["{}一", "{}二", "{}三", "{}四"]'
    first = list(expand_templates(document, lexicon(), edition()))
    assert first == list(expand_templates(document, lexicon(), edition()))
    assert len(first) == 2 * len(lexicon().named("drug").terms)


def test_a_fraction_gives_a_sentence_to_that_share_of_the_terms() -> None:
    terms = " ".join(f"词{number}" for number in range(1000))
    made = parse_lexicon([f'[a]\nnode = "C01"\nterms = "{terms}"'], edition())
    document = '[[template]]\nlists = ["a"]\neach = 0.3\ntexts = ["{}吗"]'
    assert 250 < len(list(expand_templates(document, made, edition()))) < 350


def test_a_sentence_without_a_node_is_refused() -> None:
    document = '[[template]]\nlists = ["act_why"]\neach = 1\ntexts = ["{}"]'
    with pytest.raises(DefinitionInvalid, match="act_why"):
        list(expand_templates(document, lexicon(), edition()))
