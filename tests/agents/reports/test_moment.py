"""What is read for a report is of one moment, and nothing is written meanwhile."""

from __future__ import annotations

import asyncpg
import pytest

from agents.reports.moment import one_moment
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
