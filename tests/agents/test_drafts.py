"""Drafts: of two who write at once one wins, and nothing is there twice."""

from __future__ import annotations

import asyncio

import pytest

from agents import drafts, users
from agents.auth import Identity
from agents.roles import Role
from ivr.database import Pool
from tests.agents.conftest import new_call


@pytest.fixture
async def anna(pool: Pool) -> str:
    async with pool.acquire() as connection:
        await users.create(connection, users.OPERATOR, Identity("a1001", Role.AGENT, "安娜"))
    return "a1001"


async def test_of_two_tabs_that_write_at_once_one_wins(pool: Pool, anna: str) -> None:
    call_id = new_call()
    for seen in (0, 1, 2):
        kept = await asyncio.gather(
            *(drafts.keep(pool, anna, call_id, seen, {"note": tab}) for tab in "ABC")
        )
        assert len([draft for draft in kept if draft is not None]) == 1
    found = await drafts.find(pool, anna, call_id)
    assert found is not None
    assert found.version == 3


async def test_the_same_sent_again_is_the_same_draft(pool: Pool, anna: str) -> None:
    call_id = new_call()
    first = await drafts.keep(pool, anna, call_id, 0, {"note": "狗"})
    assert await drafts.keep(pool, anna, call_id, 0, {"note": "狗"}) == first
    assert await drafts.keep(pool, anna, call_id, 0, {"note": "猫"}) is None
    assert await drafts.keep(pool, anna, call_id, 7, {"note": "狗"}) is None


async def test_a_draft_is_its_writers_alone_and_can_be_dropped(pool: Pool, anna: str) -> None:
    call_id = new_call()
    await drafts.keep(pool, anna, call_id, 0, {"note": "狗"})
    assert await drafts.find(pool, "a1002", call_id) is None
    async with pool.acquire() as connection:
        assert [one.call_id for one in await drafts.unsaved(connection, anna)] == [call_id]
    await drafts.drop(pool, anna, call_id)
    assert await drafts.find(pool, anna, call_id) is None
