"""The counts are compared with a recount in plain Python, which shares no code with them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.reports.tally import Period
from agents.statistics.counts import disagreements, load_tally, load_year, merge, recount, watermark
from ivr.database import Pool, Session

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2016, 9, 28, tzinfo=UTC)
CODES = ["C01", "C01.02", "C02.01.01.01", "T01", "B01.01", "P"]
PERIOD = Period(date(2016, 9, 1), date(2016, 10, 1))
EDITION = "12320-2016"


class Filed(NamedTuple):
    """One row of `request`, as the test remembers it."""

    at: datetime
    unit: str
    code: str
    channel: str
    direction: str
    settlement: str


filed = st.builds(
    Filed,
    st.integers(0, 5 * 24 * 3600).map(lambda s: START + timedelta(seconds=s)),
    st.sampled_from(["self", "other"]),
    st.sampled_from(CODES),
    st.sampled_from(["phone", "wechat"]),
    st.sampled_from(["inbound", "outbound"]),
    st.sampled_from(["open", "on_the_spot", "transferred"]),
)


async def open_books(connection: Connection) -> None:
    await connection.execute("SELECT make_partitions('2016-09-01'), make_partitions('2016-10-01')")
    await connection.execute(
        "INSERT INTO unit VALUES ('other', '他处', '他处', '他处', 'requests') "
        "ON CONFLICT DO NOTHING"
    )


async def make_call(connection: Connection, number: int) -> str:
    """A call to hang requests on; all begin in one second."""
    call_id = f"n1-1-{int(START.timestamp())}.{number}"
    await connection.execute(
        """INSERT INTO call (opened_at, call_id, node, boot, direction, caller, dialled,
               started_at, final, short, menu_path, wait_ms, ring_ms, talk_ms, hold_ms,
               rating_offered, recorded, inexact, digest)
           VALUES (call_opened_at($1), $1, 'n1', 1, 'inbound', '', '12320', $2, false, false, '',
               0, 0, 0, 0, false, false, false, sha256(''))""",
        call_id,
        START,
    )
    return call_id


async def file(connection: Connection, call_id: str, row: Filed, source: str = "agent") -> int:
    made: int = await connection.fetchval(
        """INSERT INTO request (opened_at, call_id, source, position, scheme, service, code,
               confidence, made_at, unit, channel, direction, settlement)
           SELECT call_opened_at($1), $1, $2, 1 + count(*), $3, left($4, 1), $4, 1, $5, $6, $7, $8,
               $9
           FROM request WHERE call_id = $1 AND source = $2
           RETURNING request_id""",
        call_id,
        source,
        EDITION,
        row.code,
        row.at,
        row.unit,
        row.channel,
        row.direction,
        row.settlement,
    )
    return made


def by_hand(rows: list[Filed]) -> tuple[Counter[Any], Counter[Any]]:
    """Count days at level 1 and months at full depth, in plain Python."""
    days: Counter[Any] = Counter()
    months: Counter[Any] = Counter()
    for row in rows:
        day = row.at.astimezone(SHANGHAI).date()
        rest = (row.channel, row.direction, row.settlement)
        days[day, row.unit, row.code.split(".")[0], *rest] += 1
        months[day.replace(day=1), row.unit, row.code, *rest] += 1
    return days, months


async def kept(connection: Connection) -> tuple[Counter[Any], Counter[Any]]:
    days = await connection.fetch(
        "SELECT day, unit, class, channel, direction, settlement, n FROM day_count WHERE n <> 0"
    )
    months = await connection.fetch(
        "SELECT month, unit, code, channel, direction, settlement, n FROM month_count WHERE n <> 0"
    )
    found = [Counter({tuple(row)[:-1]: row["n"] for row in rows}) for rows in (days, months)]
    return found[0], found[1]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(filed, max_size=25), seed=st.integers(0, 10**6))
async def test_counts_equal_a_recount_by_hand_whatever_is_filed_changed_and_taken_back(
    rows: list[Filed],
    seed: int,
    connection: Connection,
) -> None:
    await connection.execute(
        "TRUNCATE count_change, day_count, month_count, month_by_unit, month_by_code, "
        "year_by_unit, year_by_code"
    )
    await connection.execute(
        "ALTER TABLE request DISABLE TRIGGER USER; DELETE FROM request; "
        "ALTER TABLE request ENABLE TRIGGER USER; DELETE FROM call"
    )
    await open_books(connection)
    chance = random.Random(seed)  # noqa: S311 - a choice of test data
    now: dict[int, Filed] = {}
    for number, row in enumerate(rows):
        now[await file(connection, await make_call(connection, number), row)] = row
        if chance.random() < 0.3:
            await merge(connection)
        if now and chance.random() < 0.3:
            one = chance.choice(list(now))
            now[one] = now[one]._replace(settlement="transferred", code=chance.choice(CODES))
            await connection.execute(
                "UPDATE request SET settlement = 'transferred', code = $2, service = left($2, 1) "
                "WHERE request_id = $1",
                one,
                now[one].code,
            )
        if now and chance.random() < 0.2:
            one = chance.choice(list(now))
            del now[one]
            await connection.execute("DELETE FROM request WHERE request_id = $1", one)
    assert await disagreements(connection) == []
    await merge(connection)
    assert await kept(connection) == by_hand(list(now.values()))
    assert await disagreements(connection) == []
    tally = await load_tally(connection, EDITION, PERIOD, ["C02.01"])
    assert tally.of_node("C", PERIOD) == sum(r.code[0] == "C" for r in now.values())
    year = await load_year(connection, EDITION, 2016)
    assert year.of_node("C", Period(date(2016, 1, 1), date(2016, 1, 1))) == tally.of_node(
        "C", PERIOD
    )
    assert tally.of_pair("self", "C02.01", PERIOD) == sum(
        r.unit == "self" and r.code.startswith("C02.01") for r in now.values()
    )


ONE = Filed(START, "self", "C01", "phone", "inbound", "open")


async def test_a_request_is_counted_before_anybody_merges_and_not_when_it_is_rolled_back(
    connection: Connection,
) -> None:
    await open_books(connection)
    first = await make_call(connection, 1)
    await file(connection, first, ONE)
    undone = connection.transaction()
    await undone.start()
    await file(connection, first, ONE)
    await undone.rollback()
    tally = await load_tally(connection, EDITION, PERIOD)
    assert tally.of_node("C", PERIOD) == 1


async def test_of_several_sources_the_one_that_knows_best_is_counted(
    connection: Connection,
) -> None:
    await open_books(connection)
    call = await make_call(connection, 1)

    async def counted() -> list[str]:
        rows = await connection.fetch("SELECT source FROM request WHERE NOT superseded ORDER BY 1")
        return [row["source"] for row in rows]

    await file(connection, call, ONE, "menu")
    assert await counted() == ["menu"]
    said = await file(connection, call, ONE, "agent")
    await file(connection, call, ONE, "agent")
    assert await counted() == ["agent", "agent"]
    await file(connection, call, ONE, "classifier")
    assert await counted() == ["agent", "agent"]
    await connection.execute("DELETE FROM request WHERE request_id = $1", said)
    assert await counted() == ["agent"]
    await connection.execute("DELETE FROM request WHERE source = 'agent'")
    assert await counted() == ["classifier"]
    assert await disagreements(connection) == []


async def test_a_recount_mends_counts_that_were_tampered_with(
    connection: Connection,
    pool: Pool,
) -> None:
    await open_books(connection)
    await file(connection, await make_call(connection, 1), ONE)
    await merge(connection)
    await connection.execute("UPDATE month_count SET n = 5")
    await connection.execute("UPDATE day_count SET n = 7")
    wrong = await disagreements(connection)
    assert {(d.what, d.surplus) for d in wrong} == {("month", 4), ("day", 6)}
    assert await recount(pool) == 2
    assert await disagreements(connection) == []
    assert await recount(pool) == 0


async def test_a_recount_loses_nothing_that_is_filed_meanwhile(
    connection: Connection, pool: Pool
) -> None:
    await open_books(connection)
    call = await make_call(connection, 1)
    await file(connection, call, ONE)
    await merge(connection)
    # The rebuilding is held up in its middle, and a request is filed just then.
    await connection.execute(
        """CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS
               'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END';
           CREATE TRIGGER pause AFTER DELETE ON month_count EXECUTE FUNCTION pause()"""
    )
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(recount(pool))
        await asyncio.sleep(0.2)
        await file(connection, call, ONE)
    assert await disagreements(connection) == []
    await merge(connection)
    assert await connection.fetchval("SELECT sum(n) FROM month_count") == 2


async def test_equal_counts_have_equal_watermarks_and_a_change_shows(
    connection: Connection,
) -> None:
    await open_books(connection)
    await file(connection, await make_call(connection, 1), ONE)
    await merge(connection)
    before = await watermark(connection, EDITION, PERIOD)
    assert before.startswith("12320-2016 1件次 ")
    assert await watermark(connection, EDITION, PERIOD) == before
    await file(connection, await make_call(connection, 2), ONE)
    await merge(connection)
    assert await watermark(connection, EDITION, PERIOD) != before


RANKS = {"menu": 1, "classifier": 2, "agent": 3}


async def recounted(connection: Connection) -> list[Filed]:
    """What is to be counted of all requests, found in plain Python without `superseded`."""
    rows = await connection.fetch("SELECT * FROM request")
    best: Counter[str] = Counter()
    for row in rows:
        best[row["call_id"]] = max(best[row["call_id"]], RANKS[row["source"]])
    return [
        Filed(
            row["made_at"],
            row["unit"],
            row["code"],
            row["channel"],
            row["direction"],
            row["settlement"],
        )
        for row in rows
        if RANKS[row["source"]] == best[row["call_id"]]
    ]


class TurnedBack(Exception):
    """A transaction that is given up in its middle."""


async def write_at_random(pool: Pool, calls: list[str], chance: random.Random) -> None:
    """File, change, move and take back; every third transaction is rolled back."""
    for _ in range(15):
        with contextlib.suppress(TurnedBack, asyncpg.DeadlockDetectedError):
            async with pool.acquire() as connection, connection.transaction():
                for _ in range(chance.randint(1, 3)):
                    await _one_change(connection, chance.choice(calls), chance)
                if chance.random() < 0.3:
                    raise TurnedBack


async def _one_change(connection: Session, call: str, chance: random.Random) -> None:
    row = Filed(
        START + timedelta(seconds=chance.randint(0, 5 * 24 * 3600)),
        chance.choice(["self", "other"]),
        chance.choice(CODES),
        "phone",
        "inbound",
        chance.choice(["open", "transferred"]),
    )
    turn = chance.random()
    if turn < 0.5:
        await file_anywhere(connection, call, row, chance)
    elif turn < 0.75:
        await connection.execute(
            """UPDATE request SET made_at = $2, code = $3, service = left($3, 1), unit = $4
               WHERE request_id = (
                   SELECT request_id FROM request WHERE call_id = $1 ORDER BY random() LIMIT 1)""",
            call,
            row.at,
            row.code,
            row.unit,
        )
    else:
        await connection.execute(
            """DELETE FROM request WHERE request_id = (
                   SELECT request_id FROM request WHERE call_id = $1 ORDER BY random() LIMIT 1)""",
            call,
        )


async def file_anywhere(
    connection: Session, call: str, row: Filed, chance: random.Random, source: str = ""
) -> None:
    """File a request of any source under a position that nobody else takes."""
    await connection.execute(
        """INSERT INTO request (opened_at, call_id, source, position, scheme, service, code,
               confidence, made_at, unit, settlement)
           VALUES (call_opened_at($1), $1, $2, $3, $4, left($5, 1), $5, 1, $6, $7, $8)""",
        call,
        source or chance.choice(list(RANKS)),
        chance.randint(1, 2**31 - 1),
        EDITION,
        row.code,
        row.at,
        row.unit,
        row.settlement,
    )


@pytest.mark.parametrize("seed", range(3))
async def test_counts_agree_at_every_moment_and_at_the_end_however_many_write_at_once(
    seed: int, connection: Connection, pool: Pool
) -> None:
    await open_books(connection)
    calls = [await make_call(connection, number) for number in range(3)]
    writing = True

    async def keep_the_books() -> None:
        while writing:
            await merge(connection)
            assert await disagreements(connection) == []
            await recount(pool, prove=False)

    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        books = tasks.create_task(keep_the_books())
        async with asyncio.TaskGroup() as writers:
            for number in range(3):
                chance = random.Random(100 * seed + number)  # noqa: S311 - a choice of test data
                writers.create_task(write_at_random(pool, calls, chance))
        writing = False
        await books
    await merge(connection)
    assert await kept(connection) == by_hand(await recounted(connection))
    assert await disagreements(connection) == []


@pytest.mark.parametrize("first_goes", [False, True])
async def test_two_who_write_of_one_call_at_once_do_not_miss_each_other(
    connection: Connection, pool: Pool, *, first_goes: bool
) -> None:
    await open_books(connection)
    call = await make_call(connection, 1)
    if first_goes:
        await file(connection, call, ONE, "menu")
        await file(connection, call, ONE, "agent")

    async def file_meanwhile() -> None:
        async with pool.acquire() as other:
            await file_anywhere(other, call, ONE, random.Random(1), "agent")  # noqa: S311 - a number

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks, connection.transaction():
        if first_goes:
            await connection.execute("DELETE FROM request WHERE source = 'agent'")
        else:
            await file(connection, call, ONE, "menu")
        meanwhile = tasks.create_task(file_meanwhile())
        await asyncio.wait({meanwhile}, timeout=0.3)
    counted = await connection.fetch("SELECT source FROM request WHERE NOT superseded")
    assert [row["source"] for row in counted] == ["agent"]
    await merge(connection)
    assert await kept(connection) == by_hand(await recounted(connection))


async def test_who_compares_is_told_of_every_month_also_of_one_that_nobody_counted(
    connection: Connection,
) -> None:
    await open_books(connection)
    await file(connection, await make_call(connection, 1), ONE)
    await merge(connection)
    await connection.execute("ALTER TABLE request DISABLE TRIGGER USER")
    late = ONE._replace(at=START + timedelta(days=65))
    await file(connection, await make_call(connection, 2), late)
    await connection.execute("ALTER TABLE request ENABLE TRIGGER USER")
    told: list[tuple[date, int, int]] = []
    wrong = await disagreements(connection, lambda *step: told.append(step))
    months = [date(2016, 9, 1), date(2016, 10, 1), date(2016, 11, 1), date(2016, 12, 1)]
    assert told == [(month, position, 4) for position, month in enumerate(months, start=1)]
    assert {(d.what, d.at, d.surplus) for d in wrong} == {
        (what, date(2016, 12, 2 if what == "day" else 1), -1)
        for what in ("month", "day", "unit", "code")
    }


async def test_a_year_whose_margin_is_not_that_of_its_months_is_found(
    connection: Connection,
) -> None:
    await open_books(connection)
    await file(connection, await make_call(connection, 1), ONE)
    await merge(connection)
    await connection.execute("UPDATE year_by_unit SET n = 3; UPDATE year_by_code SET n = 0")
    assert {(d.what, d.surplus) for d in await disagreements(connection)} == {
        ("unit year", 2),
        ("code year", -1),
    }


async def test_a_change_of_nothing_that_is_counted_leaves_nothing_to_merge(
    connection: Connection,
) -> None:
    await open_books(connection)
    await file(connection, await make_call(connection, 1), ONE)
    await merge(connection)
    await connection.execute("UPDATE request SET confidence = 0.5, code = 'C01'")
    assert await connection.fetchval("SELECT count(*) FROM count_change") == 0
