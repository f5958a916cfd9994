from __future__ import annotations

import pytest

from ivr.categories.classify import Candidate, Verdict
from ivr.categories.evaluation import (
    Judged,
    as_json,
    as_text,
    calibration_error,
    coverage,
    evaluate,
)
from ivr.categories.taxonomy import edition


def said(label: str, guess: str, sure: float = 0.8, code: str = "") -> Judged:
    path = edition().path(guess)
    top = (Candidate(guess, sure), Candidate("T01", 0.1), Candidate("P", 0.1))
    return Judged(label, Verdict(code, guess, path, (sure,) * 4, top, "", not code, (), "m", "t"))


ROWS = [
    said("C02.01.03", "C02.01.03", 0.9, "C02"),
    said("C02.01.03", "C02.01.99", 0.9, "C02.01.99"),
    said("C01.02.01", "C02.01.03", 0.6),
    said("T01", "T01", 0.7),
    said("P", "P", 0.7),
]


def test_a_row_is_judged_only_at_the_levels_that_its_label_reaches() -> None:
    found = evaluate(ROWS, edition())
    assert [level.rows for level in found.levels] == [5, 4, 3, 3]
    assert [level.accuracy for level in found.levels] == pytest.approx([1, 3 / 4, 2 / 3, 1 / 3])
    assert found.deepest == pytest.approx(3 / 5)


def test_macro_f1_counts_each_labelled_category_once() -> None:
    # Level 1: C02 has F1 4/5, C01 0, T01 1.
    assert evaluate(ROWS, edition()).levels[1].macro_f1 == pytest.approx((0.8 + 0 + 1) / 3)


def test_traffic_weighs_a_category_by_the_bulletins_month() -> None:
    # C02 20734 all right, C01 38905 all wrong, T01 3345 all right at level 1.
    wanted = (20734.5 + 3345.5) / (20734.5 + 38905.5 + 3345.5)
    assert evaluate(ROWS, edition()).levels[1].traffic_accuracy == pytest.approx(wanted)


def test_settled_codes_are_right_when_they_lie_above_the_label() -> None:
    found = evaluate(ROWS, edition())
    assert found.settled == pytest.approx(2 / 5)
    assert found.settled_right == pytest.approx(1 / 2)
    assert found.review == pytest.approx(3 / 5)
    assert found.confusions == (("C01", "C02", 1),)
    assert found.top3_level1 == pytest.approx(4 / 5)


def test_coverage_is_the_largest_surest_share_that_reaches_the_target() -> None:
    sure = [(0.9, True)] * 19 + [(0.8, False)] + [(0.5, False)] * 5
    assert coverage(sure) == pytest.approx(20 / 25)
    assert coverage([(0.9, False)]) == 0
    assert coverage([]) == 0


def test_calibration_error_is_the_gap_between_said_and_true() -> None:
    assert calibration_error([(0.75, True)] * 3 + [(0.75, False)]) == pytest.approx(0)
    assert calibration_error([(0.95, False)] * 2) == pytest.approx(0.95)


def test_the_page_and_the_json_hold_every_figure() -> None:
    found = evaluate(ROWS, edition())
    page = as_text(found)
    for wanted in ("5 rows", "macro-F1", "cover@95", "C01    C02", "C02.01.03"):
        assert wanted in page
    assert as_json(found)["levels"]["level 1"]["accuracy"] == pytest.approx(3 / 4)
    with pytest.raises(ValueError, match="at least one row"):
        evaluate([], edition())
