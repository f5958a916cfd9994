"""What callers notice when our software dies, hangs or loses its database: a plainer menu."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploy.stack.sip import Caller
from tests.real.hotline import AGENT_TONE, CALLER_TONE, MAIN, MUSIC, PLAIN, WELCOME, Hotline, until

pytestmark = pytest.mark.faults


@asynccontextmanager
async def ended(hotline: Hotline, *names: str) -> AsyncIterator[None]:
    """Let components be stopped inside, and bring them back in the end."""
    for name in names:
        await hotline.stack.stop(name)
    try:
        yield
    finally:
        for name in reversed(names):
            await hotline.stack.start(name)


async def answered_by_the_plain_menu(hotline: Hotline, number: str, caller: Caller) -> None:
    """Take the plain menu's key 2 to an agent, talk, and let the record say how it went."""
    caller.press("2")
    await caller.rtp.wait_for(AGENT_TONE, 15)
    await caller.ended(30)
    call = await hotline.record(number, within=60)
    assert (call["disposition"], call["queue"], call["agent"]) == ("answered", "appt", "a1001")
    assert call["menu_path"].endswith("plain:2")


async def test_when_the_bridge_is_killed_in_the_menu_the_plain_menu_is_heard_within_2_s(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.0), hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 10)
        hotline.stack.kill("ivr", signal.SIGKILL)
        await caller.rtp.wait_for(PLAIN, 2)
        await answered_by_the_plain_menu(hotline, number, caller)
    assert hotline.events(number).count("FALLBACK") == 1
    await hotline.stack.ready("ivr")


async def test_when_the_bridge_hangs_in_the_menu_the_plain_menu_is_heard_within_8_s(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.0), hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 10)
        hotline.stack.kill("ivr", signal.SIGSTOP)
        await caller.rtp.wait_for(PLAIN, 8)
        await answered_by_the_plain_menu(hotline, number, caller)
    await hotline.stack.ready("ivr")


async def test_when_the_bridge_hangs_before_the_call_the_plain_menu_is_heard_within_8_s(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.0):
        hotline.stack.kill("ivr", signal.SIGSTOP)
        async with hotline.caller(number) as caller:
            await caller.answered()
            await caller.rtp.wait_for(PLAIN, 8)
            await answered_by_the_plain_menu(hotline, number, caller)
    await hotline.stack.ready("ivr")


async def test_a_stopped_bridge_is_not_even_asked_once_its_heartbeat_is_old(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with ended(hotline, "ivr"):
        # Longer than a heartbeat stays good: from here on the gate decides, not the question.
        await asyncio.sleep(7)
        async with hotline.agent(talk_seconds=2.0), hotline.caller(number) as caller:
            await caller.answered()
            await caller.rtp.wait_for(WELCOME, 2)
            await caller.rtp.wait_for(PLAIN, 5)
            await answered_by_the_plain_menu(hotline, number, caller)
    asked = [line for line in hotline.lines() if line["appname"] == "AGI"]
    assert hotline.call_id(number) not in {line["linkedid"] for line in asked}


async def test_ten_calls_while_all_of_ours_is_down_leave_ten_records_once_it_is_back(
    hotline: Hotline,
) -> None:
    numbers = [hotline.number() for _ in range(10)]

    async def call(number: str) -> bool:
        async with hotline.caller(number) as caller:
            await caller.answered()
            await caller.rtp.wait_for(PLAIN, 15)
            caller.press("0")
            await caller.rtp.wait_for(MUSIC, 10)
            caller.hang_up()
            return (await caller.ended(10)).answered

    async with ended(hotline, "ledger", "ivr"):
        assert await asyncio.gather(*map(call, numbers)) == [True] * 10
        rows = await hotline.rows("SELECT 1 FROM call WHERE caller = ANY($1)", numbers)
        assert rows == []
    calls = [await hotline.record(number, within=60) for number in numbers]
    assert {call["disposition"] for call in calls} == {"abandoned_in_queue"}
    assert len({call["call_id"] for call in calls}) == 10


async def test_a_call_goes_on_while_postgresql_is_stopped_and_its_record_comes_after(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=4.0) as agent, hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 10)
        async with ended(hotline, "postgres"):
            caller.press("0")
            await caller.rtp.wait_for(AGENT_TONE, 30)
            await agent.rtp.wait_for(CALLER_TONE, 5)
            await until(lambda: "LEFT" in hotline.events(number), 20)
            caller.hang_up()
            assert (await caller.ended(10)).answered
    call = await hotline.record(number, within=60)
    assert (call["disposition"], call["agent"]) == ("answered", "a1001")
    await hotline.recording(call["call_id"], within=60)


async def test_a_killed_asterisk_leaves_a_record_that_says_so_and_the_sound_so_far(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=60.0), hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 10)
        caller.press("0")
        await caller.rtp.wait_for(AGENT_TONE, 15)
        await asyncio.sleep(2)
        hotline.stack.kill("asterisk", signal.SIGKILL)
    await hotline.stack.ready("asterisk")
    # The journal of the new start, which its first call begins, tells that the old one is over.
    after = hotline.number()
    async with hotline.agent(talk_seconds=2.0), hotline.caller(after) as caller:
        await caller.rtp.wait_for(AGENT_TONE, 60)
        await caller.ended(30)
    lost, next_one = await hotline.record(number, within=60), await hotline.record(after)
    assert (lost["disposition"], next_one["disposition"]) == ("engine_lost", "answered")
    assert next_one["boot"] == lost["boot"] + 1
    assert (await hotline.recording(lost["call_id"], within=60))["milliseconds"] > 500
