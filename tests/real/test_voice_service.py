"""What else a caller can hear and do, heard by its tones: messages, reasons of a rating."""

from __future__ import annotations

import asyncio

import pytest
import soundfile

from deploy.stack.rtp import share_of
from tests.real.hotline import (
    AGENT_TONE,
    CALLER_TONE,
    CONSULT,
    MAIN,
    MESSAGE,
    NIGHT,
    RATE_US,
    RATE_WHY,
    Hotline,
)


async def test_a_caller_who_is_dissatisfied_is_asked_why(hotline: Hotline) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.5), hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 10)
        caller.press("1")
        await caller.rtp.wait_for(CONSULT, 10)
        caller.press("3")
        await caller.rtp.wait_for(AGENT_TONE, 15)
        await caller.rtp.wait_for(RATE_US, 10)
        caller.press("3")
        await caller.rtp.wait_for(RATE_WHY, 5)
        caller.press("2")
        await caller.ended(10)
    call = await hotline.record(number)
    assert (call["rating_offered"], call["rating"], call["rating_reason"]) == (True, 3, 2)
    assert call["rating_exempt"] is None


async def test_a_caller_in_crisis_is_not_asked_to_rate_and_the_record_says_why(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=2.5), hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 10)
        caller.press("5")
        await caller.rtp.wait_for(AGENT_TONE, 15)
        await caller.ended(20)
    call = await hotline.record(number)
    assert (call["queue"], call["rating_offered"]) == ("psych", False)
    assert call["rating_exempt"] == "crisis"


@pytest.mark.parametrize(
    ("seconds", "ends_by", "disposition", "state"),
    [
        (4.0, "#", "voicemail", "new"),
        (4.0, "hang-up", "voicemail", "new"),
        (1.0, "hang-up", "abandoned_in_menu", "discarded"),
    ],
)
async def test_a_message_at_night_becomes_work_with_its_sound(
    hotline: Hotline, seconds: float, ends_by: str, disposition: str, state: str
) -> None:
    number = hotline.number()
    async with hotline.night(), hotline.caller(number) as caller:
        await caller.rtp.wait_for(NIGHT, 12)
        caller.press("2")
        await caller.rtp.wait_for(MESSAGE, 5)
        await hotline.says(number, "MESSAGE", 5)
        await asyncio.sleep(seconds / 2)
        caller.press("5")
        await asyncio.sleep(seconds / 2)
        if ends_by == "#":
            caller.press("#")
            await hotline.says(number, "MESSAGE_END", 5)
        else:
            caller.hang_up()
        await caller.ended(10)
    call = await hotline.record(number)
    assert call["disposition"] == disposition
    row = await hotline.recording(call["call_id"], leg="voicemail")
    sound, rate = soundfile.read(
        hotline.stack.settings.recordings.archive / row["path"], dtype="int16"
    )
    assert abs(len(sound) / rate - seconds) < 1.0
    assert share_of(sound[:, 0], CALLER_TONE) > 0.5, "the caller's voice, but for the keys"
    found = await hotline.rows("SELECT * FROM message WHERE call_id = $1", call["call_id"])
    assert [(one["queue"], one["state"], one["urgent"]) for one in found] == [
        ("anyone", state, False)
    ]
    assert abs(found[0]["length_ms"] - seconds * 1000) < 1_000
