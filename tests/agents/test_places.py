"""Place and carrier, in Chinese, of whatever number comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.places import Origin, origin_of


@pytest.mark.parametrize(
    ("number", "place", "carrier"),
    [
        ("13812341234", "江苏省连云港市", "中国移动"),
        ("+8613812341234", "江苏省连云港市", "中国移动"),
        ("01083150875", "北京市", ""),
        ("02583620521", "江苏省南京市", ""),
    ],
)
def test_a_number_tells_where_it_is_from(number: str, place: str, carrier: str) -> None:
    origin = origin_of(number)
    assert origin.place in place
    assert origin.place
    assert origin.carrier == carrier


@pytest.mark.parametrize("number", ["", "12320", "110", "anonymous", "0" * 20])
def test_what_is_no_persons_number_tells_nothing(number: str) -> None:
    assert origin_of(number) == Origin()


@given(st.text("0123456789+*#", max_size=24))
def test_no_number_breaks_it(number: str) -> None:
    assert isinstance(origin_of(number), Origin)
