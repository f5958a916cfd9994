"""Requests: all of a form or nothing of it, and every version for ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from agents import drafts, requests, users
from agents.auth import Identity
from agents.requests import Written
from agents.roles import Role
from ivr.config import DatabaseSettings
from ivr.database import Pool
from tests.agents.conftest import record_call

RABIES = Written("C02.01.01", "on_the_spot", note="被狗咬伤")


@pytest.fixture
async def call_id(pool: Pool) -> str:
    async with pool.acquire() as connection:
        await users.create(connection, users.OPERATOR, Identity("a1001", Role.AGENT, "安娜"))
    made = await record_call(pool)
    await drafts.keep(pool, "a1001", made, 0, {"requests": []})
    return made


async def present(pool: Pool, call_id: str) -> tuple[int, int]:
    saved = await requests.of_call(pool, call_id)
    draft = await drafts.find(pool, "a1001", call_id)
    return len(saved), int(draft is not None)


async def test_a_server_killed_before_the_commit_leaves_the_draft_and_after_it_the_requests(
    pool: Pool, database: DatabaseSettings, call_id: str
) -> None:
    connection = await asyncpg.connect(database.url)
    transaction = connection.transaction()
    await transaction.start()
    assert await requests.save(connection, "a1001", call_id, [(RABIES, None)])
    connection.terminate()  # what a killed process does to its connections
    assert await present(pool, call_id) == (0, 1)
    async with pool.acquire() as again, again.transaction():
        await requests.save(again, "a1001", call_id, [(RABIES, None)])
    assert await present(pool, call_id) == (1, 0)


async def test_the_form_is_committed_when_it_is_saved(pool: Pool) -> None:
    assert await pool.fetchval("SHOW synchronous_commit") == "on"


async def test_two_saves_at_once_get_different_places(pool: Pool, call_id: str) -> None:
    async def save() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await requests.save(connection, "a1001", call_id, [(RABIES, None), (RABIES, None)])

    await asyncio.gather(save(), save())
    assert sorted(one.position for one in await requests.of_call(pool, call_id)) == [1, 2, 3, 4]


async def test_a_place_that_was_withdrawn_is_not_given_again(pool: Pool, call_id: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await requests.save(connection, "a1001", call_id, [(RABIES, None)])
        [first] = await requests.of_call(connection, call_id)
        gone = Written("C02.01.01", "on_the_spot", withdrawn=True)
        await requests.correct(connection, "a1001", first, gone, "误填")
        await requests.save(connection, "a1001", call_id, [(RABIES, None)])
        now = await requests.of_call(connection, call_id)
    assert [(one.position, one.written.withdrawn) for one in now] == [(1, True), (2, False)]


async def test_what_was_written_is_read_as_it_was_written(pool: Pool, call_id: str) -> None:
    whole = Written(
        "C06.01.11",
        "transferred",
        transferred_to="市精神卫生中心",
        note='引号"、反斜杠\\、换行\n、𠮷',
        region="南京市",
        red_flags=("self_harm",),
        risk={"level": "high", "self_rating": 80},
        suspected_event=True,
        articles=(3, 5),
    )
    async with pool.acquire() as connection, connection.transaction():
        await requests.save(connection, "a1001", call_id, [(whole, None)])
    [found] = await requests.of_call(pool, call_id)
    assert found.written == whole


def test_only_what_stands_in_the_tree_is_filed() -> None:
    assert requests.fileable("C02.01.01")
    for code in ("", "Z9", "C02.01.01.99.99", "c02"):
        assert not requests.fileable(code)


async def test_what_an_old_edition_counted_is_learnt_as_of_that_edition(
    pool: Pool, call_id: str
) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await requests.save(connection, "a1001", call_id, [(RABIES, None)])
        [made] = await requests.of_call(connection, call_id)
        before = replace(made, scheme="12320-2014")
        written = Written("K02", "on_the_spot", note="改类")
        await requests.correct(connection, "a1001", before, written, "改类")
    labels = await pool.fetch("SELECT taxonomy, code FROM confirmation ORDER BY confirmation_id")
    assert [tuple(row) for row in labels][-1] == ("12320-2014", "K02")
