"""The agents' desktop in a real browser, with real calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Playwright, expect

from deploy.stack.rtp import share_of
from tests.real.desk import PATIENCE_MS, Desk, chromium, open_desk, talking, write_microphone
from tests.real.hotline import AGENT_TONE, CALLER_TONE, CONSULT, MAIN, MUSIC, Hotline, until
from tests.real.test_desk_people import grave


@pytest_asyncio.fixture(loop_scope="session")
async def desk(people: Hotline, browser: Browser) -> AsyncIterator[Desk]:
    """A desk that has signed in."""
    async with open_desk(people, browser, "a2001") as desk:
        await desk.sign_in()
        await desk.line("ready")
        await desk.go_online()
        yield desk


async def test_an_agent_takes_a_call_and_both_hear_each_other(people: Hotline, desk: Desk) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        await desk.page.keyboard.press("F8")
        await caller.rtp.wait_for(MUSIC, within=30)
        await desk.page.keyboard.press("F8")
        await caller.rtp.wait_for(AGENT_TONE, within=30)
        await desk.page.keyboard.press("F4")
        await desk.idle()
        await caller.ended(within=30)
    record = await people.record(number)
    assert (record["agent"], record["disposition"]) == ("a2001", "answered")


async def test_a_ring_shows_what_the_menu_has_heard_and_leaves_nothing_to_wrap_up(
    people: Hotline, desk: Desk
) -> None:
    number, presence = people.number(), desk.page.locator("[data-test=presence]")
    async with people.caller(number) as caller:
        for question in (MAIN, CONSULT):
            await caller.rtp.wait_for(question, within=30)
            caller.press("1")
        await desk.call("ringing")
        await expect(presence).to_have_attribute("data-state", "ringing", timeout=PATIENCE_MS)
        category = desk.page.locator("[data-test=category]")
        await expect(category).to_have_attribute("data-code", "C02", timeout=PATIENCE_MS)
        await expect(desk.page.locator("[data-test=card]")).to_contain_text("疾病预防控制")
        await expect(desk.page.get_by_role("option").first).to_be_visible(timeout=PATIENCE_MS)
        caller.hang_up()
        await caller.ended(within=30)
    await desk.idle()
    await expect(presence).to_have_attribute("data-state", "available", timeout=PATIENCE_MS)
    assert (await people.record(number))["disposition"] == "abandoned_in_queue"


async def test_a_page_that_is_loaded_anew_is_back_in_its_call(people: Hotline, desk: Desk) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        await desk.page.reload()
        await people.says(number, "HOLD")
        await caller.rtp.wait_for(AGENT_TONE, within=30)
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
            await caller.rtp.wait_for(MUSIC, within=30)
            await again.sign_in()
            await again.page.get_by_role("button", name="在此接管").click()
            await again.call("talking")
            await caller.rtp.wait_for(AGENT_TONE, within=30)
            await again.hears(CALLER_TONE)
            await again.page.keyboard.press("F4")
            await caller.ended(within=30)
    assert (await people.record(number))["agent"] == "a2002"


SECOND_TONE = 1_000.0


async def pick(desk: Desk, words: str, *, keys: str) -> None:
    """Choose by the keyboard alone whom the caller goes to."""
    await desk.page.keyboard.press("F7")
    field = desk.page.get_by_role("combobox", name="转接到")
    await field.fill(words)
    await expect(desk.page.get_by_role("option", name=words)).to_be_visible(timeout=PATIENCE_MS)
    await field.press(keys)


@pytest_asyncio.fixture(loop_scope="session")
async def second(people: Hotline, playwright: Playwright) -> AsyncIterator[Desk]:
    """A colleague's desk whose microphone has a tone of its own; he takes no queue's calls."""
    microphone = people.workspace / "second.wav"
    write_microphone(microphone, SECOND_TONE)
    async with (
        chromium(playwright, microphone) as browser,
        open_desk(people, browser, "a2003") as desk,
    ):
        await desk.sign_in()
        await desk.line("ready")
        await desk.pause()
        yield desk


async def test_a_caller_is_handed_over_to_a_second_browser(
    people: Hotline, desk: Desk, second: Desk
) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        await pick(desk, "a2003", keys="Shift+Enter")
        await desk.idle()
        await second.call("ringing")
        await second.page.keyboard.press("F2")
        await second.hears(CALLER_TONE)
        await caller.rtp.wait_for(SECOND_TONE, within=30)
        await second.page.keyboard.press("F4")
        await caller.ended(within=30)
    assert (await people.record(number))["disposition"] == "answered"


async def test_a_colleague_is_asked_and_then_all_three_speak(
    people: Hotline, desk: Desk, second: Desk
) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        await pick(desk, "a2003", keys="Enter")
        await second.call("ringing")
        await second.page.keyboard.press("F2")
        await desk.hears(SECOND_TONE)
        await caller.rtp.wait_for(MUSIC, within=30)
        await second.hears(AGENT_TONE)
        await desk.page.get_by_role("button", name="三方通话").press("Enter")
        await expect(desk.page.locator("[data-test=consultation]")).to_contain_text(
            "三方通话中", timeout=PATIENCE_MS
        )
        await until(lambda: share_of(caller.rtp.audio(0.3), SECOND_TONE) > 0.2, 30)
        await until(lambda: share_of(caller.rtp.audio(0.3), AGENT_TONE) > 0.2, 30)
        await desk.page.get_by_role("button", name="退出，让双方继续").press("Enter")
        await desk.idle()
        await caller.rtp.wait_for(SECOND_TONE, within=30)
        await second.hears(CALLER_TONE)
        await second.page.keyboard.press("F4")
        await second.idle()
        await caller.ended(within=30)
    assert (await people.record(number))["disposition"] == "answered"


async def test_a_caller_is_taken_back_from_a_colleague_who_does_not_answer(
    people: Hotline, desk: Desk, second: Desk
) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        await pick(desk, "a2003", keys="Enter")
        await second.call("ringing")
        await caller.rtp.wait_for(MUSIC, within=30)
        await desk.page.get_by_role("button", name="完成转接").press("Enter")
        await expect(desk.page.get_by_text("对方尚未接听")).to_be_visible(timeout=PATIENCE_MS)
        await desk.page.get_by_role("button", name="取回来电者").press("Enter")
        await desk.hears(CALLER_TONE)
        await caller.rtp.wait_for(AGENT_TONE, within=30)
        await desk.page.keyboard.press("F4")
        await caller.ended(within=30)
    assert (await people.record(number))["agent"] == "a2001"


async def test_a_wrong_number_is_said_by_the_keyboard_alone_and_its_caller_is_not_asked_to_rate(
    people: Hotline, desk: Desk
) -> None:
    number, keys = people.number(), desk.page.keyboard
    menu = desk.page.locator("[data-test=exemption]")

    async def choose(name: str, reason: str) -> None:
        await menu.press("Enter")
        choices = desk.page.get_by_role("group", name="免评价").get_by_role("button")
        await expect(choices.first).to_be_focused(timeout=PATIENCE_MS)
        assert await grave(desk.page) == []
        names = await choices.all_inner_texts()
        for _ in range(next(at for at, one in enumerate(names) if name in one)):
            await keys.press("Tab")
        await keys.press("Enter")
        await expect(menu).to_have_attribute("data-reason", reason, timeout=PATIENCE_MS)

    async with people.caller(number) as caller:
        await talking(desk, caller)
        await choose("已口头转", "redirected")
        await choose("撤销", "")
        await choose("打错电话", "wrong_number")
        await keys.press("F4")
        await desk.idle()
        await caller.ended(within=30)
    call = await people.record(number)
    assert (call["rating_offered"], call["rating_exempt"]) == (False, "wrong_number")
    told = await people.rows(
        "SELECT action FROM audit WHERE object = $1 AND actor = 'a2001' ORDER BY seq",
        f"call:{call['call_id']}",
    )
    assert [row["action"] for row in told] == [
        *("call.exempted", "call.exemption_withdrawn", "call.exempted"),
    ]


async def test_a_number_is_shown_for_a_reason_and_the_sound_of_the_call_is_kept(
    people: Hotline, desk: Desk
) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await talking(desk, caller)
        shown = desk.page.locator("[data-test=number]")
        await expect(shown).to_contain_text("*", timeout=PATIENCE_MS)
        await desk.page.locator("[data-test=reveal]").press("Enter")
        await desk.page.get_by_label("查看原因").fill("核实来电者")
        await desk.page.get_by_label("查看原因").press("Enter")
        await expect(shown).to_have_text(number, timeout=PATIENCE_MS)
        await expect(desk.page.locator("[data-test=quality]")).to_be_visible(timeout=PATIENCE_MS)
        await desk.page.keyboard.press("F4")
        await desk.idle()
        await caller.ended(within=30)
    call = (await people.record(number))["call_id"]
    [audited] = await people.rows(
        "SELECT actor, detail FROM audit WHERE action = 'number.revealed' AND object = $1",
        f"call:{call}",
    )
    assert tuple(audited) == ("a2001", '{"reason": "核实来电者"}')
    async with asyncio.timeout(30):
        kept = "SELECT * FROM call_quality WHERE call_id = $1"
        while not (rows := await people.rows(kept, call)):  # noqa: ASYNC110 - a row appears
            await asyncio.sleep(0.1)
    assert rows[0]["person"] == "a2001"
    assert rows[0]["received"] > 50
    assert rows[0]["codec"]


USUAL = (
    "孩子昨晚开始发烧，三十九度，问要不要去医院",
    "咨询流感疫苗什么时候可以接种，在哪里打",
    "问医保报销比例是多少，异地就医怎么报",
    "想预约省人民医院的专家门诊",
    "投诉医院乱收费，态度不好",
)


async def test_a_usual_call_is_filed_with_at_most_four_keys_after_its_end(
    people: Hotline, desk: Desk
) -> None:
    pressed = {}
    for words in USUAL:
        number = people.number()
        async with people.caller(number) as caller:
            await desk.go_online()
            await talking(desk, caller)
            await desk.page.get_by_label("办理记录").fill(words)
            await expect(desk.page.get_by_role("option").first).to_be_visible(timeout=PATIENCE_MS)
            keys = ["F4"]
            await desk.page.keyboard.press("F4")
            await desk.idle()
            await caller.ended(within=30)
        call = (await people.record(number))["call_id"]
        for key in ("1", "Enter"):
            if await desk.page.locator("[data-test=category]").count() == 0 or key == "Enter":
                await wait_aimed(desk)
                keys.append(key)
                await desk.page.keyboard.press(key)
        async with asyncio.timeout(30):
            while not await people.rows(  # noqa: ASYNC110 - a row appears
                "SELECT code FROM request_version WHERE call_id = $1 AND code <> ''", call
            ):
                await asyncio.sleep(0.1)
        pressed[words] = keys[1:]
    assert max(map(len, pressed.values())) <= 4, pressed


async def wait_aimed(desk: Desk) -> None:
    """Wait until the hands are where the work is: at the category, or at saving."""
    at = "document.activeElement"
    aimed = f"({at}?.dataset.test ?? {at}?.role) === 'save' || {at}?.role === 'combobox'"
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not await desk.page.evaluate(aimed):  # noqa: ASYNC110 - the focus moves in the browser
            await asyncio.sleep(0.05)


async def test_an_agent_with_a_desk_telephone_follows_his_calls_and_dials_from_the_screen(
    people: Hotline, browser: Browser
) -> None:
    number = people.number()
    async with (
        people.agent("a1001", ring_seconds=5.0, talk_seconds=6.0),
        open_desk(people, browser, "a1001") as desk,
    ):
        await desk.sign_in()
        await desk.line("none")
        await desk.go_online()
        telephone = desk.page.get_by_role("region", name="电话")
        async with people.caller(number) as caller:
            await caller.rtp.wait_for(MAIN, within=30)
            caller.press("0")
            await desk.call("ringing")
            await expect(telephone).to_contain_text("请在桌面话机上接听", timeout=PATIENCE_MS)
            await desk.call("talking")
            await expect(desk.page.locator("[data-test=card]")).to_be_visible(timeout=PATIENCE_MS)
            await expect(telephone.get_by_role("button", name="转接")).to_be_visible()
            assert await grave(desk.page) == []
            await desk.idle()
            await caller.ended(within=30)
        field = telephone.get_by_label("号码或工号")
        await field.fill("0085212345678")
        await field.press("Enter")
        await expect(telephone).to_contain_text("不允许拨打此号码", timeout=PATIENCE_MS)
        async with people.agent("a1002") as colleague:
            await field.fill("a1002")
            await field.press("Enter")
            await desk.call("dialling")
            await desk.call("talking")
            await colleague.rtp.wait_for(AGENT_TONE, within=30)
            await desk.idle()
    assert (await people.record(number))["agent"] == "a1001"
    kept = (
        "SELECT disposition, array_agg(leg.agent ORDER BY position) FROM call"
        " JOIN leg USING (call_id) WHERE final AND (direction, dialled) = ('internal', 'a1002')"
        " GROUP BY call_id, 1"
    )
    async with asyncio.timeout(30):
        while not (rows := await people.rows(kept)):  # noqa: ASYNC110 - a row appears
            await asyncio.sleep(0.1)
    assert [tuple(row) for row in rows] == [("answered", ["a1001", "a1002"])]
