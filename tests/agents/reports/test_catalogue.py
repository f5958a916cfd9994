from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from agents.reports.catalogue import REPORTS, Filters, run_report
from agents.reports.indicators import ALL_QUEUES, HEADINGS
from ivr.errors import DefinitionInvalid
from tests.agents.statistics.books import Connection
from tests.agents.statistics.test_counts import (
    EDITION,
    SHANGHAI,
    Filed,
    file,
    make_call,
    open_books,
)

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
    assert by_queue.about == "2016-09-28至2016-09-29，队列 psych"
    by_agent = await run_report(books, "agent", MONTH)
    assert by_agent.rows == (("a1001", 1, 1, 0, 4000),)
    assert by_agent.about == "2016-09-28至2016-09-29"


@pytest.mark.parametrize(
    "name", [name for name, one in REPORTS.items() if "unit" not in one.filters]
)
async def test_what_is_not_counted_by_unit_is_not_said_to_be_nothing(
    name: str, books: Connection
) -> None:
    with pytest.raises(DefinitionInvalid, match="narrowed by queue, agent; came unit"):
        await run_report(books, name, replace(MONTH, unit="self"))


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


async def test_an_unknown_report_is_named(books: Connection) -> None:
    with pytest.raises(DefinitionInvalid, match="weather"):
        await run_report(books, "weather", MONTH)


_ENDS = [
    ("answered", "answered"),
    ("abandoned", "abandoned_in_queue"),
    ("overflow", "callback_booked"),
    ("overflow", "voicemail"),
    ("lost", "engine_lost"),
    ("answered", "blocked"),
    ("waiting", None),
]


async def take_calls(connection: Connection, chance: random.Random, count: int) -> None:
    """Calls of three days that asked for a person, in one queue or two, with two agents' legs."""
    await open_books(connection)
    for number in range(count):
        call = await make_call(connection, number)
        outcome, disposition = chance.choice(_ENDS)
        entered = ROW.at + timedelta(seconds=chance.randint(0, 3 * 86_400))
        await connection.execute(
            "UPDATE call SET final = $2::text IS NOT NULL, disposition = $2, "
            "ended_at = CASE WHEN $2::text IS NOT NULL THEN started_at END WHERE call_id = $1",
            call,
            disposition,
        )
        for position in range(1, chance.randint(2, 3)):
            await connection.execute(
                """INSERT INTO queue_visit (opened_at, call_id, position, queue, priority,
                       entered_at, wait_ms, outcome, status, agent)
                   VALUES (call_opened_at($1), $1, $2, $3, 0, $4, $5, $6, '', 'a1001')""",
                call,
                position,
                chance.choice(["consult", "psych"]),
                entered + timedelta(seconds=position),
                chance.choice([0, 4_999, 5_000, 5_001, 15_000, 15_001, chance.randint(0, 90_000)]),
                outcome if position == 1 else "answered",
            )
        for position, kind in enumerate(("trunk", "agent", "agent")):
            await connection.execute(
                """INSERT INTO leg (opened_at, call_id, position, channel, kind, started_at,
                       ring_ms, talk_ms, hold_ms, wrap_up_ms)
                   VALUES (call_opened_at($1), $1, $2, '', $3, $4, 0, $5, $6, $7)""",
                call,
                position,
                kind,
                entered,
                *(chance.randint(0, 200_000) for _ in range(3)),
            )


async def indicators_by_hand(connection: Connection) -> dict[str, list[Any]]:
    """Recount the populations, shares and means from the tables, in plain Python."""
    calls = {row["call_id"]: row for row in await connection.fetch("SELECT * FROM call")}
    legs: defaultdict[str, list[Any]] = defaultdict(list)
    for leg in await connection.fetch("SELECT * FROM leg WHERE kind = 'agent'"):
        legs[leg["call_id"]].append(leg)
    groups: defaultdict[str, list[Any]] = defaultdict(list)
    for visit in await connection.fetch("SELECT * FROM queue_visit WHERE position = 1"):
        call = calls[visit["call_id"]]
        if call["disposition"] in {None, "blocked"}:
            continue
        day = visit["entered_at"].astimezone(SHANGHAI).date()
        for queue in (visit["queue"], ALL_QUEUES):
            groups[f"{day} {queue}"].append((visit, call, legs[call["call_id"]]))
    return {key: _by_hand(group) for key, group in groups.items()}


def _by_hand(group: list[Any]) -> list[Any]:
    answered = [one for one in group if one[0]["outcome"] == "answered"]
    gave_up = [one[0]["wait_ms"] for one in group if one[0]["outcome"] == "abandoned"]
    booked = sum(one[1]["disposition"] == "callback_booked" for one in group)
    short = sum(wait <= 5_000 for wait in gave_up)
    net = len(group) - short
    flowed = len(group) - len(answered) - len(gave_up) - booked
    handled = sum(
        min(sum(leg["wrap_up_ms"] for leg in legs), 180_000)
        + sum(leg["talk_ms"] + leg["hold_ms"] for leg in legs)
        for _, _, legs in answered
    )
    quick = sum(visit["wait_ms"] <= 15_000 for visit, _, _ in answered)
    counts = [len(group), len(answered), len(gave_up), short, flowed, booked]
    shares = [_half_up(100 * part, net, 1) for part in (len(answered), quick)]
    return [*counts, *shares, _half_up(handled, 1_000 * len(answered), 2)]


def _half_up(numerator: int, denominator: int, places: int) -> str:
    if denominator == 0:
        return "—"
    scaled = int(Fraction(numerator * 10**places, denominator) + Fraction(1, 2))
    whole, rest = divmod(scaled, 10**places)
    return f"{whole}.{rest:0{places}}"


@pytest.mark.parametrize("seed", range(3))
async def test_indicators_equal_a_recount_by_hand_for_each_queue_and_day(
    seed: int, connection: Connection
) -> None:
    await take_calls(connection, random.Random(seed), 60)  # noqa: S311 - a choice of test data
    report = await run_report(connection, "indicators-day", replace(MONTH, last=date(2016, 10, 2)))
    columns = [*range(1, 9), HEADINGS.index("平均处理（秒）")]
    shown = {str(row[0]): [row[column] for column in columns] for row in report.rows}
    assert shown == await indicators_by_hand(connection)
    assert not report.adds_up
    whole = await run_report(connection, "indicators-month", replace(MONTH, last=date(2016, 10, 2)))
    requested = sum(row[1] for row in whole.rows if str(row[0]).endswith(ALL_QUEUES))  # type: ignore[misc]  # the first figure is a count
    assert requested == sum(row[0] for key, row in shown.items() if key.endswith(ALL_QUEUES))


async def test_indicators_of_one_queue_leave_the_others_out(books: Connection) -> None:
    await books.execute(
        "UPDATE call SET final = true, disposition = 'answered', ended_at = $1", ROW.at
    )
    report = await run_report(books, "indicators-week", replace(MONTH, queue="psych"))
    assert [row[:4] for row in report.rows] == [
        ("2016-W39 psych", 1, 0, 1),
        (f"2016-W39 {ALL_QUEUES}", 1, 0, 1),
    ]
