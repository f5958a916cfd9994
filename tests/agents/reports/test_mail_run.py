"""A run as it is read: who may have it mailed, and what it is to report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.reports.mail_run import read_run
from agents.reports.periods import Relative
from agents.reports.saved import Wish

ROW: dict[str, Any] = {
    "run_id": 7,
    "due_at": datetime(2026, 11, 22, tzinfo=UTC),
    "tries": 1,
    "owner": "chief",
    "active": True,
    "role": "supervisor",
    "saved_id": 3,
    "form": "csv",
    "short_text": True,
    "name": "日报",
    "report": "day",
    "period": "yesterday",
    "queue": "psych",
    "agent": "",
    "unit": "",
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [({}, True), ({"active": False}, False), ({"role": "agent"}, False)],
)
def test_who_left_or_may_not_has_nothing_mailed(changed: dict[str, Any], *, expected: bool) -> None:
    assert read_run({**ROW, **changed}, "x").is_allowed is expected


def test_what_is_to_be_reported_is_what_was_kept() -> None:
    assert read_run(ROW, "x").wish == Wish("日报", "day", Relative.YESTERDAY, queue="psych")


def test_a_run_can_be_held_though_nobody_knows_its_span_any_more() -> None:
    run = read_run({**ROW, "period": "past_14_days"}, "x")
    with pytest.raises(ValueError, match="past_14_days"):
        _ = run.wish
