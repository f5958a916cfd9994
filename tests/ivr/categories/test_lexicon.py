from __future__ import annotations

import pytest

from ivr.categories.lexicon import lexicon, parse_lexicon
from ivr.categories.taxonomy import edition
from ivr.categories.text import normalise
from ivr.errors import DefinitionInvalid


def lists_of(term: str) -> set[str]:
    shipped = lexicon()
    return {shipped.lists[at].name for at in shipped.of_term.get(term, ())}


def test_a_term_stands_for_every_list_that_holds_it() -> None:
    assert {"vaccine_rabies"} <= lists_of("狂苗")
    assert {"dept_gastro"} <= lists_of("消化科")
    assert lists_of("没有这个词") == set()


def test_terms_are_in_the_form_that_texts_are_compared_in() -> None:
    made = parse_lexicon(['[a]\nterms = "ＰＭ2.5 HIV 預約"'], edition())
    assert list(made.of_term) == ["pm2 5", "hiv", "预约"]
    assert all(normalise(term) == term for term in lexicon().of_term)


@pytest.mark.parametrize(
    "documents",
    [
        ['[a]\nnode = "Q01"\nterms = "x"'],
        ['[a]\nterms = ""'],
        ['[a]\nterms = "x"', '[a]\nterms = "y"'],
    ],
)
def test_a_list_that_is_empty_repeated_or_filed_nowhere_is_refused(documents: list[str]) -> None:
    with pytest.raises(DefinitionInvalid):
        parse_lexicon(documents, edition())


def test_an_unknown_list_is_named() -> None:
    with pytest.raises(DefinitionInvalid, match="nonsense"):
        lexicon().named("nonsense")
