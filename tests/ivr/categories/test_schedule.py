from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ivr.categories.schedule import Learning, due

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
"""Twelve o'clock in China."""
THREE_AT_NIGHT = datetime(2026, 11, 19, 19, 0, tzinfo=UTC)


@pytest.mark.parametrize("last", [None, Learning(7, NOON), Learning(7, NOON - timedelta(days=3))])
def test_without_a_new_label_nothing_is_learnt(last: Learning | None) -> None:
    assert not due(NOON, last, 0)


@pytest.mark.parametrize(("labels", "expected"), [(49, False), (50, True), (51, True)])
def test_fifty_labels_do_not_wait_for_the_night(labels: int, *, expected: bool) -> None:
    assert due(NOON, Learning(7, NOON - timedelta(hours=1)), labels) is expected


@pytest.mark.parametrize(
    ("learnt_at", "now", "expected"),
    [
        (THREE_AT_NIGHT - timedelta(seconds=1), THREE_AT_NIGHT, True),
        (THREE_AT_NIGHT - timedelta(hours=1), THREE_AT_NIGHT - timedelta(seconds=1), False),
        (THREE_AT_NIGHT, THREE_AT_NIGHT + timedelta(hours=23, minutes=59), False),
        (THREE_AT_NIGHT, THREE_AT_NIGHT + timedelta(hours=24), True),
        # In the hours when China is a day ahead of the moment's own zone.
        (THREE_AT_NIGHT - timedelta(hours=2), THREE_AT_NIGHT + timedelta(hours=4), True),
    ],
)
def test_one_label_is_learnt_from_after_three_at_night(
    learnt_at: datetime, now: datetime, *, expected: bool
) -> None:
    assert due(now, Learning(7, learnt_at), 1) is expected


def test_the_first_label_of_all_is_learnt_from_at_once() -> None:
    assert due(NOON, None, 1)
