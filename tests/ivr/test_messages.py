from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr.config import Settings
from ivr.database import Pool
from ivr.messages import finish_message, release_message, take_message, waiting_messages
from ivr.records import load_call
from tests.ivr import cel
from tests.ivr.ledgers import took

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


async def test_a_message_is_on_the_list_with_the_record_urgent_ones_first(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    calls = [cel.message(1), cel.message(2, priority=20), cel.message(3, seconds=2)]
    await took(pool, settings, *calls)
    found = await waiting_messages(connection, ["anyone", "report"])
    assert [one.call_id for one in found] == [calls[1].call_id, calls[0].call_id]
    assert [(one.urgent, one.state, one.caller) for one in found] == [
        (True, "new", "13800001234"),
        (False, "new", "13800001234"),
    ]
    assert await waiting_messages(connection, ["consult"]) == []
    states = await connection.fetch("SELECT state FROM message ORDER BY call_id")
    assert [row["state"] for row in states] == ["new", "new", "discarded"]


async def test_a_message_is_taken_by_one_agent_and_finished_by_the_same(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.message()
    await took(pool, settings, call)
    assert not await finish_message(connection, call.call_id, "a1001")
    assert await take_message(connection, call.call_id, "a1001")
    assert not await take_message(connection, call.call_id, "a1002")
    assert not await finish_message(connection, call.call_id, "a1002")
    assert await finish_message(connection, call.call_id, "a1001")
    assert await waiting_messages(connection, ["anyone"]) == []


async def test_a_message_is_anybodys_again_when_it_is_left_or_held_for_too_long(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.message()
    await took(pool, settings, call)
    assert await take_message(connection, call.call_id, "a1001")
    assert await take_message(connection, call.call_id, "a1001")
    [held] = await waiting_messages(connection, ["anyone"])
    assert (held.state, held.taken_by) == ("taken", "a1001")
    assert held.taken_until is not None
    assert not await release_message(connection, call.call_id, "a1002")
    assert await release_message(connection, call.call_id, "a1001")
    assert await take_message(connection, call.call_id, "a1002")
    await connection.execute("UPDATE message SET taken_at = now() - interval '31 minutes'")
    [lapsed] = await waiting_messages(connection, ["anyone"])
    assert (lapsed.state, lapsed.taken_by, lapsed.taken_until) == ("new", None, None)
    assert await take_message(connection, call.call_id, "a1003")
    assert not await finish_message(connection, call.call_id, "a1002")
    assert await finish_message(connection, call.call_id, "a1003")


async def test_of_many_who_take_a_message_at_once_one_has_it(
    pool: Pool, settings: Settings
) -> None:
    call = cel.message()
    await took(pool, settings, call)

    async def take(agent: str) -> bool:
        async with pool.acquire() as connection:
            return await take_message(connection, call.call_id, agent)

    assert sorted(await asyncio.gather(*map(take, ("a1", "a2", "a3", "a4")))) == [False] * 3 + [
        True
    ]


async def test_folding_again_leaves_what_people_have_done(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.message()
    await took(pool, settings, call)
    before = await load_call(connection, call.call_id)
    await take_message(connection, call.call_id, "a1001")
    await connection.execute("UPDATE call SET digest = sha256('other')")
    await connection.execute(
        "INSERT INTO fold_due (call_id, opened_at, node, ended) "
        "SELECT call_id, opened_at, node, true FROM call"
    )
    await took(pool, settings)
    assert await load_call(connection, call.call_id) == before
    assert await connection.fetchval("SELECT digest <> sha256('other') FROM call")
    assert await connection.fetchval("SELECT state FROM message") == "taken"


async def test_a_message_that_the_database_does_not_know_is_nobodys(
    connection: Connection,
) -> None:
    assert not await take_message(connection, "n1-7-1795000000.9", "a1001")
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "INSERT INTO message VALUES "
            "(now(), 'n1-7-1795000000.9', 'anyone', false, now(), 0, 'new')"
        )
