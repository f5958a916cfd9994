"""Work at hand in a real browser: a message that was really left, and somebody who gave up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, expect

from tests.real.desk import PATIENCE_MS, open_desk
from tests.real.hotline import AGENT_TONE, MAIN, MESSAGE, NIGHT, Hotline
from tests.real.test_desk_people import grave

MOBILE = "19900008001"
"""Somebody who can be called back."""


async def left_behind(people: Hotline, gave_up: str, spoke: str) -> tuple[str, str]:
    """Let one caller give up after a real wait, and one leave a message; give both calls."""
    async with people.caller(gave_up) as waits:
        await waits.rtp.wait_for(MAIN, within=30)
        waits.press("0")
        await people.says(gave_up, "QUEUE")
        began = asyncio.get_running_loop().time()
        async with people.night(), people.caller(spoke) as caller:
            await caller.rtp.wait_for(NIGHT, within=30)
            caller.press("2")
            await caller.rtp.wait_for(MESSAGE, within=30)
            await people.says(spoke, "MESSAGE")
            await asyncio.sleep(4)
            caller.hang_up()
            await caller.ended(within=30)
        # Who gives up at once is not called back.
        await asyncio.sleep(max(0.0, began + 12 - asyncio.get_running_loop().time()))
        waits.hang_up()
        await waits.ended(within=30)
    message = (await people.record(spoke))["call_id"]
    await people.recording(message, leg="voicemail")
    return (await people.record(gave_up))["call_id"], message


async def test_a_message_is_heard_and_a_missed_caller_claimed_by_the_keyboard_alone(
    people: Hotline, browser: Browser
) -> None:
    gave_up, spoke = MOBILE, people.number()
    missed, message = await left_behind(people, gave_up, spoke)
    async with open_desk(people, browser, "a2001") as desk:
        await desk.sign_in()
        await desk.line("ready")
        await desk.page.keyboard.press("F10")
        await expect(desk.page.get_by_role("heading", name="待办")).to_be_focused(
            timeout=PATIENCE_MS
        )
        item = desk.page.locator(f"[data-test='message-{message}']")
        await item.get_by_role("button", name="受理").press("Enter")
        await item.get_by_role("button", name="收听").press("Enter")
        sound = item.locator("[data-test=sound]")
        await expect(sound).to_be_visible(timeout=PATIENCE_MS)
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while not await sound.evaluate("one => one.currentTime > 0.5 && one.duration > 2"):  # noqa: ASYNC110 - the sound plays in the browser
                await asyncio.sleep(0.1)
        [entry] = await people.rows(
            "SELECT missed_id FROM missed_caller WHERE call_id = $1", missed
        )
        other = desk.page.locator(f"[data-test='missed-{entry['missed_id']}']")
        await other.get_by_role("button", name="领取并显示号码").press("Enter")
        await expect(other.locator("[data-test=missed-number]")).to_have_text(
            gave_up, timeout=PATIENCE_MS
        )
        assert await grave(desk.page) == []
        await item.get_by_role("button", name="已办结").press("Enter")
        await expect(item).to_have_count(0, timeout=PATIENCE_MS)
        await other.get_by_role("button", name="未接通").press("Enter")
        await expect(other).to_have_count(0, timeout=PATIENCE_MS)
    done = await people.rows("SELECT state, taken_by FROM message WHERE call_id = $1", message)
    assert [tuple(row) for row in done] == [("done", "a2001")]
    settled = await people.rows("SELECT state FROM missed_caller WHERE call_id = $1", missed)
    assert [row["state"] for row in settled] == ["not_reached"]
    told = await people.rows(
        "SELECT action FROM audit WHERE actor = 'a2001' AND object = ANY ($1) ORDER BY action",
        [f"missed:{entry['missed_id']}", f"call:{message}", message],
    )
    assert {row["action"] for row in told} >= {"number.revealed", "message.taken"}
    heard = await people.rows(
        "SELECT 1 FROM audit WHERE actor = 'a2001' AND action = 'recording.listened'"
    )
    assert heard


_CALLED_BACK = """
WITH ticket AS (
    INSERT INTO callback_ticket (opened_at, call_id, node, number, queue, urgency, entered_at,
                                 booked_at, due_at, state)
    SELECT opened_at, call_id, 'n1', '13900007777', 'consult', 0, now(), now(), now(), 'calling'
    FROM call WHERE call_id = $1 RETURNING ticket_id)
INSERT INTO callback_attempt (attempt_id, ticket_id, round, not_after, dialled_at)
SELECT $1, ticket_id, 1, now(), now() FROM ticket RETURNING ticket_id
"""


@asynccontextmanager
async def taken_for_a_call_back(people: Hotline, number: str) -> AsyncIterator[str]:
    """Let the people's side take a call for one of our own that calls somebody back."""
    await people.says(number, "QUEUE")
    call_id = str(people.call_id(number))
    async with asyncio.timeout(30):
        while not (made := await people.rows(_CALLED_BACK, call_id)):  # noqa: ASYNC110 - its record appears
            await asyncio.sleep(0.1)
    try:
        yield call_id
    finally:
        for table in ("callback_attempt", "callback_ticket"):
            await people.rows(f"DELETE FROM {table} WHERE ticket_id = $1", made[0]["ticket_id"])  # noqa: S608 - one of two names


async def test_that_a_call_back_met_a_machine_is_said_and_taken_back_with_the_hands_on_one_button(
    people: Hotline, browser: Browser
) -> None:
    number = people.number()
    async with open_desk(people, browser, "a2001") as desk, people.caller(number) as caller:
        keys, box = desk.page.keyboard, desk.page.locator("[data-test=not-reached]")
        button = box.get_by_role("button")
        await caller.rtp.wait_for(MAIN, within=30)
        caller.press("0")

        async def press(said: str) -> None:
            await keys.press("Enter")
            await expect(box).to_have_attribute("data-said", said, timeout=PATIENCE_MS)
            await expect(button).to_be_focused(timeout=PATIENCE_MS)

        async with taken_for_a_call_back(people, number) as call_id:
            await desk.sign_in()
            await desk.own_line()
            await desk.go_online()
            await desk.call("ringing")
            await expect(desk.page.locator("[data-test=card]")).to_be_visible(timeout=PATIENCE_MS)
            await expect(box).to_have_count(0)
            await keys.press("F2")
            await caller.rtp.wait_for(AGENT_TONE, within=30)
            await expect(box).to_have_attribute("data-said", "false", timeout=PATIENCE_MS)
            assert await grave(desk.page) == []
            await button.focus()
            for said in ("true", "false", "true"):
                await press(said)
            await keys.press("F4")
            await desk.idle()
            await caller.ended(within=30)
            await button.focus()
            await press("false")
            [attempt] = await people.rows(
                "SELECT not_reached_by FROM callback_attempt WHERE attempt_id = $1", call_id
            )
            assert attempt["not_reached_by"] is None
            await press("true")
        call = await people.record(number)
    assert (call["rating_offered"], call["rating_exempt"]) == (False, "not_reached")
