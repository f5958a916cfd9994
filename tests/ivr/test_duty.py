from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ivr.duty import DIALLABLE, MOST_RUNG, Roster, Shift, on_duty
from ivr.hours import SHANGHAI

SHIFT = Shift(datetime(2026, 11, 23, 17, 30), datetime(2026, 11, 24, 8, 30), ("13800000001",))  # noqa: DTZ001 - Chinese time, as written in the file
ROSTER = Roster(("13800000009",), (SHIFT,))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 11, 23, 17, 29, tzinfo=SHANGHAI), ("13800000009",)),
        (datetime(2026, 11, 23, 17, 30, tzinfo=SHANGHAI), ("13800000001", "13800000009")),
        (datetime(2026, 11, 24, 8, 29, tzinfo=SHANGHAI), ("13800000001", "13800000009")),
        (datetime(2026, 11, 24, 8, 30, tzinfo=SHANGHAI), ("13800000009",)),
        (datetime(2026, 11, 23, 9, 30, tzinfo=UTC), ("13800000001", "13800000009")),
    ],
)
def test_the_shift_is_rung_first_and_the_standing_number_always(
    moment: datetime, expected: tuple[str, ...]
) -> None:
    assert on_duty(ROSTER, moment) == expected


def test_nobody_is_rung_twice_and_at_most_three_are() -> None:
    numbers = ("13800000001", "13800000002", "13800000001", "13800000003", "13800000004")
    assert on_duty(Roster(numbers), datetime.now(UTC)) == (*numbers[:2], "13800000003")
    assert MOST_RUNG == 3


def test_an_empty_roster_rings_nobody() -> None:
    assert on_duty(Roster(), datetime.now(UTC)) == ()


@pytest.mark.parametrize("number", ["13800000000", "02583620521", "01082620521", "08712345678"])
def test_mobiles_and_subscribers_can_be_on_duty(number: str) -> None:
    assert DIALLABLE.fullmatch(number)


@pytest.mark.parametrize("number", ["", "120", "0085212345678", "12345678", "1380000000"])
def test_what_the_dialplan_would_refuse_cannot_be_on_duty(number: str) -> None:
    assert not DIALLABLE.fullmatch(number)
