"""Recordings through real Asterisk: sealed, decoded by the written format alone, and paused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import time
from statistics import median

import soundfile

from deploy.stack.rtp import RATE, share_of
from ivr.live import connect
from ivr.recordings.pausing import WISHES, Wish
from tests.real.hotline import AGENT_TONE, CALLER_TONE, MAIN, Hotline


async def test_a_sealed_opus_recording_holds_both_voices_and_shows_neither_on_disk(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.agent(talk_seconds=4.0), hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 20)
        caller.press("0")
        await caller.rtp.wait_for(AGENT_TONE, 30)
        await caller.ended(40)
    call = await hotline.record(number, within=60)
    row = await hotline.recording(call["call_id"], within=60)
    assert (row["format"], row["storage"]) == ("opus", "local")
    assert row["path"].endswith(f"/{call['call_id']}.opus.sealed")
    opened = hotline.sound(row)
    assert hashlib.sha256(opened).digest() == row["sha256"]
    on_disk = (hotline.stack.settings.recordings.archive / row["path"]).read_bytes()
    assert b"OggS" in opened
    assert b"OggS" not in on_disk
    sound, rate = soundfile.read(io.BytesIO(opened), dtype="int16")
    assert rate == RATE
    assert share_of(sound[:, 0], CALLER_TONE) > 0.8, "the caller's voice, on its own channel"
    assert share_of(sound[:, 1], AGENT_TONE) > 0.8, "the agent's voice, on its own channel"
    assert len(row["peaks"]) == 2_000
    raw = hotline.stack.settings.recordings.incoming / f"{call['call_id']}.raw"
    assert not raw.exists()


async def test_a_pause_leaves_out_what_was_said_and_marks_where(hotline: Hotline) -> None:
    number = hotline.number()

    async def wish(call_id: str, *, paused: bool, said: str) -> float:
        async with connect(hotline.stack.settings.redis) as redis:
            await WISHES.ask(redis, "n1", Wish(call_id, "a1001", paused, time.time() + 5))
        await hotline.says(number, said, 20)
        return hotline.at(number, said)

    async with hotline.agent(talk_seconds=9.0), hotline.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 20)
        caller.press("0")
        await caller.rtp.wait_for(AGENT_TONE, 30)
        call_id = hotline.call_id(number)
        assert call_id is not None
        await asyncio.sleep(1.5)
        paused = await wish(call_id, paused=True, said="RECORDING_PAUSED")
        await asyncio.sleep(2.5)
        resumed = await wish(call_id, paused=False, said="RECORDING_RESUMED")
        assert caller.rtp is not None
        await caller.ended(40)
    call = await hotline.record(number, within=60)
    row = await hotline.recording(call["call_id"], within=60)
    (mark,) = json.loads(row["pauses"])
    assert abs(mark["pause_ms"] - (resumed - paused) * 1_000) < 50
    assert 1_000 < mark["offset_ms"] < row["milliseconds"]
    left_out = call["talk_ms"] - row["milliseconds"]
    assert abs(left_out - mark["pause_ms"]) < 1_000, "what was said meanwhile is not in the file"
    sound, _ = soundfile.read(io.BytesIO(hotline.sound(row)), dtype="int16")
    # A tone that goes on after a piece was left out has another phase: short pieces are heard.
    pieces = (sound[at : at + RATE // 4, 0] for at in range(0, len(sound), RATE // 4))
    assert median(share_of(piece, CALLER_TONE) for piece in pieces) > 0.7
    code, said = await hotline.stack.ask("ivr", "verify")
    short = re.search(r"(?m)^(\w+) +\d+  recordings shorter than the talk$", said)
    assert short is not None, said
    talks = await hotline.rows(
        "SELECT call.call_id, call.talk_ms, recording.milliseconds, recording.pauses"
        " FROM call JOIN recording USING (opened_at, call_id) WHERE recording.leg = 'both'"
        " ORDER BY recording.milliseconds - call.talk_ms LIMIT 3"
    )
    assert short[1] == "ok", (code, said, [dict(talk) for talk in talks])
