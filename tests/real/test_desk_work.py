"""Work at hand in a real browser: a message that was really left, and somebody who gave up."""

from __future__ import annotations

import asyncio

from playwright.async_api import Browser, expect

from tests.real.desk import PATIENCE_MS, open_desk
from tests.real.hotline import MAIN, MESSAGE, NIGHT, Hotline
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
