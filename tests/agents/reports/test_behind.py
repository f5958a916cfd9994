"""Behind every figure stand as many calls as it says, whatever it was filtered by."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest

from agents.reports.behind import calls_behind
from agents.reports.catalogue import REPORTS, Filters, run_report, surplus_of
from ivr.errors import DefinitionInvalid
from tests.agents.reports.test_catalogue import MONTH, ROW, take_calls
from tests.agents.statistics.books import Connection
from tests.agents.statistics.test_counts import EDITION, file

SPAN = replace(MONTH, last=date(2016, 10, 2))
FILTERS = [
    SPAN,
    replace(SPAN, queue="psych"),
    replace(SPAN, agent="a1001"),
    replace(SPAN, queue="consult", agent="a1002"),
    replace(SPAN, unit="other"),
    replace(SPAN, queue="consult", unit="self"),
    replace(SPAN, first=date(2016, 9, 29), last=date(2016, 9, 29)),
]


@pytest.fixture
async def days(connection: Connection) -> Connection:
    """Sixty calls of three days, most of them with requests; queue and agent on each record."""
    chance = random.Random(7)  # noqa: S311 - a choice of test data
    await take_calls(connection, chance, 60)
    for row in await connection.fetch("SELECT call_id FROM call ORDER BY call_id"):
        await connection.execute(
            "UPDATE call SET queue = $2, agent = $3, menu_path = $4 WHERE call_id = $1",
            row["call_id"],
            chance.choice(["consult", "psych"]),
            chance.choice(["a1001", "a1002", None]),
            chance.choice(["m_main>1", "m_main>0", ""]),
        )
        if chance.random() < 0.8:
            filed = ROW._replace(
                at=ROW.at + timedelta(seconds=chance.randint(0, 3 * 86_400)),
                unit=chance.choice(["self", "other"]),
                code=chance.choice(["C02", "C02.01", "C02.01.01", "T01"]),
            )
            await file(connection, row["call_id"], filed)
    return connection


@pytest.mark.parametrize("name", REPORTS)
async def test_as_many_calls_stand_behind_a_row_as_its_first_figure_says(
    name: str, days: Connection
) -> None:
    seen = 0
    for filters in (one for one in FILTERS if not surplus_of(name, one)):
        report = await run_report(days, name, filters)
        for row in report.rows:
            found = await calls_behind(days, name, filters, str(row[0]))
            assert len(found) == row[1], (filters, row[0])
            assert found == sorted(found, key=lambda one: one.at, reverse=True)
            seen += 1
    assert seen > 0


async def test_the_calls_are_those_that_the_filters_name(days: Connection) -> None:
    """Recount the filing by category from the tables, in plain Python."""
    calls = {
        row["call_id"]: (row["queue"], row["agent"])
        for row in await days.fetch("SELECT call_id, queue, agent FROM call WHERE final")
    }
    requests = await days.fetch("SELECT * FROM request")
    for queue, agent, code in product(("", "psych"), ("", "a1001"), ("C02", "C02.01", "T01")):
        expected = Counter(
            row["call_id"]
            for row in requests
            if row["code"] == code
            and (not queue or calls.get(row["call_id"], ("", ""))[0] == queue)
            and (not agent or calls.get(row["call_id"], ("", ""))[1] == agent)
        )
        filters = replace(SPAN, queue=queue, agent=agent)
        found = await calls_behind(days, "category", filters, f"{EDITION} {code}")
        assert Counter(one.call_id for one in found) == expected
        assert {one.code for one in found} <= {code}


async def test_another_queue_than_the_filter_has_nothing_behind_it(days: Connection) -> None:
    filters = replace(SPAN, queue="psych")
    assert await calls_behind(days, "indicators-day", filters, "2016-09-28 consult") == []


async def test_of_very_many_calls_the_newest_are_given(days: Connection) -> None:
    await days.execute(
        """INSERT INTO queue_visit (opened_at, call_id, position, queue, priority, entered_at,
               wait_ms, outcome, status)
           SELECT opened_at, call_id, 100 + n, 'quit', 0, $1::timestamptz + n * interval '1 second',
               0, 'abandoned', ''
           FROM (SELECT opened_at, call_id FROM call WHERE disposition <> 'blocked' LIMIT 1) AS one,
               generate_series(1, 600) AS n""",
        ROW.at,
    )
    found = await calls_behind(days, "queue", SPAN, "quit")
    assert len(found) == 500
    assert found[0].at == ROW.at + timedelta(seconds=600)


async def test_an_unknown_report_is_named(connection: Connection) -> None:
    with pytest.raises(DefinitionInvalid, match="weather"):
        await calls_behind(connection, "weather", Filters(SPAN.first, SPAN.last), "")
