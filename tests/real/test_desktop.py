"""The agents' desktop in a real browser, with real calls."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright

from deploy.stack.sip import Caller
from tests.real.desk import Desk, chromium, open_desk, write_microphone
from tests.real.hotline import AGENT_TONE, CALLER_TONE, MAIN, MUSIC, Hotline


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def people(hotline: Hotline) -> Hotline:
    """The hotline with its people's side."""
    hotline.workspace.mkdir(parents=True, exist_ok=True)
    write_microphone(hotline.workspace / "microphone.wav")
    await hotline.stack.start("desktop", "agents")
    return hotline


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(people: Hotline, playwright: Playwright) -> AsyncIterator[Browser]:
    async with chromium(playwright, people.workspace / "microphone.wav") as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def desk(people: Hotline, browser: Browser) -> AsyncIterator[Desk]:
    """A desk that has signed in."""
    async with open_desk(people, browser, "a2001") as desk:
        await desk.sign_in()
        await desk.line("ready")
        await desk.go_online()
        yield desk


async def talking(desk: Desk, caller: Caller) -> None:
    """Bring a caller and the agent at the desk together."""
    await caller.answered()
    await caller.rtp.wait_for(MAIN, within=10)
    caller.press("0")
    await desk.call("ringing")
    await desk.page.keyboard.press("F2")
    await desk.call("talking")
    await caller.rtp.wait_for(AGENT_TONE, within=10)
    await desk.hears(CALLER_TONE)


async def test_an_agent_takes_a_call_and_both_hear_each_other(people: Hotline, desk: Desk) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        await desk.page.keyboard.press("F8")
        await caller.rtp.wait_for(MUSIC, within=10)
        await desk.page.keyboard.press("F8")
        await caller.rtp.wait_for(AGENT_TONE, within=10)
        await desk.page.keyboard.press("F4")
        await desk.idle()
        await caller.ended(within=30)
    record = await people.record(number)
    assert (record["agent"], record["disposition"]) == ("a2001", "answered")


async def test_a_page_that_is_loaded_anew_is_back_in_its_call(people: Hotline, desk: Desk) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        await desk.page.reload()
        await people.says(number, "HOLD")
        await caller.rtp.wait_for(AGENT_TONE, within=10)
        await desk.call("talking")
        await desk.hears(CALLER_TONE)
        await desk.page.keyboard.press("F4")
        await desk.idle()
        await caller.ended(within=30)
    record = await people.record(number)
    assert (record["agent"], record["disposition"]) == ("a2001", "answered")


async def test_an_agent_whose_browser_died_takes_over_elsewhere_and_has_his_call(
    people: Hotline, playwright: Playwright, browser: Browser
) -> None:
    number, microphone = people.number(), people.workspace / "microphone.wav"
    async with (
        chromium(playwright, microphone) as dying,
        open_desk(people, dying, "a2002") as desk,
        open_desk(people, browser, "a2002") as again,
    ):
        await desk.sign_in()
        await desk.line("ready")
        await desk.go_online()
        async with people.caller(number) as caller:
            await talking(desk, caller)
            await desk.crash()
            await caller.rtp.wait_for(MUSIC, within=15)
            await again.sign_in()
            await again.page.get_by_role("button", name="在此接管").click()
            await again.call("talking")
            await caller.rtp.wait_for(AGENT_TONE, within=10)
            await again.hears(CALLER_TONE)
            await again.page.keyboard.press("F4")
            await caller.ended(within=30)
    assert (await people.record(number))["agent"] == "a2002"
