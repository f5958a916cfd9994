"""Work at hand: nobody calls or takes the same twice."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from ivr.database import Pool
from tests.agents.conftest import CALLER, Desk, record_call, telephone
from tests.agents.test_callbacks import promise


async def say(desk: Desk, method: str, path: str, body: object = None) -> tuple[int, Any]:
    async with await desk.ask(method, path, body) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def leave_message(pool: Pool) -> str:
    call_id = await record_call(pool, None)
    await pool.execute(
        "INSERT INTO message (opened_at, call_id, queue, urgent, left_at, length_ms, state) "
        "VALUES (call_opened_at($1), $1, 'consult', false, now(), 9000, 'new')",
        call_id,
    )
    return call_id


async def give_up(pool: Pool) -> int:
    call_id = await record_call(pool, None)
    return int(
        await pool.fetchval(
            "INSERT INTO missed_caller (number, queue, reason, call_id, waited_ms, missed_at) "
            "VALUES ($1, 'consult', 'abandoned', $2, 30000, now()) RETURNING missed_id",
            CALLER,
            call_id,
        )
    )


async def test_a_message_is_taken_by_one_and_its_call_is_then_his(desk: Desk, pool: Pool) -> None:
    call_id = await leave_message(pool)
    await desk.enter()
    [shown] = (await say(desk, "GET", "/messages"))[1]["messages"]
    assert (shown["number"], shown["state"]) == ("138****1234", "new")
    assert (await say(desk, "GET", f"/calls/{call_id}"))[0] == 404
    assert (await say(desk, "POST", f"/messages/{call_id}/claim"))[0] == 204
    assert (await say(desk, "GET", f"/calls/{call_id}"))[0] == 200
    await desk.enter(person="a1002")
    assert (await say(desk, "POST", f"/messages/{call_id}/claim"))[0] == 409
    assert (await say(desk, "DELETE", f"/messages/{call_id}/claim"))[0] == 409
    assert (await say(desk, "POST", f"/messages/{call_id}/done"))[0] == 409
    assert (await say(desk, "GET", f"/calls/{call_id}"))[0] == 404
    await desk.enter()
    assert (await say(desk, "POST", f"/messages/{call_id}/done"))[0] == 204
    assert (await say(desk, "GET", "/messages"))[1]["messages"] == []


async def test_a_message_that_is_left_to_others_is_theirs(desk: Desk, pool: Pool) -> None:
    call_id = await leave_message(pool)
    await desk.enter()
    assert (await say(desk, "POST", f"/messages/{call_id}/claim"))[0] == 204
    [held] = (await say(desk, "GET", "/messages"))[1]["messages"]
    assert (held["taken_by"], bool(held["taken_until"])) == ("a1001", True)
    assert (await say(desk, "DELETE", f"/messages/{call_id}/claim"))[0] == 204
    await desk.enter(person="a1002")
    assert (await say(desk, "POST", f"/messages/{call_id}/claim"))[0] == 204


async def test_call_backs_of_the_queues_that_one_serves_are_listed_masked(
    desk: Desk, pool: Pool
) -> None:
    call_id = await promise(pool, CALLER, 10)
    await desk.enter()
    status, listed = await say(desk, "GET", "/callbacks")
    assert status == 200
    [one] = listed["callbacks"]
    assert (one["call_id"], one["number"], one["tries"]) == (call_id, "138****1234", 0)


async def test_a_missed_caller_is_called_by_one_and_his_number_is_written_down(
    desk: Desk, pool: Pool
) -> None:
    missed_id = await give_up(pool)
    await desk.enter()
    [shown] = (await say(desk, "GET", "/missed"))[1]["missed"]
    assert CALLER not in str(shown)
    status, claimed = await say(desk, "POST", f"/missed/{missed_id}/claim")
    assert (status, claimed["number"]) == (200, CALLER)
    await desk.enter(person="a1002")
    assert (await say(desk, "POST", f"/missed/{missed_id}/claim"))[0] == 409
    assert (await say(desk, "DELETE", f"/missed/{missed_id}/claim"))[0] == 409
    await pool.execute("UPDATE missed_caller SET claimed_until = now()")
    assert (await say(desk, "POST", f"/missed/{missed_id}/claim"))[0] == 200
    outcome = {"outcome": "called"}
    assert (await say(desk, "POST", f"/missed/{missed_id}/outcome", outcome))[0] == 204
    assert (await say(desk, "GET", "/missed"))[1]["missed"] == []
    who = await pool.fetch("SELECT actor FROM audit WHERE action = 'number.revealed' ORDER BY seq")
    assert [row["actor"] for row in who] == ["a1001", "a1002"]


async def test_a_day_counts_calls_requests_and_states(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    await pool.execute(
        "INSERT INTO leg (opened_at, call_id, position, channel, kind, agent, started_at, "
        "answered_at, ring_ms, talk_ms, hold_ms) VALUES (call_opened_at($1), $1, 1, 'x', 'agent', "
        "'a1001', now(), now(), 1, 40000, 0)",
        call_id,
    )
    await say(desk, "POST", f"/calls/{call_id}/requests", {"requests": [{"code": "C03"}]})
    await say(desk, "PUT", "/presence", {"state": "available"})
    day = (await say(desk, "GET", "/day"))[1]
    assert (day["calls"], day["talk_ms"], day["requests"]) == (1, 40_000, 1)
    assert [(one["call_id"], one["saved"]) for one in day["spoken"]] == [(call_id, True)]
    await desk.enter(person="a1002")
    assert (await say(desk, "GET", "/day"))[1]["calls"] == 0


async def test_what_is_the_work_of_other_queues_can_neither_be_seen_nor_claimed(
    desk: Desk, pool: Pool, redis: Redis
) -> None:
    call_id, missed_id = await leave_message(pool), await give_up(pool)
    await pool.execute("UPDATE message SET queue = 'report'")
    await pool.execute("UPDATE missed_caller SET queue = 'report'")
    await desk.enter()
    await telephone(desk, redis, "ringing", "n1-17-1.42")  # it serves consult and psych
    assert (await say(desk, "GET", "/messages"))[1]["messages"] == []
    assert (await say(desk, "POST", f"/messages/{call_id}/claim"))[0] == 409
    assert (await say(desk, "POST", f"/missed/{missed_id}/claim"))[0] == 409
    assert (await say(desk, "GET", f"/calls/{call_id}"))[0] == 404
    await pool.execute("UPDATE message SET queue = 'psych'")
    assert (await say(desk, "POST", f"/messages/{call_id}/claim"))[0] == 204
