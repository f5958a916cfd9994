"""Values spoken inside a prompt, as rows of small sounds: numbers, times, dates, digits. Pure.

Every sound has a key and a text in each locale; `ivr.menu.speak` makes their audio with the
prompts'. So a position in the queue or an hour is spoken without any synthesis during a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

import cn2an

Value = int | str

BIGGEST: Final = 9_999
"""A larger count is spoken as this; no queue and no wait is longer."""

_HUNDRED: Final = 100
_THOUSAND: Final = 1_000
_HOUR: Final = 60
_NOON: Final = 12
_DAY: Final = 24


def _en_cardinal(number: int) -> str:
    if number < len(_EN_SMALL):
        return _EN_SMALL[number]
    tens, ones = divmod(number, 10)
    return _EN_TENS[tens - 2] + (f" {_EN_SMALL[ones]}" if ones else "")


_EN_SMALL: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_EN_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_EN_IRREGULAR: Final = MappingProxyType(
    {1: "first", 2: "second", 3: "third", 5: "fifth", 8: "eighth", 9: "ninth", 12: "twelfth"}
)
_EN_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)


def _en_ordinal(number: int) -> str:
    if number in _EN_IRREGULAR:
        return _EN_IRREGULAR[number]
    if number > 20 and number % 10:  # noqa: PLR2004 - twenty-first, not twenty-th
        return f"{_en_cardinal(number - number % 10)} {_en_ordinal(number % 10)}"
    word = _en_cardinal(number)
    return f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th"


def sounds_of_values() -> Mapping[str, Mapping[str, str]]:
    """List the small sounds and their texts, by locale and key."""
    numbers = range(_HUNDRED)
    zh = {f"n_{n}": str(cn2an.an2cn(n)) for n in numbers}
    zh |= {"n_liang": "两", "n_yao": "幺", "n_hundred": "百", "n_thousand": "千"}
    zh |= {"u_oclock": "点", "u_minute": "分", "u_month": "月", "u_day": "日"}
    en = {f"n_{n}": _en_cardinal(n) for n in numbers}
    en |= {f"o_{n}": _en_ordinal(n) for n in range(1, 32)}
    en |= {f"mo_{n}": month for n, month in enumerate(_EN_MONTHS, start=1)}
    en |= {"n_hundred": "hundred", "n_thousand": "thousand", "n_and": "and", "n_oh": "oh"}
    en |= {"u_am": "a m", "u_pm": "p m", "u_midnight": "midnight"}
    return MappingProxyType({"zh": zh, "en": en})


def spoken(kind: str, value: Value, locale: str) -> tuple[str, ...]:
    """Give the keys of the sounds that speak a value.

    `count` and `time` take integers (a time is minutes after midnight, 0 to 1440), `date` an
    ISO date, `digits` a text of which only the digits are spoken.
    """
    return tuple(_READERS[kind, locale](value))


def _zh_number(number: int) -> list[str]:
    """Speak 0 to 9999, with 一 before 十 inside larger numbers and 零 for a gap."""
    if number < _HUNDRED:
        return [f"n_{number}"]
    thousands, below = divmod(number, _THOUSAND)
    hundreds, rest = divmod(below, _HUNDRED)
    sounds = [f"n_{thousands}", "n_thousand"] if thousands else []
    if hundreds:
        sounds += [f"n_{hundreds}", "n_hundred"]
    elif rest:
        sounds += ["n_0"]
    if rest and hundreds and rest < 10:  # noqa: PLR2004 - the tens are the gap
        sounds += ["n_0"]
    if 10 <= rest < 20:  # noqa: PLR2004 - 十 alone is only said at the front
        sounds += ["n_1"]
    return sounds + ([f"n_{rest}"] if rest else [])


def _zh_count(value: Value) -> list[str]:
    number = _bounded(value)
    return ["n_liang"] if number == 2 else _zh_number(number)  # noqa: PLR2004 - 两 before a measure


def _zh_time(value: Value) -> list[str]:
    hour, minute = divmod(_bounded(value), _HOUR)
    sounds = ["n_liang" if hour == 2 else f"n_{hour}", "u_oclock"]  # noqa: PLR2004 - 两点
    if not minute:
        return sounds
    gap = ["n_0"] if minute < 10 else []  # noqa: PLR2004 - 八点零五分
    return [*sounds, *gap, f"n_{minute}", "u_minute"]


def _zh_date(value: Value) -> list[str]:
    day = date.fromisoformat(str(value))
    return [f"n_{day.month}", "u_month", f"n_{day.day}", "u_day"]


def _zh_digits(value: Value) -> list[str]:
    """Say 1 as 幺, as everybody does on the telephone, so that it is not taken for 七."""
    return ["n_yao" if digit == "1" else f"n_{digit}" for digit in _digits(value)]


def _en_count(value: Value) -> list[str]:
    number = _bounded(value)
    if number < _HUNDRED:
        return [f"n_{number}"]
    thousands, below = divmod(number, _THOUSAND)
    hundreds, rest = divmod(below, _HUNDRED)
    sounds = [f"n_{thousands}", "n_thousand"] if thousands else []
    sounds += [f"n_{hundreds}", "n_hundred"] if hundreds else []
    return sounds + (["n_and", f"n_{rest}"] if rest else [])


def _en_time(value: Value) -> list[str]:
    hour, minute = divmod(_bounded(value), _HOUR)
    if not minute and hour % _DAY == 0:
        return ["u_midnight"]
    gap = ["n_oh"] if 0 < minute < 10 else []  # noqa: PLR2004 - eight oh five
    half = "u_am" if hour % _DAY < _NOON else "u_pm"
    return [f"n_{hour % _NOON or _NOON}", *gap, *([f"n_{minute}"] if minute else []), half]


def _en_date(value: Value) -> list[str]:
    day = date.fromisoformat(str(value))
    return [f"mo_{day.month}", f"o_{day.day}"]


def _en_digits(value: Value) -> list[str]:
    return [f"n_{digit}" for digit in _digits(value)]


def _bounded(value: Value) -> int:
    return min(max(int(value), 0), BIGGEST)


def _digits(value: Value) -> str:
    return "".join(sign for sign in str(value) if sign in "0123456789")


_READERS: Final[Mapping[tuple[str, str], Callable[[Value], list[str]]]] = MappingProxyType(
    {
        ("count", "zh"): _zh_count,
        ("time", "zh"): _zh_time,
        ("date", "zh"): _zh_date,
        ("digits", "zh"): _zh_digits,
        ("count", "en"): _en_count,
        ("time", "en"): _en_time,
        ("date", "en"): _en_date,
        ("digits", "en"): _en_digits,
    }
)
KINDS: Final = frozenset(kind for kind, _ in _READERS)
