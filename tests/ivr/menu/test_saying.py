from __future__ import annotations

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.menu.saying import BIGGEST, KINDS, sounds_of_values, spoken

WORDS = sounds_of_values()


def said(kind: str, value: int | str, locale: str) -> str:
    between = "" if locale == "zh" else " "
    return between.join(WORDS[locale][key] for key in spoken(kind, value, locale))


@pytest.mark.parametrize(
    ("kind", "value", "zh", "en"),
    [
        ("count", 0, "零", "zero"),
        ("count", 1, "一", "one"),
        ("count", 2, "两", "two"),
        ("count", 12, "十二", "twelve"),
        ("count", 22, "二十二", "twenty two"),
        ("count", 105, "一百零五", "one hundred and five"),
        ("count", 110, "一百一十", "one hundred and ten"),
        ("count", 1_000, "一千", "one thousand"),
        ("count", 2_040, "二千零四十", "two thousand and forty"),
        ("count", 10**9, said("count", BIGGEST, "zh"), said("count", BIGGEST, "en")),
        ("count", -3, "零", "zero"),
        ("time", 510, "八点三十分", "eight thirty a m"),
        ("time", 485, "八点零五分", "eight oh five a m"),
        ("time", 1_050, "十七点三十分", "five thirty p m"),
        ("time", 120, "两点", "two a m"),
        ("time", 720, "十二点", "twelve p m"),
        ("time", 0, "零点", "midnight"),
        ("time", 1_440, "二十四点", "midnight"),
        ("date", "2026-11-22", "十一月二十二日", "November twenty second"),
        ("date", "2026-02-03", "二月三日", "February third"),
        ("date", "2026-08-12", "八月十二日", "August twelfth"),
        ("date", "2026-05-30", "五月三十日", "May thirtieth"),
        ("digits", "12320", "幺二三二零", "one two three two zero"),
        ("digits", "021-12", "零二幺幺二", "zero two one one two"),
    ],
)
def test_values_are_spoken_as_people_say_them(
    kind: str, value: int | str, zh: str, en: str
) -> None:
    assert said(kind, value, "zh") == zh
    assert said(kind, value, "en") == en


@given(st.integers(3, BIGGEST))
def test_any_count_is_the_chinese_numeral(number: int) -> None:
    assert said("count", number, "zh") == cn2an.an2cn(number)


@given(
    st.sampled_from(sorted(KINDS - {"date"})), st.integers(0, 1_440), st.sampled_from(["zh", "en"])
)
def test_whatever_is_spoken_has_a_sound(kind: str, value: int, locale: str) -> None:
    assert set(spoken(kind, value, locale)) <= set(WORDS[locale])


@given(st.dates(), st.sampled_from(["zh", "en"]))
def test_every_date_has_its_sounds(day: object, locale: str) -> None:
    assert set(spoken("date", str(day), locale)) <= set(WORDS[locale])
