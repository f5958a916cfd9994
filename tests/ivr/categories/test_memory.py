from __future__ import annotations

from ivr.categories.memory import NEAR, remember
from ivr.categories.text import normalise

CONFIRMED = [("咨询狂犬疫苗打几针", "C02.01.01.01"), ("预约皮肤科专家门诊", "B01.06")]


def test_an_exact_note_is_recalled_through_the_words_around_it() -> None:
    recall = remember(CONFIRMED).recall(normalise("请问，狂犬疫苗打几针呢？"))
    assert recall is not None
    assert (recall.code, recall.likeness, recall.note) == ("C02.01.01.01", 1.0, "狂犬疫苗打几针")


def test_a_near_note_is_recalled_and_says_how_near() -> None:
    recall = remember(CONFIRMED).recall(normalise("预约皮肤科的专家门诊号"))
    assert recall is not None
    assert recall.code == "B01.06"
    assert NEAR <= recall.likeness < 1


def test_a_note_about_something_else_is_not_recalled() -> None:
    assert remember(CONFIRMED).recall(normalise("预约眼科")) is None
    assert remember(()).recall("狂犬疫苗打几针") is None


def test_of_contradicting_confirmations_the_frequent_one_stands_with_less_weight() -> None:
    disputed = remember([("退号", "B03"), ("退号", "B03"), ("退号", "B99")]).recall("退号")
    agreed = remember([("退号", "B03")] * 3).recall("退号")
    assert disputed is not None
    assert agreed is not None
    assert disputed.code == agreed.code == "B03"
    assert disputed.agreement < agreed.agreement < 1


def test_pairs_that_every_note_shares_are_not_walked() -> None:
    many = remember((f"预约{number}号", "B01") for number in range(100))
    assert "预约" not in many.pairs
