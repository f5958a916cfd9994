"""The audit's lines come and go with what they tell."""

from __future__ import annotations

from typing import Any

from agents import audit
from ivr.database import Pool


async def test_a_line_is_there_with_its_change_and_not_without(pool: Pool) -> None:
    async with pool.acquire() as connection:
        change = connection.transaction()
        await change.start()
        await audit.note(connection, "a1001", "x.done", "x:1")
        await change.rollback()
        await audit.note(connection, "a1001", "x.done", "x:2", reason="回访", n=1)
    rows: Any = await pool.fetch("SELECT seq, actor, action, object, detail FROM audit")
    assert [tuple(row) for row in rows] == [
        (1, "a1001", "x.done", "x:2", '{"n": 1, "reason": "回访"}')
    ]
