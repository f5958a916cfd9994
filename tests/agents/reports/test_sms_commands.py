"""The text message as an operator asks for it."""

from __future__ import annotations

from datetime import date

import pytest
import typer

from agents.reports.sms_commands import days_named
from tests.agents.reports.conftest import Run, told


@pytest.mark.parametrize(
    ("named", "first", "last"),
    [
        (("2026-11-21", "", ""), "2026-11-21", "2026-11-21"),
        (("", "2026-W47", ""), "2026-11-16", "2026-11-22"),
        (("", "2026-W53", ""), "2026-12-28", "2027-01-03"),
        (("", "", "2024-02"), "2024-02-01", "2024-02-29"),
        (("", "", "2026-11..2026-12"), "2026-11-01", "2026-12-31"),
    ],
)
def test_a_span_is_named_in_one_way(named: tuple[str, str, str], first: str, last: str) -> None:
    assert days_named(*named) == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    "named",
    [
        ("", "", ""),
        ("2026-11-21", "2026-W47", ""),
        ("2026-11-31", "", ""),
        ("", "2025-W53", ""),
        ("", "47", ""),
        ("", "", "2026-13"),
    ],
)
def test_what_names_no_span_is_refused(named: tuple[str, str, str]) -> None:
    with pytest.raises(typer.BadParameter):
        days_named(*named)


async def test_a_month_is_said_on_the_terminal(agents: Run) -> None:
    said = await told(agents, "short-text", "--month", "2024-02")
    assert said.startswith("12320热线2024年2月来电0，接通0，受理0件次。")
