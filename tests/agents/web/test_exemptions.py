"""Saying that a caller is not to be asked to rate; the bridge is played by the test."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import Redis

from agents.roles import Role
from agents.web import wishes
from ivr.database import Pool
from ivr.transfer_wishes import Answer
from tests.agents.conftest import Desk, new_call, record_call, telephone
from tests.agents.test_callbacks import promise
from tests.agents.web.test_transfers import AGENT, bridge, call_id, way

__all__ = ["call_id"]

WRONG, MACHINE = {"reason": "wrong_number"}, {"reason": "not_reached"}


async def say(
    desk: Desk, call_id: str, body: object = None, *, method: str = "PUT", key: str = ""
) -> tuple[int, dict[str, Any]]:
    async with await desk.ask(method, f"/calls/{call_id}/exemption", body, key=key) as came:
        return came.status, await came.json()


async def said(desk: Desk, call_id: str) -> Any:  # noqa: ANN401 - as it came
    async with await desk.ask("GET", f"/calls/{call_id}/exemption", key=None) as came:
        return (await came.json()).get("reason", came.status)


async def audited(pool: Pool) -> list[tuple[str, ...]]:
    rows = await pool.fetch(
        "SELECT actor, action, object, coalesce(detail::jsonb ->> 'reason', '') FROM audit "
        "WHERE action LIKE 'call.exempt%' ORDER BY seq"
    )
    return [tuple(row) for row in rows]


@pytest.fixture
async def called_back(desk: Desk, redis: Redis, pool: Pool) -> str:
    """An agent talks in a call-back for which a number was given out."""
    call_id = new_call().replace(".", ".c")
    first = await promise(pool, "13900005678", 0, "calling")
    await pool.execute(
        "INSERT INTO callback_attempt (attempt_id, ticket_id, round, not_after, dialled_at) "
        "SELECT $1, ticket_id, 1, now(), now() FROM callback_ticket WHERE call_id = $2",
        call_id,
        first,
    )
    await desk.enter(Role.AGENT, AGENT)
    await telephone(desk, redis, "talking", call_id)
    return call_id


async def attempt(pool: Pool) -> tuple[Any, ...]:
    row = await pool.fetchrow(
        "SELECT state, tries, outcome, not_reached_by FROM callback_attempt "
        "JOIN callback_ticket USING (ticket_id)"
    )
    assert row is not None
    return tuple(row)


async def settled(pool: Pool) -> None:
    """The ledger has the call's record, and the bridge has moved the ticket."""
    await pool.execute("UPDATE callback_attempt SET outcome = 'answered', resolved_at = now()")
    await pool.execute("UPDATE callback_ticket SET state = 'reached', tries = 1, closed_at = now()")


async def test_a_reason_reaches_the_bridge_once_is_known_anew_and_can_be_taken_back(
    desk: Desk, redis: Redis, pool: Pool, call_id: str
) -> None:
    async with bridge(redis) as asked:
        assert await said(desk, call_id) is None
        for _ in range(2):
            assert await say(desk, call_id, WRONG, key="the-same-key") == (200, WRONG)
        assert await said(desk, call_id) == "wrong_number"
        assert await say(desk, call_id, method="DELETE") == (200, {"reason": None})
        assert await said(desk, call_id) is None
    told = [(wish["call_id"], wish["agent"], wish["verb"], wish["target"]) for wish in asked]
    assert told == [
        (call_id, AGENT, "exempt", "wrong_number"),
        (call_id, AGENT, "exempt", ""),
    ]
    assert await audited(pool) == [
        (AGENT, "call.exempted", f"call:{call_id}", "wrong_number"),
        (AGENT, "call.exemption_withdrawn", f"call:{call_id}", ""),
    ]


async def test_what_was_said_of_a_caller_is_forgotten_with_him(
    desk: Desk, redis: Redis, call_id: str
) -> None:
    async with bridge(redis):
        await say(desk, call_id, WRONG)
        await way(desk, call_id, "hand_over", "*a1002")
    assert await said(desk, call_id) is None, "should he come back, he is asked"


async def test_only_of_the_call_at_ones_own_telephone(
    desk: Desk, redis: Redis, pool: Pool, call_id: str
) -> None:
    other = await record_call(pool, "a1002")
    async with bridge(redis) as asked:
        assert (await say(desk, other, WRONG))[1]["code"] == "not_talking"
        assert (await say(desk, other, method="DELETE"))[1]["code"] == "not_talking"
        assert (await say(desk, other, MACHINE))[0] == 404
        assert await said(desk, other) == 404
        assert (await say(desk, call_id, MACHINE))[1]["code"] == "no_callback"
        assert (await say(desk, call_id, {"reason": "short"}))[0] == 400
    assert asked == []
    assert await audited(pool) == []


async def test_a_machine_heard_in_a_call_back_waits_for_the_calls_end_and_can_be_taken_back(
    desk: Desk, redis: Redis, pool: Pool, called_back: str
) -> None:
    async with bridge(redis) as asked:
        assert await say(desk, called_back, MACHINE) == (200, MACHINE)
        assert await attempt(pool) == ("calling", 0, None, AGENT)
        assert await said(desk, called_back) == "not_reached"
        assert (await say(desk, called_back, method="DELETE"))[0] == 200
        assert await attempt(pool) == ("calling", 0, None, None)
    assert [wish["target"] for wish in asked] == ["not_reached", ""]


@pytest.mark.parametrize("recorded", [False, True], ids=["before its record", "after it"])
async def test_a_machine_is_told_of_after_the_call_too_twice_counts_once(
    desk: Desk, redis: Redis, pool: Pool, called_back: str, *, recorded: bool
) -> None:
    await pool.execute(
        "INSERT INTO presence_log (person, state, reason, call_id, since) "
        "VALUES ($1, 'wrap_up', '', $2, now()) "
        "ON CONFLICT (person) WHERE until IS NULL DO UPDATE SET state = 'wrap_up', "
        "call_id = excluded.call_id",
        AGENT,
        called_back,
    )
    if recorded:
        await settled(pool)
    await telephone(desk, redis, "ready")
    for _ in range(2):
        assert await say(desk, called_back, MACHINE) == (200, MACHINE)
    if recorded:
        assert await attempt(pool) == ("waiting", 1, "machine", AGENT)
    else:
        assert await attempt(pool) == ("calling", 0, None, AGENT), "until the ledger settles it"
    assert await said(desk, called_back) == "not_reached"
    assert [row[1] for row in await audited(pool)] == ["call.exempted"] * 2


async def spoke(pool: Pool, call_id: str, agent: str, talk_ms: int) -> None:
    """The record of a call says for how long an agent spoke in it."""
    await pool.execute(
        "INSERT INTO leg (opened_at, call_id, position, channel, kind, agent, started_at, ring_ms,"
        " talk_ms, hold_ms) VALUES (call_opened_at($1), $1, 1, 'x', 'agent', $2, now(), 5000, $3,"
        " 0)",
        call_id,
        agent,
        talk_ms,
    )


async def test_whose_telephone_only_rang_cannot_say_whom_the_call_back_met(
    desk: Desk, redis: Redis, pool: Pool, called_back: str
) -> None:
    await telephone(desk, redis, "ringing", called_back)
    async with bridge(redis) as asked:
        assert (await say(desk, called_back, MACHINE))[1]["code"] == "not_talked"
        await telephone(desk, redis, "ready")
        await record_call(pool, call_id=called_back)
        await spoke(pool, called_back, AGENT, 0)
        await settled(pool)
        assert (await say(desk, called_back, MACHINE))[1]["code"] == "not_talked"
        assert (await say(desk, called_back, method="DELETE"))[1]["code"] == "not_talking"
    assert asked == []
    assert await attempt(pool) == ("reached", 1, "answered", None)
    await pool.execute("UPDATE leg SET talk_ms = 3000")
    assert (await say(desk, called_back, MACHINE))[0] == 200
    await pool.execute("UPDATE leg SET talk_ms = 0")
    assert (await say(desk, called_back, method="DELETE"))[1]["code"] == "not_talked"


async def test_another_reason_takes_the_place_of_the_machine(
    desk: Desk, redis: Redis, pool: Pool, called_back: str
) -> None:
    async with bridge(redis) as asked:
        await say(desk, called_back, MACHINE)
        assert await say(desk, called_back, WRONG) == (200, WRONG)
        assert await attempt(pool) == ("calling", 0, None, None), "the number was wrong: no machine"
        assert await said(desk, called_back) == "wrong_number"
        await say(desk, called_back, MACHINE)
        assert await said(desk, called_back) == "not_reached"
        assert (await say(desk, called_back, method="DELETE"))[0] == 200
        assert await said(desk, called_back) is None
    assert [wish["target"] for wish in asked] == ["not_reached", "wrong_number", "not_reached", ""]


@pytest.mark.parametrize("recorded", [False, True], ids=["before its record", "after it"])
async def test_a_machine_is_taken_back_after_the_call_as_long_as_nothing_came_of_it(
    desk: Desk, redis: Redis, pool: Pool, called_back: str, *, recorded: bool
) -> None:
    await record_call(pool, call_id=called_back)
    await spoke(pool, called_back, AGENT, 3000)
    if recorded:
        await settled(pool)
    await telephone(desk, redis, "ready")
    assert (await say(desk, called_back, MACHINE))[0] == 200
    assert await say(desk, called_back, method="DELETE") == (200, {"reason": None})
    assert await said(desk, called_back) is None
    expected = ("reached", 1, "answered", None) if recorded else ("calling", 0, None, None)
    assert await attempt(pool) == expected
    if not recorded:
        await settled(pool)
    await say(desk, called_back, MACHINE)
    await pool.execute(
        "INSERT INTO callback_attempt (attempt_id, ticket_id, round, not_after) "
        "SELECT replace(attempt_id, '.c', '.c9'), ticket_id, 2, now() FROM callback_attempt"
    )
    assert (await say(desk, called_back, method="DELETE"))[1]["code"] == "settled"
    assert await said(desk, called_back) == "not_reached", "he is being called once more"
    assert [row[1] for row in await audited(pool)] == [
        *("call.exempted", "call.exemption_withdrawn", "call.exempted"),
    ]


async def test_what_is_said_of_one_call_is_kept_beside_what_is_said_of_another(
    desk: Desk, redis: Redis, pool: Pool, called_back: str
) -> None:
    await record_call(pool, call_id=called_back)
    await spoke(pool, called_back, AGENT, 3000)
    await settled(pool)
    other = await record_call(pool)
    await telephone(desk, redis, "ready")
    await telephone(desk, redis, "talking", other)
    async with bridge(redis):
        await say(desk, other, WRONG)
        await say(desk, called_back, MACHINE)
        assert (await say(desk, called_back, method="DELETE"))[0] == 200
        assert await said(desk, other) == "wrong_number"
        await redis.set(f"hotline:exemption:{AGENT}:{other}", "a word of another release")
        assert await said(desk, other) is None


async def test_a_call_that_ends_while_it_is_said_loses_nothing(
    desk: Desk, redis: Redis, pool: Pool, called_back: str
) -> None:
    async with bridge(redis, answer=Answer.NOT_TALKING):
        assert (await say(desk, called_back, MACHINE))[0] == 200
        assert (await say(desk, called_back, WRONG))[1]["code"] == "not_talking"
    assert await attempt(pool) == ("calling", 0, None, AGENT)


async def test_a_bridge_that_says_nothing_is_asked_again_by_whoever_is_told_so(
    desk: Desk, pool: Pool, called_back: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "ANSWER_SECONDS", 0.2)
    assert (await say(desk, called_back, MACHINE))[1]["code"] == "unconfirmed"
    assert await attempt(pool) == ("calling", 0, None, None)
    assert await audited(pool) == []


async def test_whose_call_back_it_was_not_is_not_believed(
    desk: Desk, redis: Redis, pool: Pool, called_back: str
) -> None:
    await settled(pool)
    await telephone(desk, redis, "ready")
    await desk.enter(Role.AGENT, "a1002")
    assert (await say(desk, called_back, MACHINE))[0] == 404
    assert await attempt(pool) == ("reached", 1, "answered", None)


async def test_a_call_back_is_called_so_on_its_card(
    desk: Desk, pool: Pool, called_back: str
) -> None:
    await record_call(pool, call_id=called_back)
    other = await record_call(pool)
    cards = [await (await desk.ask("GET", f"/calls/{one}")).json() for one in (called_back, other)]
    assert [card["called_back"] for card in cards] == [True, False]
