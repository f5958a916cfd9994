"""An agent's own day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agents import users, workday
from agents.auth import Identity
from agents.roles import Role
from ivr.database import Pool


async def test_a_stay_that_began_yesterday_counts_from_the_morning(pool: Pool) -> None:
    morning = datetime.now(UTC) - timedelta(hours=2)
    async with pool.acquire() as connection:
        await users.create(connection, users.OPERATOR, Identity("a1001", Role.AGENT, "安娜"))
        await connection.execute(
            "INSERT INTO presence_log (person, state, reason, call_id, since, until) VALUES "
            "('a1001', 'available', '', '', $1::timestamptz - interval '1 hour', "
            "$1::timestamptz + interval '1 hour'), "
            "('a1001', 'paused', 'meal', '', $1::timestamptz + interval '1 hour', NULL), "
            "('a1001', 'away', '', '', $1::timestamptz - interval '2 hours', $1::timestamptz)",
            morning,
        )
        day = await workday.day(connection, "a1001", morning)
    assert day.states["available"] == 3_600
    assert 3_590 <= day.states["paused"] <= 3_700
    assert "away" not in day.states
