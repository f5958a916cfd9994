"""What an agent and his caller notice of a flushed Redis, a killed server and a dead browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest_asyncio
from playwright.async_api import Browser, Playwright, Route, expect
from playwright.async_api import Error as PlaywrightError
from redis.asyncio import Redis

from agents.roles import Role
from deploy.stack import valkey
from tests.real.desk import PATIENCE_MS, Desk, chromium, open_desk, talking
from tests.real.hotline import AGENT_TONE, CALLER_TONE, MAIN, MUSIC, Hotline, until
from tests.real.test_desk_people import enter, window

NOTE = "咨询流感疫苗什么时候可以接种，在哪里打"


@pytest_asyncio.fixture(loop_scope="session")
async def desk(people: Hotline, browser: Browser) -> AsyncIterator[Desk]:
    async with open_desk(people, browser, "a2001") as desk:
        await desk.sign_in()
        await desk.own_line()
        yield desk


async def write_down(desk: Desk) -> None:
    """Type what it was about, and its category."""
    await desk.page.get_by_label("办理记录").fill(NOTE)
    category = desk.page.get_by_role("combobox", name="类别")
    await category.fill("C02.01.01")
    await expect(desk.page.get_by_role("option").first).to_contain_text(
        "C02.01.01", timeout=PATIENCE_MS
    )
    await category.press("Enter")
    await expect(desk.page.locator("[data-test=save]")).to_be_enabled(timeout=PATIENCE_MS)
    await expect(desk.page.locator("[data-test=kept]")).to_have_text(
        "草稿已保存", timeout=PATIENCE_MS
    )


async def filed(people: Hotline, call_id: str) -> int:
    [(count,)] = await people.rows(
        "SELECT count(*) FROM request_version WHERE call_id = $1", call_id
    )
    return int(count)


async def saved(desk: Desk) -> None:
    """Press save for as long as the form is still there, as anybody would."""
    button = desk.page.locator("[data-test=save]")
    async with asyncio.timeout(90):
        while await desk.page.get_by_label("办理记录").input_value():
            if await button.is_enabled() and "is-loading" not in (
                await button.get_attribute("class") or ""
            ):
                await button.press("Enter")
            await asyncio.sleep(0.1)


async def test_a_flushed_redis_in_a_call_is_noticed_by_nobody(people: Hotline, desk: Desk) -> None:
    number = people.number()
    await desk.go_online()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        async with Redis.from_url(valkey.url(people.stack.layout)) as redis:
            await redis.flushall()
        await write_down(desk)
        # Longer than lease and session are looked after: both were lost, and neither is missed.
        await asyncio.sleep(6)
        await desk.line("ready")
        await desk.call("talking")
        await desk.hears(CALLER_TONE)
        await desk.page.keyboard.press("F8")
        await caller.rtp.wait_for(MUSIC, within=30)
        await desk.page.keyboard.press("F8")
        await caller.rtp.wait_for(AGENT_TONE, within=30)
        await desk.page.keyboard.press("F4")
        await desk.idle()
        await caller.ended(within=30)
    presence = desk.page.locator("[data-test=presence]")
    await expect(presence).to_have_attribute("data-state", "wrap_up", timeout=PATIENCE_MS)
    await saved(desk)
    await expect(presence).to_have_attribute("data-state", "available", timeout=PATIENCE_MS)
    record = await people.record(number)
    assert (record["agent"], record["disposition"]) == ("a2001", "answered")
    assert await filed(people, record["call_id"]) == 1


@asynccontextmanager
async def held_up(people: Hotline, table: str) -> AsyncIterator[None]:
    """Let everybody wait who wants to write into a table."""
    connection = await asyncpg.connect(people.database, timeout=5)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield
    finally:
        await connection.close(timeout=5)


async def test_a_form_whose_server_was_killed_while_it_was_saved_is_there_once(
    people: Hotline, desk: Desk
) -> None:
    number, saves = people.number(), "**/api/v1/calls/*/requests"
    await desk.go_online()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        await write_down(desk)
        await desk.page.keyboard.press("F4")
        await desk.idle()
        await caller.ended(within=30)
    call_id = (await people.record(number))["call_id"]
    lost = asyncio.Event()

    async def lose_answer(route: Route) -> None:
        """Let the server commit, kill it, and let nobody hear what it said."""
        if lost.is_set():
            await route.continue_()
            return
        with suppress(PlaywrightError):  # it has just been killed, and is not back yet
            if (await route.fetch()).ok:
                lost.set()
                people.stack.kill("agents")
        await route.abort()

    async with held_up(people, "request_version"):
        await desk.page.locator("[data-test=save]").press("Enter")
        waits = (
            "SELECT 1 FROM pg_locks WHERE relation = 'request_version'::regclass AND NOT granted"
        )
        async with asyncio.timeout(30):
            while not await people.rows(waits):  # noqa: ASYNC110 - another process waits
                await asyncio.sleep(0.05)
        await desk.page.route(saves, lose_answer)
        people.stack.kill("agents")
    await people.stack.ready("agents")
    assert await filed(people, call_id) == 0
    await saved(desk)
    assert lost.is_set()
    await desk.page.unroute(saves)
    assert await filed(people, call_id) == 1
    await desk.line("ready")


_GAVE_UP = """
INSERT INTO call (
    opened_at, call_id, node, boot, direction, caller, dialled, started_at, answered_at, ended_at,
    final, disposition, short, menu_path, wait_ms, ring_ms, talk_ms, hold_ms, rating_offered,
    recorded, inexact, digest)
SELECT call_opened_at(id), id, 'n1', 1, 'inbound', $1, '12320', call_opened_at(id),
       call_opened_at(id), now(), true, 'abandoned_in_queue', false, 'm_main>0', 30000, 0, 0, 0,
       false, false, false, sha256('x')
FROM (SELECT 'n1-1-' || (extract(epoch FROM now())::bigint - 600) || '.' || n AS id
      FROM generate_series(900001, 900003) AS n) AS calls
"""


@asynccontextmanager
async def urgent(people: Hotline) -> AsyncIterator[str]:
    """Give the number of somebody who gave up thrice lately, and comes before most others."""
    number = people.number()
    await people.rows(_GAVE_UP, number)
    try:
        yield number
    finally:
        await people.rows("DELETE FROM call WHERE caller = $1 AND call_id LIKE '%.90000_'", number)


async def test_the_caller_of_a_browser_that_stays_dead_is_first_in_line_and_it_is_told(
    people: Hotline, playwright: Playwright, browser: Browser, desk: Desk
) -> None:
    number = people.number()
    await desk.pause()
    async with (
        chromium(playwright, people.workspace / "microphone.wav") as dying,
        open_desk(people, dying, "a2002") as lost,
        open_desk(people, browser, "a2002") as back,
        window(browser) as chief,
        people.short_patience(15),
        urgent(people) as later,
    ):
        await enter(people, chief, "supervisor9", Role.SUPERVISOR)
        await lost.sign_in()
        await lost.line("ready")
        await lost.go_online()
        async with people.caller(number) as caller:
            await talking(lost, caller)
            await lost.crash()
            async with people.caller(later) as other:
                await other.rtp.wait_for(MAIN, within=30)
                other.press("0")
                await people.says(later, "QUEUE", 30)
                await caller.rtp.wait_for(MUSIC, within=30)
                notice = chief.locator("[data-test=notice-agent_lost]")
                await expect(notice).to_contain_text("a2002", timeout=40_000)
                await until(lambda: len(people.positions(number)) > 1, 30)
                await desk.go_online()
                await desk.call("ringing")
                await desk.page.keyboard.press("F2")
                # The one who answers takes him, though the other one waits too.
                await caller.rtp.wait_for(AGENT_TONE, within=30)
                await back.sign_in()
                await back.page.get_by_role("button", name="在此接管").click()
                await back.line("ready")
                await back.idle()
                await desk.page.keyboard.press("F4")
                await caller.ended(within=30)
                other.hang_up()
                await other.ended(within=30)
    call_id = (await people.record(number))["call_id"]
    spoke = await people.rows("SELECT DISTINCT agent FROM leg WHERE call_id = $1", call_id)
    assert {row["agent"] for row in spoke} >= {"a2001", "a2002"}
