"""What is known of callers, from a real PostgreSQL, from one that is away, and from a cache."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from structlog.testing import capture_logs

from ivr.callers import KEPT_SECONDS, MOST_KEPT, NOBODY, REST_SECONDS, Callers, national_number
from ivr.config import DatabaseSettings, Settings
from ivr.database import Pool, make_pool, queries
from ivr.harassment import lift
from ivr.routing import Caller
from ivr.screening import Level
from tests.ivr import cel
from tests.ivr.ledgers import took

if TYPE_CHECKING:
    from tests.ivr.conftest import Server

    Connection = asyncpg.Connection[asyncpg.Record]

NUMBER = "02500000001"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for an answer as long as a busy machine needs; what is tested is the answer."""
    monkeypatch.setattr("ivr.callers.DEADLINE_SECONDS", 30.0)
    monkeypatch.setattr("ivr.callers._QUESTION_SECONDS", 30.0)


@asynccontextmanager
async def answering(pool: Pool, clock: list[float] | None = None) -> AsyncIterator[Callers]:
    callers = Callers(pool, clock=lambda: clock[0] if clock else 0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(callers.run())
        yield callers
        running.cancel()


async def held(connection: Connection, number: str, *, ends: timedelta) -> None:
    mark = await queries.mark_harassment(
        connection, number=number, call_id=None, reason="辱骂", marked_by="a1001"
    )
    now = datetime.now(UTC)
    await queries.add_block(
        connection,
        mark_id=mark,
        number=number,
        level=2,
        reason="辱骂",
        marked_by="a1001",
        approved_by="zhang",
        begins_at=now - timedelta(days=1) + ends,
        expires_at=now + ends,
    )


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("13812341234", "13812341234"),
        ("+8613812341234", "13812341234"),
        ("008613812341234", "13812341234"),
        ("013812341234", "13812341234"),
        ("02583620521", "02583620521"),
        ("+862583620521", "2583620521"),
        ("+85212345678", "85212345678"),
        ("", ""),
        ("unknown", ""),
        ("12", ""),
        ("1" * 21, ""),
    ],
)
def test_a_number_is_kept_in_one_way(number: str, kept: str) -> None:
    assert national_number(number) == kept


@pytest.mark.usefixtures("patient")
async def test_an_unknown_caller_is_anybody(pool: Pool) -> None:
    async with answering(pool) as callers:
        assert await callers.known(NUMBER) == NOBODY == Caller()


@pytest.mark.usefixtures("patient")
async def test_flags_ages_and_blocks_are_known_however_the_number_is_written(
    pool: Pool, connection: Connection
) -> None:
    young, old = date(1990, 1, 1), date(1950, 1, 1)
    for number, elderly, born in (
        ("13800000001", True, None),
        ("13800000002", None, old),
        ("13800000003", None, young),
    ):
        await queries.note_caller(
            connection, number=number, elderly=elderly, born=born, noted_by="a1001"
        )
    await held(connection, "13800000004", ends=timedelta(hours=1))
    await held(connection, "13800000005", ends=-timedelta(hours=1))
    await held(connection, "13800000006", ends=timedelta(hours=1))
    await lift(connection, "13800000006", by="li")
    async with answering(pool) as callers:
        assert (await callers.known("+8613800000001")).elderly
        assert (await callers.known("013800000002")).elderly
        assert not (await callers.known("13800000003")).elderly
        assert (await callers.known("+8613800000004")).level is Level.HELD
        assert (await callers.known("13800000005")).level is Level.FREE
        assert (await callers.known("13800000006")).level is Level.FREE


@pytest.mark.usefixtures("patient")
async def test_calls_given_up_within_the_hour_are_counted(pool: Pool, settings: Settings) -> None:
    now = int(datetime.now(UTC).timestamp())
    seconds = (now - 60, now - 900, now - 3700)
    await took(pool, settings, *(cel.abandoned(n, second=at) for n, at in enumerate(seconds, 1)))
    number = await pool.fetchval("SELECT caller FROM call LIMIT 1")
    async with answering(pool) as callers:
        known = await callers.known(number)
    assert known.abandons_last_hour == 2


@pytest.mark.usefixtures("patient")
async def test_those_who_come_at_once_share_a_question(
    pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queries.note_caller(
        connection, number="13800000007", elderly=True, born=None, noted_by="a1001"
    )
    asked: list[int] = []
    ask = Callers._ask

    async def counted(self: Callers, numbers: list[str]) -> dict[str, Caller]:
        asked.append(len(numbers))
        return await ask(self, numbers)

    monkeypatch.setattr(Callers, "_ask", counted)
    async with answering(pool) as callers:
        await callers.known("1000")
        numbers = [f"138000000{n:02}" for n in range(20)]
        found = await asyncio.gather(*map(callers.known, [*numbers, *numbers]))
    assert [caller.elderly for caller in found].count(True) == 2
    assert asked[0] == 1
    assert sum(asked[1:]) == 20
    assert len(asked) <= 4


@pytest.mark.usefixtures("patient")
async def test_an_answer_is_kept_for_a_while_and_no_longer(
    pool: Pool, connection: Connection
) -> None:
    clock = [0.0]
    async with answering(pool, clock) as callers:
        assert not (await callers.known(NUMBER)).elderly
        await queries.note_caller(
            connection, number=NUMBER, elderly=True, born=None, noted_by="a1001"
        )
        clock[0] = KEPT_SECONDS - 1
        assert not (await callers.known(NUMBER)).elderly
        clock[0] = KEPT_SECONDS + 1
        assert (await callers.known(NUMBER)).elderly


@pytest.mark.usefixtures("patient")
async def test_what_is_kept_has_a_limit(pool: Pool) -> None:
    callers = Callers(pool)
    for number in range(MOST_KEPT + 5):
        callers._keep(str(number), NOBODY)
    assert len(callers._kept) == MOST_KEPT
    assert "0" not in callers._kept


@pytest.mark.parametrize("number", ["", "unknown", "12"])
async def test_a_withheld_number_asks_nothing(number: str) -> None:
    nowhere = DatabaseSettings(url="postgresql://127.0.0.1:1/none")
    callers = Callers(make_pool(nowhere, purpose="test"))
    assert await callers.known(number) == NOBODY


async def test_without_a_database_everybody_is_anybody_and_it_is_said_once() -> None:
    clock = [0.0]
    nowhere = DatabaseSettings(url="postgresql://127.0.0.1:1/none")
    pool = make_pool(nowhere, purpose="test")
    await pool
    with capture_logs() as logs:
        async with answering(pool, clock) as callers:
            for second in range(3):
                clock[0] = second * (REST_SECONDS + 1)
                assert await callers.known(NUMBER) == NOBODY
    assert [line["event"] for line in logs] == ["callers.unknown"]


async def test_while_the_database_hangs_callers_go_on_and_later_ones_do_not_even_wait(
    postgres: Server, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The question itself would wait for a minute: what ends the wait is the caller's deadline.
    monkeypatch.setattr("ivr.callers._QUESTION_SECONDS", 60.0)
    assert postgres.process is not None
    clock = [0.0]
    pool = make_pool(database, purpose="test")
    await pool
    async with answering(pool, clock) as callers:
        await callers.known("1000")
        (pid,) = [await pool.fetchval("SELECT pg_backend_pid()")]
        os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(10):
                assert await callers.known(NUMBER) == NOBODY
                asked = callers._asked.qsize()
                assert await callers.known("13800000001") == NOBODY
                assert callers._asked.qsize() == asked, "nobody waits for a database that rests"
        finally:
            os.kill(pid, signal.SIGCONT)
    pool.terminate()
