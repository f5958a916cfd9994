from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from agents.reports.catalogue import REPORTS, Filters, calls_behind, run_report
from ivr.errors import DefinitionInvalid
from tests.agents.statistics.books import Connection
from tests.agents.statistics.test_counts import EDITION, Filed, file, make_call, open_books

MONTH = Filters(date(2016, 9, 28), date(2016, 9, 29))
ROW = Filed(datetime(2016, 9, 28, 1, tzinfo=UTC), "self", "C01.02", "phone", "inbound", "open")


@pytest.fixture
async def books(connection: Connection) -> Connection:
    """Two calls: one answered in consult, one abandoned in psych; three requests."""
    await open_books(connection)
    visits = [("consult", "answered", "a1001", 4000), ("psych", "abandoned", None, 9000)]
    for number, (queue, outcome, agent, wait) in enumerate(visits):
        call = await make_call(connection, number)
        await connection.execute(
            """INSERT INTO queue_visit (opened_at, call_id, position, queue, priority, entered_at,
                   wait_ms, outcome, status, agent)
               VALUES (call_opened_at($1), $1, 1, $2, 0, $3, $6, $4, '', $5)""",
            call,
            queue,
            ROW.at,
            outcome,
            agent,
            wait,
        )
        await file(connection, call, ROW)
    late = ROW._replace(at=datetime(2016, 9, 29, 16, tzinfo=UTC), unit="other", code="T01")
    await file(connection, await make_call(connection, 9), late)
    return connection


@pytest.mark.parametrize("name", REPORTS)
async def test_every_report_runs_and_an_empty_span_is_an_empty_report(
    name: str, books: Connection
) -> None:
    report = await run_report(
        books, name, replace(MONTH, first=date(2010, 1, 1), last=date(2010, 1, 1))
    )
    assert report.rows == ()
    assert len(report.headings) >= 4


async def test_calls_are_counted_by_hour_of_our_own_clock(books: Connection) -> None:
    report = await run_report(books, "hour", MONTH)
    assert report.rows == (("09", 2, 1, 1, 4000),)


async def test_filters_leave_only_what_they_name(books: Connection) -> None:
    by_queue = await run_report(books, "queue", replace(MONTH, queue="psych"))
    assert by_queue.rows == (("psych", 1, 0, 1, 0),)
    by_agent = await run_report(books, "agent", MONTH)
    assert by_agent.rows == (("a1001", 1, 1, 0, 4000),)


@pytest.mark.parametrize("name", ["hour", "day", "week", "month", "queue", "agent", "menu-path"])
async def test_numbers_held_back_are_in_no_figure_of_the_service(
    name: str, books: Connection
) -> None:
    await books.execute(
        "UPDATE call SET final = true, disposition = 'answered', ended_at = $1", ROW.at
    )
    before = (await run_report(books, name, MONTH)).rows
    await books.execute("UPDATE call SET disposition = 'blocked' WHERE call_id LIKE '%.0'")
    after = (await run_report(books, name, MONTH)).rows
    for column in (1, 2):  # asked for a person, and spoke with one
        counts = [sum(int(row[column]) for row in rows) for rows in (before, after)]
        assert counts[0] - counts[1] == 1


async def test_a_day_ends_at_our_midnight(books: Connection) -> None:
    assert (await run_report(books, "region", MONTH)).rows == (("self", 2, 0, 0),)
    longer = replace(MONTH, last=date(2016, 9, 30))
    assert (await run_report(books, "region", longer)).rows == (
        ("self", 2, 0, 0),
        ("other", 1, 0, 0),
    )
    found = await run_report(books, "category", longer)
    assert found.rows[0][:2] == (f"{EDITION} C01.02", 2)


async def test_a_figure_opens_into_the_calls_behind_it(books: Connection) -> None:
    found = await calls_behind(books, MONTH, EDITION, "C01")
    assert [row["code"] for row in found] == ["C01.02", "C01.02"]
    assert await calls_behind(books, MONTH, EDITION, "C02") == []
    assert len(await calls_behind(books, MONTH, EDITION, "C")) == 2


async def test_an_unknown_report_is_named(books: Connection) -> None:
    with pytest.raises(DefinitionInvalid, match="weather"):
        await run_report(books, "weather", MONTH)
