"""The agents' desktop in a real browser, with real calls."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.real.desk import Desk, chromium, open_desk, write_microphone
from tests.real.hotline import AGENT_TONE, CALLER_TONE, MAIN, MUSIC, Hotline


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def people(hotline: Hotline) -> Hotline:
    """The hotline with its people's side."""
    await hotline.stack.start("desktop", "agents")
    return hotline


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(people: Hotline) -> AsyncIterator[Browser]:
    microphone = people.workspace / "microphone.wav"
    microphone.parent.mkdir(parents=True, exist_ok=True)
    write_microphone(microphone)
    async with async_playwright() as playwright, chromium(playwright, microphone) as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(people: Hotline, browser: Browser) -> AsyncIterator[Desk]:
    """A desk that has signed in."""
    desk = await open_desk(people, browser, "a2001")
    await desk.sign_in()
    yield desk
    await desk.page.context.close()


async def test_an_agent_takes_a_call_and_both_hear_each_other(people: Hotline, desk: Desk) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await caller.answered()
        await caller.rtp.wait_for(MAIN, within=10)
        caller.press("0")
        await desk.call("ringing")
        await desk.page.keyboard.press("F2")
        await desk.call("talking")
        await caller.rtp.wait_for(AGENT_TONE, within=10)
        await desk.hears(CALLER_TONE)
        await desk.page.keyboard.press("F8")
        await caller.rtp.wait_for(MUSIC, within=10)
        await desk.page.keyboard.press("F8")
        await caller.rtp.wait_for(AGENT_TONE, within=10)
        await desk.page.keyboard.press("F4")
        await desk.idle()
        await caller.ended(within=30)
    record = await people.record(number)
    assert (record["agent"], record["disposition"]) == ("a2001", "answered")
