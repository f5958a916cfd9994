from __future__ import annotations

from agents import callbacks
from ivr.database import Pool
from tests.agents.conftest import CALLER, record_call


async def promise(pool: Pool, number: str, minutes: int, state: str = "waiting") -> str:
    """Owe somebody a call so many minutes from now."""
    call_id = await record_call(pool, None, caller=number)
    await pool.execute(
        "INSERT INTO callback_ticket (opened_at, call_id, node, number, queue, urgency,"
        " entered_at, booked_at, due_at, state, closed_at) VALUES (call_opened_at($1), $1, 'n1',"
        " $2, 'consult', 0, now(), now(), now() + make_interval(mins => $3), $4,"
        " CASE WHEN $4 IN ('waiting', 'calling') THEN NULL ELSE now() END)",
        call_id,
        number,
        minutes,
        state,
    )
    return call_id


async def test_call_backs_are_listed_by_when_they_are_due_and_kept_ones_no_more(pool: Pool) -> None:
    later = await promise(pool, CALLER, 20)
    first = await promise(pool, "13900005678", 10, "calling")
    await promise(pool, "13700001111", 5, "reached")
    async with pool.acquire() as connection:
        found = await callbacks.due(connection, ["consult"])
        assert await callbacks.due(connection, ["quit"]) == []
    assert [(one.call_id, one.state) for one in found] == [(first, "calling"), (later, "waiting")]
    assert [one.number for one in found] == ["139****5678", "138****1234"]
