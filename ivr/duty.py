"""Who is on call: which telephones ring for a queue at this moment. Pure.

A roster is a list of shifts, and numbers that are rung besides, so that a night which nobody
entered is not a night in which nobody is reached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

_CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")

DIALLABLE: Final = re.compile(r"1[3-9][0-9]{9}|0(?:10|2[0-9]|[3-9][0-9]{2})[2-8][0-9]{6,7}")
"""A mobile, or a subscriber with the area code: what the dialplan lets through."""

MOST_RUNG: Final = 3
"""One after the other; a caller with an emergency does not wait for a fourth."""


@dataclass(frozen=True, slots=True)
class Shift:
    """From `begins` to before `ends`, in Chinese time, these are rung."""

    begins: datetime
    ends: datetime
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is on call for one queue."""

    numbers: tuple[str, ...] = ()
    """Rung after those of the shift, or where no shift is entered."""
    shifts: tuple[Shift, ...] = ()


def on_duty(roster: Roster, moment: datetime) -> tuple[str, ...]:
    """Give the numbers to ring, in their order, each once; `moment` knows its time zone."""
    local = moment.astimezone(_CHINA).replace(tzinfo=None)
    rung = [
        number
        for shift in roster.shifts
        if shift.begins <= local < shift.ends
        for number in shift.numbers
    ]
    return tuple(dict.fromkeys([*rung, *roster.numbers]))[:MOST_RUNG]
