from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.rounding import DASH, Growth, Ratio, points, rounded, ten_thousands


@pytest.mark.parametrize(
    ("numerator", "denominator", "printed"),
    [
        (17, 400, "4.3"),
        (1, 16, "6.3"),
        (9, 400, "2.3"),
        (55, 113083, "0.0"),
        (442, 264478, "0.2"),
        (104, 235, "44.3"),
        (5, 0, DASH),
    ],
)
def test_a_share_is_rounded_half_up_as_in_o_1(
    numerator: int, denominator: int, printed: str
) -> None:
    assert Ratio(numerator, denominator).printed() == printed


def test_binary_floating_point_would_print_o_1_wrong() -> None:
    assert f"{100 * 17 / 400:.1f}" == "4.2"


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 4))
def test_a_printed_share_is_the_nearest_decimal_with_halves_away_from_zero(
    numerator: int, denominator: int, places: int
) -> None:
    percent = Ratio(numerator, denominator).percent(places)
    assert percent is not None
    distance = Fraction(100 * numerator, denominator) - Fraction(percent)
    half = Fraction(1, 2 * 10**places)
    assert -half <= distance < half


def test_growth_is_computed_from_counts_and_worded_by_its_sign() -> None:
    assert Growth(221472, 150160).words() == "增长47.49%"
    assert Growth(105638, 115834).words() == "下降8.80%"
    assert Growth(7, 7).words() == "持平"
    assert Growth(7, 0).words() == DASH


def test_a_multiple_is_a_quotient_and_no_growth() -> None:
    assert Growth(123, 10).multiple() == "12.3"
    assert Growth(5, 0).multiple() == DASH


def test_rates_differ_in_points() -> None:
    assert points(Decimal("18.1"), Decimal("67.5")) == "提高了49.4个百分点"
    assert points(Decimal("15.5"), Decimal("68.7")) == "提高了53.2个百分点"
    assert points(Decimal("68.7"), Decimal("15.5")) == "下降了53.2个百分点"
    assert points(Decimal(3), Decimal(3)) == "持平"


def test_a_rounded_zero_has_no_sign() -> None:
    assert str(rounded(Decimal("-0.004"), 2)) == "0.00"
    assert ten_thousands(1_290_000, 0) == "129万"
    assert ten_thousands(985_900) == "98.6万"
