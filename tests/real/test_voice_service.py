"""What else a caller can hear and do, by its tones: messages, and the wait.

Ratings and everything in the menus is played by the golden calls.
"""

from __future__ import annotations

import asyncio
import io
import itertools
from contextlib import AsyncExitStack

import pytest
import soundfile

from deploy.stack.rtp import share_of
from deploy.stack.sip import Caller
from tests.real.hotline import (
    CALLER_TONE,
    MAIN,
    MESSAGE,
    NIGHT,
    OFFER,
    PLACE,
    Hotline,
    until,
)


@pytest.mark.parametrize(
    ("seconds", "ends_by", "disposition", "state"),
    [
        (4.0, "#", "voicemail", "new"),
        (4.0, "hang-up", "voicemail", "new"),
        (1.0, "hang-up", "night", "discarded"),
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
    sound, rate = soundfile.read(io.BytesIO(hotline.sound(row)), dtype="int16")
    assert abs(len(sound) / rate - seconds) < 1.0
    # Half a second at a time: the caller's tone loses its phase at each key, as a voice does not.
    pieces = (sound[at : at + rate // 2, 0] for at in range(0, len(sound) - rate // 2, rate // 4))
    assert max(share_of(piece, CALLER_TONE) for piece in pieces) > 0.8, "the caller's voice"
    found = await hotline.rows("SELECT * FROM message WHERE call_id = $1", call["call_id"])
    assert [(one["queue"], one["state"], one["urgent"]) for one in found] == [
        ("anyone", state, False)
    ]
    assert abs(found[0]["length_ms"] - seconds * 1000) < 1_000


async def waiting(
    hotline: Hotline, number: str, parties: AsyncExitStack, *, others: bool = False
) -> Caller:
    """Let one more caller wait for anybody; with others before him he is told so."""
    caller = await parties.enter_async_context(hotline.caller(number))
    await caller.rtp.wait_for(MAIN, 12)
    caller.press("0")
    if others:
        await caller.rtp.wait_for(PLACE, 6)
    await hotline.says(number, "QUEUE", 10)
    return caller


async def test_who_leaves_a_test_without_a_word_does_not_stand_in_the_next_ones_line(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with AsyncExitStack() as parties:
        await waiting(hotline, number, parties)
    await hotline.says(number, "LINKEDID_END", 10)


def stood(hotline: Hotline, number: str, at: float) -> bool:
    """Whether the caller was in the queue at this time, and had not only just come back."""
    entered = [
        (line["eventtype"] == "APP_START", float(line["eventtime"]))
        for line in hotline.lines_of(number)
        if line["appname"] == "Queue" and line["eventtype"] in {"APP_START", "APP_END"}
    ]
    stays, just_come = False, 0.5
    for enters, time in entered:
        if time <= (at - just_come if enters else at):
            stays = enters
    return stays


def chosen_at(hotline: Hotline, number: str) -> float:
    """Tell when the agent who answered the caller was rung."""
    return max(
        float(line["eventtime"])
        for line in hotline.lines_of(number)
        if line["eventtype"] == "CHAN_START" and line["channame"].startswith("PJSIP/agent-")
    )


async def test_who_left_the_line_for_a_moment_keeps_his_place(hotline: Hotline) -> None:
    numbers = [hotline.number() for _ in range(3)]
    async with AsyncExitStack() as parties:
        callers: list[Caller] = []
        for number in numbers[:2]:
            callers.append(await waiting(hotline, number, parties, others=bool(callers)))
        # The first presses a key that is not offered yet, and leaves the queue by it; the others
        # leave it every few seconds, because their places might have changed. He does so before the
        # third one comes, who may take so long on a busy machine that the key is offered.
        callers[0].press("2")
        await until(lambda: hotline.contexts(numbers[0], "APP_END")[-1] == "queue-key", 5)
        callers.append(await waiting(hotline, numbers[2], parties, others=True))
        await parties.enter_async_context(hotline.agent(talk_seconds=1.5))
        for number in numbers:
            await hotline.says(number, "BRIDGE_ENTER", 60)
        for caller in callers:
            await caller.ended(60)
    calls = [await hotline.record(number) for number in numbers]
    assert [call["disposition"] for call in calls] == ["answered"] * 3
    for before, number in enumerate(numbers):
        positions = hotline.positions(number)
        assert len(positions) > 1, "the line was left, and entered again"
        assert max(positions) <= before + 1, "never behind somebody who came later"
    # Who is out of the line at the moment when an agent gets free is told his place or an offer.
    for earlier, later in itertools.combinations(numbers, 2):
        answered = chosen_at(hotline, later)
        passed = stood(hotline, earlier, answered) and answered < chosen_at(hotline, earlier)
        assert not passed, "nobody who stood in line was passed by who came later"
    visits = await hotline.rows(
        "SELECT count(*) AS n FROM queue_visit WHERE call_id = ANY ($1::text[])",
        [call["call_id"] for call in calls],
    )
    assert visits[0]["n"] == 3, "one stay each, however often the queue was left and entered"


async def test_who_has_waited_long_may_leave_a_message_instead(hotline: Hotline) -> None:
    first, second = hotline.number(), hotline.number()
    async with AsyncExitStack() as parties:
        callers = [await waiting(hotline, first, parties)]
        callers.append(await waiting(hotline, second, parties, others=True))
        for number, caller in zip((first, second), callers, strict=True):
            await caller.rtp.wait_for(OFFER, 25)
            caller.press("2")
            await hotline.says(number, "MESSAGE", 8)
        await asyncio.sleep(3.5)
        for caller in callers:
            caller.hang_up()
            await caller.ended(10)
    for number in (first, second):
        call = await hotline.record(number)
        assert (call["disposition"], call["queue"]) == ("voicemail", "anyone")
        assert call["wait_ms"] > 15_000
        rows = await hotline.rows("SELECT * FROM message WHERE call_id = $1", call["call_id"])
        assert [(row["queue"], row["state"]) for row in rows] == [("anyone", "new")]
