"""Calls as they go on a good day: from the first ring to the record, heard by their tones."""

from __future__ import annotations

import asyncio
import hashlib
import io
from contextlib import AsyncExitStack

import pytest
import soundfile

from deploy.stack.rtp import share_of
from deploy.stack.sip import Caller
from deploy.stack.stack import AGENT_ADDRESS
from tests.real.hotline import (
    AGENT_TONE,
    CALLER_TONE,
    CONSULT,
    MAIN,
    MUSIC,
    RATE_US,
    WELCOME,
    Hotline,
)


async def test_an_answered_call_is_led_heard_rated_recorded_and_written_down(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=3.0) as agent, hotline.caller(number) as caller:
        await caller.answered()
        await caller.rtp.wait_for(WELCOME, 5)
        await caller.rtp.wait_for(MAIN, 10)
        caller.press("1")
        await caller.rtp.wait_for(CONSULT, 5)
        caller.press("1")
        await caller.rtp.wait_for(AGENT_TONE, 10)
        await agent.rtp.wait_for(CALLER_TONE, 2)
        await caller.rtp.wait_for(RATE_US, 10)
        caller.press("1")
        ledger = await caller.ended(10)
    assert ledger.answered
    assert ledger.hung_up_by_peer

    call = await hotline.record(number)
    assert (call["disposition"], call["queue"], call["agent"]) == ("answered", "consult", "a1001")
    assert (call["dialled"], call["direction"], call["fallback"]) == ("12320", "inbound", None)
    assert (call["rating_offered"], call["rating"]) == (True, 1)
    assert 2_500 <= call["talk_ms"] <= 4_000

    row = await hotline.recording(call["call_id"])
    opened = hotline.sound(row)
    assert hashlib.sha256(opened).digest() == row["sha256"]
    sound, rate = soundfile.read(io.BytesIO(opened), dtype="int16")
    assert rate == 8_000
    assert abs(len(sound) / rate * 1_000 - call["talk_ms"]) < 500
    assert share_of(sound[:, 0], CALLER_TONE) > 0.8, "the caller's voice, on its own channel"
    assert share_of(sound[:, 1], AGENT_TONE) > 0.8, "the agent's voice, on its own channel"
    requests = await hotline.rows("SELECT * FROM request WHERE call_id = $1", call["call_id"])
    assert [r["code"] for r in requests] == ["C02"]


ENDINGS = {
    "welcome": "abandoned_in_menu",
    "queue": "abandoned_in_queue",
    "ringing": "abandoned_in_queue",
    "talk": "answered",
    "rating": "answered",
}
"""How a call ends when the caller hangs up there, in the order in which he gets there; in every
question of the menus the golden calls hang up."""


async def lead(caller: Caller, step: str) -> None:
    """Lead a caller as far as `step`, by what he hears."""
    await caller.rtp.wait_for(WELCOME, 10)
    if step == "welcome":
        return
    await caller.rtp.wait_for(MAIN, 10)
    caller.press("1")
    await caller.rtp.wait_for(CONSULT, 10)
    caller.press("1")
    if step == "queue":
        await caller.rtp.wait_for(MUSIC, 10)
    elif step == "talk":
        await caller.rtp.wait_for(AGENT_TONE, 15)
    elif step == "rating":
        await caller.rtp.wait_for(RATE_US, 15)


@pytest.mark.parametrize("step", ENDINGS)
async def test_a_caller_may_hang_up_at_every_step_and_leaves_one_final_record(
    hotline: Hotline, step: str
) -> None:
    number = hotline.number()
    rings, talks = (12.0 if step == "ringing" else 0.3), (60.0 if step == "talk" else 2.0)
    async with AsyncExitStack() as parties:
        agent = hotline.agent(ring_seconds=rings, talk_seconds=talks)
        if step in {"ringing", "talk", "rating"}:
            await parties.enter_async_context(agent)
        caller = await parties.enter_async_context(hotline.caller(number))
        await lead(caller, step)
        if step == "ringing":
            await agent.sees("INVITE", 10)
        caller.hang_up()
        await caller.ended(10)
        call = await hotline.record(number)
    assert call["disposition"] == ENDINGS[step]
    assert hotline.events(number).count("LINKEDID_END") == 1
    rows = await hotline.rows("SELECT count(*) AS n FROM call WHERE caller = $1", number)
    assert rows[0]["n"] == 1


async def test_wrong_keys_end_at_a_person(hotline: Hotline) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.0), hotline.caller(number) as caller:
        async with asyncio.timeout(60):
            while "QUEUE" not in hotline.events(number):
                await caller.rtp.wait_for(MAIN, 20)
                caller.press("8")
                await asyncio.sleep(1.0)
        await caller.rtp.wait_for(AGENT_TONE, 10)
        await caller.rtp.wait_for(RATE_US, 10)
        caller.hang_up()
        await caller.ended(10)
    call = await hotline.record(number)
    assert (call["disposition"], call["queue"], call["agent"]) == ("answered", "anyone", "a1001")


async def test_silence_ends_at_a_person(hotline: Hotline) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.0), hotline.caller(number) as caller:
        await caller.rtp.wait_for(AGENT_TONE, 60)
        await caller.ended(40)
    call = await hotline.record(number)
    assert (call["disposition"], call["queue"]) == ("answered", "anyone")
    assert (call["rating_offered"], call["rating"]) == (True, None)


async def test_who_is_not_answered_by_one_agent_is_answered_by_the_next(hotline: Hotline) -> None:
    number = hotline.number()
    async with hotline.agent("a1001", ring_seconds=60.0) as first, hotline.caller(number) as caller:
        await lead(caller, "ringing")
        await first.sees("INVITE", 10)
        async with hotline.agent("a1002", talk_seconds=2.0, tone=1_000.0):
            await caller.rtp.wait_for(1_000.0, 30)
            await caller.ended(40)
        assert first.ledger.at("CANCEL", sent=False) is not None
        await hotline.unpause("a1001")
    call = await hotline.record(number)
    assert (call["disposition"], call["agent"]) == ("answered", "a1002")


async def test_a_number_that_is_not_ours_is_refused(hotline: Hotline) -> None:
    before = len(list(hotline.lines()))
    for number in ("12321", "12320%2c1", "12320&PJSIP", "0085212345678", "s", "${SHELL(id)}"):
        async with hotline.caller(hotline.number(), number=number) as caller:
            try:
                ledger = await caller.ended(6)
            except TimeoutError:
                ledger = caller.ledger
        assert not ledger.answered, number
    assert len(list(hotline.lines())) == before, "no channel was made"


async def test_nobody_but_the_trunk_calls_without_a_password(hotline: Hotline) -> None:
    caller = hotline.caller(hotline.number())
    caller.host = "127.0.0.9"
    async with caller:
        ledger = await caller.ended(10)
    assert ledger.statuses() == (401,)


async def test_asterisk_finds_nothing_missing_and_asks_no_name_server(hotline: Hotline) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.0), hotline.caller(number) as caller:
        await lead(caller, "rating")
        caller.press("1")
        await caller.ended(10)
    said = hotline.stack.log("asterisk").read_text("utf-8", "replace")
    assert '"level":"VERBOSE","message":"Asterisk Ready.' in said, "the log was read"
    for complaint in ("getaddrinfo", "No application", "not registered", "does not exist"):
        assert complaint not in said, complaint


async def test_an_agent_reaches_allowed_numbers_and_colleagues_and_nothing_else(
    hotline: Hotline,
) -> None:
    def dialler(number: str) -> Caller:
        user = "agent-a1003"
        secret = hotline.stack.agent_secret("a1003")
        caller = hotline.caller(user, number=number, longest_seconds=5.0, password=secret)
        caller.host = AGENT_ADDRESS
        return caller

    async with hotline.agent("a1001", talk_seconds=1.0), dialler("a1001") as caller:
        await caller.rtp.wait_for(AGENT_TONE, 10)
        assert (await caller.ended(10)).answered
    for number in ("0085212345678", "00", "+8613800000000", "19001234567890", "*97", "12320", "s"):
        async with dialler(number) as caller:
            ledger = await caller.ended(10)
        assert not ledger.answered, number
        assert ledger.statuses()[-1] == 404, number
