from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.categories.text import LONGEST, normalise, telegraphic


def test_traditional_full_width_and_upper_case_become_one_form() -> None:
    assert normalise("　狂犬病疫苗，接種門診ＨＩＶ？") == normalise("狂犬病疫苗 接种门诊hiv")


def test_long_numbers_are_masked_and_hotlines_stay() -> None:
    assert normalise("回电13812341234，转12315") == "回电0 转12315"
    assert normalise("身高178血压140") == "身高178血压140"


def test_the_words_around_the_matter_are_dropped_for_comparison() -> None:
    assert telegraphic(normalise("请问一下，狂犬疫苗打几针呢？")) == "狂犬疫苗打几针"
    assert telegraphic(normalise("请问")) == "请问"


@given(st.text(max_size=200))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(st.text(min_size=1, max_size=50))
def test_a_text_beyond_the_longest_is_cut_not_refused(text: str) -> None:
    whole = text * (LONGEST // len(text) + 2)
    assert normalise(whole) == normalise(whole[:LONGEST])
