from __future__ import annotations

from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from agents.auth import Identity, Presented
from agents.listening import LINK_SECONDS, Hearer, Links, may_hear, recordings
from agents.roles import Role
from ivr.database import Pool
from tests.agents.conftest import new_call, record_call


def session(person: str, number: int) -> Presented:
    return Presented(Identity(person, Role.AGENT), datetime.now(UTC), bytes([number]) * 32)


async def test_a_link_opens_in_its_own_session_alone_for_a_minute(redis: Redis) -> None:
    links, mine = Links(redis), session("a1001", 1)
    secret = await links.make(mine, "call", "both", "complaint")
    found = await links.find(mine, secret)
    assert found is not None
    assert (found.call_id, found.leg, found.reason) == ("call", "both", "complaint")
    for other in (session("a1001", 2), session("a1002", 1)):
        assert await links.find(other, secret) is None
    for made_up in ("", "x", secret + "x", secret[:-1]):
        assert await links.find(mine, made_up) is None
    assert LINK_SECONDS == 60
    (key,) = await redis.keys("hotline:listen:*")
    assert 0 < await redis.ttl(key) <= 60
    assert secret not in str(key) + str(await redis.get(key))
    await redis.delete(key)
    assert await links.find(mine, secret) is None


async def test_what_the_audit_knows_is_remembered_for_each_link(redis: Redis) -> None:
    links, mine = Links(redis), session("a1001", 1)
    one, two = [
        await links.find(mine, await links.make(mine, "call", "both", "why")) for _ in range(2)
    ]
    assert one is not None
    assert two is not None
    assert not await links.is_noted(one)
    await links.mark_noted(one)
    assert await links.is_noted(one)
    assert not await links.is_noted(two)


@pytest.mark.parametrize(
    ("role", "person", "hears"),
    [
        (Role.AGENT, "a1001", True),
        (Role.AGENT, "a1002", False),
        (Role.SUPERVISOR, "s1", True),
        (Role.QUALITY, "q1", True),
        (Role.EDITOR, "a1001", True),
        (Role.ADMINISTRATOR, "admin", False),
        (Role.AUDITOR, "auditor", False),
    ],
)
async def test_one_hears_what_one_said_and_others_only_by_permission(
    pool: Pool,
    role: Role,
    person: str,
    hears: bool,  # noqa: FBT001 - a column of the table
) -> None:
    call_id = new_call()
    async with pool.acquire() as connection:
        await connection.execute("SELECT make_partitions_ahead(1)")
        await record_call(pool, call_id=call_id)
        await spoke(pool, call_id, "a1001")
        await spoke(pool, call_id, "a1002", talk_ms=0)
        hearer = Hearer(person, role, frozenset())
        assert await may_hear(connection, hearer, call_id, "both") is hears
        assert await recordings(connection, call_id) == []


async def test_a_message_is_heard_by_those_who_deal_with_messages(pool: Pool) -> None:
    call_id = await record_call(pool)
    async with pool.acquire() as connection:

        async def hears(person: str, role: Role = Role.AGENT, queue: str = "anyone") -> bool:
            hearer = Hearer(person, role, frozenset({queue, "consult"}))
            return await may_hear(connection, hearer, call_id, "voicemail")

        assert not await hears("a1001"), "there is none"
        await connection.execute(
            "INSERT INTO message (opened_at, call_id, queue, urgent, left_at, length_ms, state)"
            " VALUES (call_opened_at($1), $1, 'anyone', false, now(), 5000, 'new')",
            call_id,
        )
        assert await hears("a1001")
        assert not await hears("a1001", queue="psych")
        assert not await hears("e1", Role.EDITOR)
        await connection.execute(
            "UPDATE message SET state = 'taken', taken_by = 'a1002', taken_at = now()"
        )
        assert not await hears("a1001")
        assert await hears("a1002")


async def spoke(pool: Pool, call_id: str, agent: str, *, talk_ms: int = 40_000) -> None:
    """Write down that an agent's telephone was part of a call, and for how long."""
    await pool.execute(
        "INSERT INTO leg (opened_at, call_id, position, channel, kind, agent, started_at,"
        " ring_ms, talk_ms, hold_ms) VALUES (call_opened_at($1), $1,"
        " (SELECT count(*) + 1 FROM leg WHERE call_id = $1), 'x', 'agent', $2, now(), 0, $3, 0)",
        call_id,
        agent,
        talk_ms,
    )
