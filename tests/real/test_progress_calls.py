"""Progress of a work order by telephone: what is told, what is written, and who helps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
import soundfile

from deploy.stack.rtp import RATE, sine
from deploy.stack.sip import Caller
from tests.real.hotline import AGENT_TONE, MAIN, MUSIC, Hotline

NUMBER, PHONE, CLOSED, UNKNOWN, SERVED, SELF = 2700.0, 2900.0, 3100.0, 1330.0, 1420.0, 1610.0
_TONES = {
    "m_self": (SELF, 1.5),
    "f_progress": (NUMBER, 1.5),
    "f_phone": (PHONE, 1.5),
    "p_wo_closed": (CLOSED, 1.0),
    "p_not_found": (UNKNOWN, 1.0),
    "m_served": (SERVED, 1.5),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def orders(hotline: Hotline) -> AsyncIterator[None]:
    """One work order, and sounds of its own for what is said about it."""
    for key, (tone, seconds) in _TONES.items():
        path = hotline.stack.layout.sounds / "zh/hotline" / f"{key}.wav"
        soundfile.write(path, sine(tone, seconds), RATE, subtype="PCM_16")
    await hotline.rows(
        "INSERT INTO work_order (number, state, contact) "
        "VALUES ('20261118483920', 'closed', '13800007788')"
    )
    yield


async def asks(caller: Caller, number: str, phone: str) -> None:
    await caller.rtp.wait_for(NUMBER, 12)
    caller.press(f"{number}#")
    await caller.rtp.wait_for(PHONE, 12)
    caller.press(f"{phone}#")


async def chooses_progress(caller: Caller) -> None:
    await caller.rtp.wait_for(MAIN, 12)
    caller.press("6")
    await caller.rtp.wait_for(SELF, 8)
    caller.press("2")


async def requests(hotline: Hotline, call_id: str) -> list[asyncpg.Record]:
    return await hotline.rows("SELECT code FROM request WHERE call_id = $1", call_id)


async def test_who_knows_both_numbers_is_told_the_state_and_it_counts_as_a_request(
    hotline: Hotline,
) -> None:
    number = hotline.number()
    async with hotline.caller(number) as caller:
        await chooses_progress(caller)
        await asks(caller, "483920", "1111")
        await caller.rtp.wait_for(UNKNOWN, 10)
        await asks(caller, "483920", "7788")
        await caller.rtp.wait_for(CLOSED, 10)
        await caller.rtp.wait_for(SERVED, 10)
        caller.hang_up()
        await caller.ended(10)
    call = await hotline.record(number)
    assert call["disposition"] == "self_service"
    assert [row["code"] for row in await requests(hotline, call["call_id"])] == ["C99.03.01"]
    logs = [path.read_text("utf-8") for path in hotline.stack.layout.logs.glob("*.log")]
    written = [*logs, *(str(line) for line in hotline.lines_of(number))]
    assert not [text for text in written if "483920" in text or '"7788' in text]


async def test_after_three_look_ups_in_vain_a_person_helps(hotline: Hotline) -> None:
    number = hotline.number()
    async with hotline.caller(number) as caller:
        await chooses_progress(caller)
        for _ in range(3):
            await asks(caller, "000000", "0000")
            await asyncio.sleep(1)
        async with hotline.agent(talk_seconds=2):
            await caller.rtp.wait_for(AGENT_TONE, 20)
            await caller.ended(30)
    call = await hotline.record(number)
    assert (call["disposition"], call["queue"]) == ("answered", "complaint")


@pytest.mark.faults
async def test_while_the_database_is_away_a_person_helps_within_seconds(hotline: Hotline) -> None:
    number = hotline.number()
    async with hotline.caller(number) as caller:
        await chooses_progress(caller)
        await caller.rtp.wait_for(NUMBER, 12)
        await hotline.stack.stop("postgres")
        try:
            caller.press("483920#")
            await caller.rtp.wait_for(PHONE, 12)
            caller.press("7788#")
            await caller.rtp.wait_for(MUSIC, 12)
        finally:
            await hotline.stack.start("postgres")
        caller.hang_up()
        await caller.ended(10)
    call = await hotline.record(number, within=60)
    assert (call["disposition"], call["queue"]) == ("abandoned_in_queue", "complaint")
