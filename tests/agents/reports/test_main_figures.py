"""The main figures, held against a recount in plain Python."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from agents.reports.catalogue import Filters
from agents.reports.kpi import FiguresDisagree
from agents.reports.main_figures import main_figures
from agents.reports.rounding import DASH, Ratio
from agents.reports.sms import FULL, text_message
from tests.agents.reports.test_catalogue import MONTH, ROW, take_calls
from tests.agents.statistics.books import Connection
from tests.agents.statistics.test_counts import file

LONG_AGO = date(2010, 1, 1)
DAYS = replace(MONTH, first=date(2010, 1, 1), last=date(2030, 1, 1))
NAMES = {"C": "咨询", "T": "投诉", "B": "预约挂号"}


async def test_the_main_figures_equal_a_recount_by_hand(connection: Connection) -> None:
    chance = random.Random(3)  # noqa: S311 - a choice of test data
    await take_calls(connection, chance, 60)
    filed: Counter[str] = Counter()
    for row in await connection.fetch("SELECT call_id FROM call ORDER BY call_id"):
        await connection.execute(
            "UPDATE call SET rating_offered = true, rating = $2, direction = $3 WHERE call_id = $1",
            row["call_id"],
            chance.choice([None, 1, 1, 2, 3]),
            chance.choice(["inbound", "inbound", "inbound", "outbound"]),
        )
        code = chance.choice(["C02.01", "C05", "T01", "B01"])
        await file(connection, row["call_id"], ROW._replace(code=code))
        filed[NAMES[code[0]]] += 1
    calls = {
        row["call_id"]: row
        for row in await connection.fetch("SELECT * FROM call")
        if row["final"] and row["disposition"] != "blocked"
    }
    inbound = [row for row in calls.values() if row["direction"] == "inbound"]
    rated = [row["rating"] for row in inbound if row["rating"] is not None]
    visits = [
        row
        for row in await connection.fetch("SELECT * FROM queue_visit WHERE position = 1")
        if row["call_id"] in calls
    ]
    answered = sum(row["outcome"] == "answered" for row in visits)
    short = sum(row["outcome"] == "abandoned" and row["wait_ms"] <= 5_000 for row in visits)
    figures = await main_figures(connection, DAYS)
    assert figures.calls == len(inbound)
    assert (figures.answered, figures.connected) == (
        answered,
        Ratio(answered, len(visits) - short),
    )
    assert (figures.rated, figures.content) == (len(rated), sum(one <= 2 for one in rated))
    assert Counter(dict(figures.services)) == filed


async def test_of_a_unit_there_are_requests_and_no_calls(connection: Connection) -> None:
    chance = random.Random(4)  # noqa: S311 - a choice of test data
    await take_calls(connection, chance, 6)
    for place, row in enumerate(await connection.fetch("SELECT call_id FROM call")):
        await file(connection, row["call_id"], ROW._replace(unit=("self", "other")[place % 2]))
    figures = await main_figures(connection, replace(DAYS, unit="other"))
    assert (figures.calls, dict(figures.services)) == (None, {"咨询": 3})
    text = text_message("某月", figures, FULL, replace(DAYS, unit="other").narrowed).text
    assert text == "12320热线某月（上报单位other）受理3件次：咨询3。"


async def test_of_an_agent_no_share_of_calls_is_answered_by_definition(
    connection: Connection,
) -> None:
    await take_calls(connection, random.Random(5), 40)  # noqa: S311 - a choice of test data
    await connection.execute("UPDATE queue_visit SET agent = NULL WHERE outcome <> 'answered'")
    figures = await main_figures(connection, replace(DAYS, agent="a1001"))
    assert figures.answered > 0
    assert figures.connected.sign() == DASH


async def test_years_are_counted_month_by_month(connection: Connection) -> None:
    steps: list[tuple[int, int]] = []

    async def told(step: int, of: int) -> None:
        steps.append((step, of))

    await main_figures(connection, replace(DAYS, first=LONG_AGO, last=date(2011, 6, 2)), told)
    assert steps == [(month, 18) for month in range(1, 19)]


async def test_calls_that_left_in_no_known_way_fail_the_figures(connection: Connection) -> None:
    await take_calls(connection, random.Random(6), 20)  # noqa: S311 - a choice of test data
    await connection.execute("ALTER TABLE queue_visit DROP CONSTRAINT queue_visit_outcome_check")
    await connection.execute(
        "UPDATE queue_visit SET outcome = 'vanished' WHERE outcome = 'abandoned'"
    )
    with pytest.raises(FiguresDisagree):
        await main_figures(connection, DAYS)


async def test_a_day_without_a_call_is_a_day_of_zeros(connection: Connection) -> None:
    day = datetime(2016, 1, 1, tzinfo=UTC).date()
    figures = await main_figures(connection, Filters(day, day))
    assert (figures.calls, figures.answered, figures.services, figures.rated) == (0, 0, (), 0)
