from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.hours import SHANGHAI
from ivr.screening import MANY, MEMORY, Block, Level, confirmed, may_judge, remembered

NOW = datetime(2026, 11, 23, 10, tzinfo=SHANGHAI)
DAY = timedelta(days=1)


def after(*moments: datetime) -> list[Block]:
    """Confirm a mark at each of the moments, as supervisors would."""
    blocks: list[Block] = []
    for number, moment in enumerate(moments):
        blocks.append(confirmed(blocks, moments[:number], moment))
    return blocks


def test_the_first_confirmation_warns_for_a_week() -> None:
    (block,) = after(NOW)
    assert (block.level, block.expires_at - NOW) == (Level.WARNED, 7 * DAY)


def test_four_confirmations_still_only_warn() -> None:
    assert {block.level for block in after(*(NOW + n * DAY for n in range(4)))} == {Level.WARNED}


def test_the_fifth_within_seven_days_holds_for_a_day() -> None:
    *_, fifth = after(*(NOW + n * DAY for n in range(5)))
    assert (fifth.level, fifth.expires_at - fifth.begins_at) == (Level.HELD, DAY)


def test_five_that_are_not_within_seven_days_hold_nobody() -> None:
    blocks = after(*(NOW + 2 * n * DAY for n in range(5)))
    assert {block.level for block in blocks} == {Level.WARNED}


@pytest.mark.parametrize("days", [0.5, 1.5, 7.9])
def test_one_more_during_a_hold_or_within_a_week_after_it_bars_for_a_week(days: float) -> None:
    held = Block(Level.HELD, NOW, NOW + DAY)
    at = NOW + days * DAY
    block = confirmed([held], [], at)
    assert (block.level, block.expires_at - at) == (Level.BARRED, 7 * DAY)


def test_a_week_after_its_end_a_level_is_forgotten() -> None:
    held = Block(Level.HELD, NOW, NOW + DAY)
    assert confirmed([held], [], NOW + DAY + MEMORY).level is Level.WARNED


def test_what_was_lifted_is_not_remembered() -> None:
    lifted = Block(Level.BARRED, NOW, NOW + 7 * DAY, lifted_at=NOW + DAY)
    assert remembered([lifted], NOW + 2 * DAY) is Level.FREE


@given(st.lists(st.integers(0, 60 * 24 * 40), max_size=30))
def test_whatever_is_confirmed_every_block_ends_within_a_week(minutes: list[int]) -> None:
    moments = [NOW + timedelta(minutes=minute) for minute in sorted(minutes)]
    blocks = after(*moments)
    for number, block in enumerate(blocks):
        assert timedelta() < block.expires_at - block.begins_at <= 7 * DAY
        if block.level >= Level.HELD:
            assert number + 1 >= MANY


@pytest.mark.parametrize(
    ("marked_by", "judge", "allowed"),
    [
        ("a1001", "zhang", True),
        ("a1001", "a1001", False),
        ("a1001", " A1001 ", False),
        ("a1001", "", False),
    ],
)
def test_who_marks_does_not_judge(marked_by: str, judge: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    assert may_judge(marked_by, judge) is allowed
