from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.categories.classify import Classifier
from ivr.categories.model import Belief, Calibration, at_level


def test_a_level_is_the_ancestor_or_the_code_itself() -> None:
    assert [at_level("C02.01.01.01", level) for level in range(4)] == [
        "C", "C02", "C02.01", "C02.01.01",
    ]  # fmt: skip
    assert [at_level("P", level) for level in range(4)] == ["P"] * 4


def test_a_span_holds_exactly_the_codes_at_and_below_a_node(classifier: Classifier) -> None:
    model = classifier.model
    for node in ("C", "C02", "C02.01", "C02.01.01", "T", "O", "Q"):
        low, high = model.span(node)
        inside = [c for c in model.codes if c == node or c.startswith(node + "." * (len(node) > 1))]
        assert list(model.codes[low:high]) == inside


def test_every_matter_is_offered_once_by_its_likeliest_category(classifier: Classifier) -> None:
    model = replace(
        classifier.model,
        codes=("C", "C01", "C01.01", "C02.01", "C02.02", "P"),
        weights=np.zeros((1, 6), np.float32),
    )
    belief = Belief(np.array([1, 2, 4, 3, 3.5, 0], np.float32), 1.0)
    assert model.matters(belief, 9) == [2, 4, 0, 5]
    assert model.matters(belief, 2) == [2, 4]


@given(st.text(max_size=40))
def test_confidence_never_rises_with_depth(classifier: Classifier, text: str) -> None:
    model = classifier.model
    belief = Belief(model.scores(model.features.touched(text)))
    levels = model.levels(int(belief.each.argmax()), belief, len(text))
    assert all(0 <= value <= 1 for value in levels)
    assert list(levels) == sorted(levels, reverse=True)


@given(st.floats(0, 1), st.floats(0, 1))
def test_calibration_keeps_the_order_of_probabilities(one: float, other: float) -> None:
    calibration = Calibration((0.5,) * 4, (0.3,) * 4, (-0.2,) * 4)
    low, high = sorted((one, other))
    assert calibration.confidence(0, low, 9) <= calibration.confidence(0, high, 9)


def test_the_words_that_led_to_a_category_are_in_the_text(classifier: Classifier) -> None:
    model = classifier.model
    text = "预约皮肤科专家"
    at = model.codes.index("B01.06")
    touched = model.features.touched(text)
    words = model.reasons(touched, model.rows(touched), at)
    assert any("皮肤科" in word for word in words)
    assert all(word in text for word in words)


@given(st.lists(st.floats(-30, 30, width=32), min_size=4, max_size=60))
def test_a_belief_adds_up_slices_as_a_plain_sum_does(scores: list[float]) -> None:
    belief = Belief(np.array(scores, np.float32), 1.0)
    odds = [math.exp(score - max(scores)) for score in scores]
    each = [one / math.fsum(odds) for one in odds]
    for low in range(len(each)):
        for high in range(low + 1, len(each) + 1):
            assert belief.within((low, high)) == pytest.approx(
                sum(each[low:high]), rel=1e-5, abs=1e-9
            )
            likeliest = scores[belief.likeliest_within((low, high))]
            assert likeliest == pytest.approx(max(scores[low:high]), abs=1e-5)


def test_a_belief_is_safe_from_large_scores() -> None:
    belief = Belief(np.array([1000.0, 1000.0, -1000.0], np.float32))
    assert belief.within((0, 1)) == belief.within((1, 2)) == 0.5
    assert belief.within((2, 3)) == 0
