from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from ivr.categories.features import LIST_WEIGHT, fit_features
from ivr.categories.lexicon import lexicon

TEXTS = ["狂犬疫苗几针", "狂犬疫苗多少钱", "乙肝疫苗几针", "预约皮肤科", "约皮肤科专家", "aaab"] * 2
FITTED = fit_features(TEXTS, lexicon())


def test_ngrams_weigh_what_scikit_learn_would_give_them() -> None:
    theirs = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2)
    theirs.fit(TEXTS)
    for text in ("狂犬疫苗约皮肤科几针几针", "aaab", "约"):
        wanted = theirs.transform([text]).toarray()[0]
        touched = FITTED.touched(text)
        found = np.zeros(len(FITTED.names))
        grams = touched.columns < len(FITTED.names)
        found[touched.columns[grams]] = touched.values[grams]
        named = {name: found[at] for at, name in enumerate(FITTED.names)}
        for name, column in theirs.vocabulary_.items():
            assert named[name] == pytest.approx(wanted[column], abs=1e-6)


def test_a_lexicon_hit_is_felt_though_no_training_text_held_the_word() -> None:
    touched = FITTED.touched("阿莫西林")
    lists = {FITTED.lists[c - len(FITTED.names)] for c in touched.columns if c >= len(FITTED.names)}
    assert "drug" in lists
    assert touched.values[-1] == pytest.approx(LIST_WEIGHT / math.sqrt(len(touched.terms)))


def test_a_term_longer_than_an_ngram_is_found_at_the_end_of_a_text() -> None:
    touched = FITTED.touched("我要问新型农村合作医疗")
    assert "新型农村合作医疗" in touched.terms.values()


@given(st.text(max_size=60))
def test_any_text_gives_columns_within_the_space_and_no_repeats(text: str) -> None:
    touched = FITTED.touched(text)
    assert len(set(touched.columns.tolist())) == len(touched.columns) == len(touched.values)
    assert all(0 <= column < FITTED.width for column in touched.columns)
    assert all(FITTED.word(int(c), touched) in text for c in touched.columns)
