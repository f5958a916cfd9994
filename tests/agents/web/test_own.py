"""Whose call it is."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis

from agents.web.own import CallId
from ivr.calls import CALL_ID
from ivr.database import Pool
from tests.agents.conftest import STATE, Desk, new_call, record_call, show


async def test_a_call_is_ones_own_from_the_moment_it_rings(
    desk: Desk, pool: Pool, redis: Redis
) -> None:
    await desk.enter()
    call_id = await record_call(pool, None)
    assert (await desk.ask("GET", f"/calls/{call_id}")).status == 404
    seat = {**STATE["agents"]["a1001"], "activity": "ringing", "call": call_id}
    await show(redis, agents={"a1001": seat})
    async with asyncio.timeout(30):
        while (await desk.ask("GET", f"/calls/{call_id}")).status != 200:  # noqa: ASYNC110 - asked
            await asyncio.sleep(0.05)
    await desk.enter(person="a1002")
    assert (await desk.ask("GET", f"/calls/{call_id}")).status == 404


@pytest.mark.parametrize("text", ["n1-17-1763785000.42", "n1-17-1763785000.c42"])
def test_calls_that_callers_make_and_call_backs_that_we_make_have_ids(text: str) -> None:
    assert CALL_ID.fullmatch(text)
    assert TypeAdapter(CallId).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "x", "n1-17-1763785000.42\n", "n1-17-1763785000.42'", "1.2"])
def test_what_is_no_call_id_is_none(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(CallId).validate_python(text)
    assert TypeAdapter(CallId).validate_python(new_call())
