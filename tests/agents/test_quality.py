"""Figures of sound, against a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents import quality, users
from agents.auth import Identity
from agents.quality import MOST_PARTS, Measured
from agents.roles import Role
from ivr.database import Pool
from tests.agents.conftest import new_call

FIRST = Measured("part-0001", "opus", 15, 700, 2, 4.5, 12.0, None, None)


@pytest.fixture
async def people(pool: Pool) -> Pool:
    async with pool.acquire() as connection:
        await users.create(connection, users.OPERATOR, Identity("a1001", Role.AGENT, "安娜"))
    return pool


async def test_the_latest_sums_of_each_part_are_kept(people: Pool) -> None:
    call_id = new_call()
    later = replace(FIRST, seconds=30, received=1_400, round_trip_ms=20.0, round_trip_most_ms=31.0)
    other = replace(FIRST, part="part-0002")
    for told in (FIRST, later, FIRST, other):
        assert await quality.keep(people, "a1001", call_id, told)
    found = await quality.of_call(people, call_id)
    assert {one.measured for one in found} == {later, other}
    assert {one.person for one in found} == {"a1001"}


async def test_there_is_an_end_of_parts(people: Pool) -> None:
    call_id = new_call()
    kept = [
        await quality.keep(people, "a1001", call_id, replace(FIRST, part=f"part-{number:04}"))
        for number in range(MOST_PARTS + 1)
    ]
    assert kept == [True] * MOST_PARTS + [False]
