"""What is read for a report is of one moment, and nothing is written meanwhile."""

from __future__ import annotations

import asyncpg
import pytest

from agents.reports import moment
from agents.reports.moment import TooLong, one_moment, one_report
from ivr.database import Pool


async def test_what_is_written_meanwhile_is_in_no_figure(pool: Pool) -> None:
    await pool.execute("CREATE TABLE counted_here (n int)")
    count = "SELECT count(*) FROM counted_here"
    async with pool.acquire() as connection:
        async with one_moment(connection) as session:
            before = await session.fetchval(count)
            await pool.execute("INSERT INTO counted_here VALUES (1)")
            assert await session.fetchval(count) == before == 0
        assert await connection.fetchval(count) == 1


async def test_reading_writes_nothing(pool: Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            async with one_moment(connection) as session:
                await session.execute("INSERT INTO run (kind) VALUES ('x')")


async def test_what_takes_longer_than_any_report_may_is_cut_off(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment, "LONGEST_SECONDS", 0.05)
    async with pool.acquire() as connection:
        with pytest.raises(TooLong):
            async with one_report(connection) as session:
                await session.execute("SELECT pg_sleep(600)")
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_statement_that_has_no_time_is_not_a_report_that_takes_too_long(pool: Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(TimeoutError):
            async with one_report(connection) as session:
                await session.execute("SELECT pg_sleep(600)", timeout=0.05)
