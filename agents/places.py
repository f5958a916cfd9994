"""Where a number is from and whose it is, in Chinese; from the number alone.

A mobile that was ported keeps the carrier of its prefix here: it is a hint for the agent and
decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import phonenumbers

from ivr.callers import national_number

_COUNTRY: Final = "CN"
_LANGUAGE: Final = "zh"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a number tells; empty where it tells nothing."""

    place: str = ""
    carrier: str = ""


def origin_of(number: str) -> Origin:
    """Return place and carrier of a number as it came; of a service or a withheld one nothing."""
    national = national_number(number)
    if not national:
        return Origin()
    try:
        parsed = phonenumbers.parse(national, _COUNTRY)
    except phonenumbers.NumberParseException:
        return Origin()
    if not phonenumbers.is_possible_number(parsed):
        return Origin()
    # The tables of the whole world: two seconds and 200 MB, which a command has no use for.
    from phonenumbers import carrier, geocoder  # noqa: PLC0415 - as said

    return Origin(
        geocoder.description_for_number(parsed, _LANGUAGE),
        carrier.name_for_number(parsed, _LANGUAGE),
    )


def prepare() -> None:
    """Load the tables, which takes a moment, before the first telephone rings."""
    origin_of("13800000000")
    origin_of("01066666666")
