"""Coming in for the first time, in a real browser; and what a page may not do wrong for anybody."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pyotp
import pytest
from playwright.async_api import Browser, Page, expect

from agents.passwords import STEP_SECONDS
from agents.roles import Role
from agents.service import make_link
from deploy.stack.desktop import SOURCE
from tests.real.desk import PATIENCE_MS, Desk, open_desk, talking
from tests.real.hotline import Hotline

PASSWORD: Final = "河边的旧磨坊今年又转起来了"  # noqa: S105 - of nobody
AXE: Final = SOURCE / "node_modules/axe-core/axe.min.js"
GRAVE: Final = {"serious", "critical"}


@asynccontextmanager
async def window(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(
        viewport={"width": 1366, "height": 768},
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        # A colour that fades into another is between the two when axe looks.
        reduced_motion="reduce",
    )
    try:
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page
    finally:
        await context.close()


async def enter(hotline: Hotline, page: Page, person: str, role: Role) -> None:
    """Come in by the operator's link."""
    link = await make_link(hotline.stack.settings, person, role)
    address = f"http://127.0.0.1:{hotline.stack.ports.web}/enter#{link.partition('#')[2]}"
    await page.goto(address)


async def invited(page: Page, person: str, name: str, role: str) -> str:
    """Let the administrator make a user by the keyboard alone; give the link."""
    await page.get_by_label("工号", exact=True).fill(person)
    await page.get_by_label("姓名", exact=True).fill(name)
    await page.get_by_role("combobox", name="角色", exact=True).focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("option", name=role).last.click()
    await page.get_by_label("姓名", exact=True).press("Enter")
    await expect(page.get_by_text(f"{person} 的一次性链接")).to_be_visible(timeout=PATIENCE_MS)
    return await page.locator("input[data-test=link], [data-test=link] input").input_value()


async def choose(page: Page, password: str) -> None:
    await page.get_by_label("新密码").fill(password)
    await page.get_by_label("再输一次").fill(password)
    await page.get_by_label("再输一次").press("Enter")


async def sign_in(page: Page, person: str, code: str = "") -> None:
    await page.get_by_label("工号").fill(person)
    await page.get_by_label("密码").fill(PASSWORD)
    await page.get_by_label("密码").press("Enter")
    if code:
        await page.get_by_label("动态验证码").fill(code)
        await page.get_by_label("动态验证码").press("Enter")


async def test_an_administrator_makes_a_supervisor_who_sets_up_his_own_way_in(
    people: Hotline, browser: Browser
) -> None:
    async with window(browser) as admin, window(browser) as page:
        await enter(people, admin, "admin", Role.ADMINISTRATOR)
        await expect(admin.get_by_role("heading", name="新建用户")).to_be_visible(
            timeout=PATIENCE_MS
        )
        link = await invited(admin, "s9", "王班长", "班长")
        await page.goto(link)
        await expect(page.get_by_role("heading", name="王班长")).to_be_visible(timeout=PATIENCE_MS)
        await choose(page, PASSWORD)
        await page.get_by_role("button", name="开始设置").press("Enter")
        shown = page.locator("[data-test=factor-key]")
        await expect(page.get_by_role("img", name="验证器二维码")).to_be_visible(
            timeout=PATIENCE_MS
        )
        codes = pyotp.TOTP((await shown.inner_text()).replace(" ", ""))
        now = time.time()
        await page.get_by_label("6 位验证码").fill(codes.at(now))
        await page.get_by_label("6 位验证码").press("Enter")
        await expect(page.get_by_text("设置完成")).to_be_visible(timeout=PATIENCE_MS)
        await sign_in(page, "s9", codes.at(now + STEP_SECONDS))
        await expect(page.locator("[data-test=presence]")).to_be_visible(timeout=PATIENCE_MS)
        row = admin.locator("[data-test=user-s9]")
        await admin.reload()
        await expect(row).to_contain_text("密码 · 验证器", timeout=PATIENCE_MS)
        await row.get_by_role("button", name="停用").click()
        await admin.get_by_role("button", name="确定").click()
        await expect(row).to_contain_text("已停用", timeout=PATIENCE_MS)
        # Shut out in the middle of his work: his desk is the sign-in again.
        await expect(page.get_by_label("工号")).to_be_visible(timeout=PATIENCE_MS)


async def test_a_forgotten_password_is_replaced_by_a_link(
    people: Hotline, browser: Browser
) -> None:
    async with (
        window(browser) as admin,
        window(browser) as page,
        open_desk(people, browser, "a2003") as desk,
    ):
        await enter(people, admin, "admin", Role.ADMINISTRATOR)
        row = admin.locator("[data-test=user-a2003]")
        await row.get_by_role("button", name="重置链接").click()
        link = admin.locator("input[data-test=link], [data-test=link] input")
        await page.goto(await link.input_value())
        await choose(page, PASSWORD)
        await expect(page.get_by_text("设置完成")).to_be_visible(timeout=PATIENCE_MS)
        await sign_in(page, "a2003")
        await page.get_by_role("link", name="我的账户").click()
        await page.get_by_label("当前密码").fill(PASSWORD)
        await choose(page, desk.password)
        await expect(page.get_by_text("密码已更改")).to_be_visible(timeout=PATIENCE_MS)
        await page.get_by_role("button", name="退出登录").click()
        await expect(page.get_by_label("工号")).to_be_visible(timeout=PATIENCE_MS)


async def grave(page: Page) -> list[str]:
    """Give what axe finds on the page as it stands that keeps somebody from using it."""
    await page.evaluate(AXE.read_text("utf-8"))
    found: dict[str, Any] = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{page.url} {one['id']}: {[node['target'] for node in one['nodes']][:3]}"
        for one in found["violations"]
        if one["impact"] in GRAVE
    ]


PAGES: Final = {
    Role.ADMINISTRATOR: ("people", "board", "account"),
    Role.SUPERVISOR: (
        "desk",
        "knowledge",
        "board",
        "reports",
        "submissions",
        "bulletins",
        "sound",
        "account",
    ),
    Role.EDITOR: ("knowledge",),
    Role.AUDITOR: ("audit",),
}


@pytest.mark.parametrize("theme", ["浅色", "深色"])
async def test_axe_finds_nothing_serious_on_any_page(
    people: Hotline, browser: Browser, theme: str
) -> None:
    found = []
    for role, pages in PAGES.items():
        async with window(browser) as page:
            await page.goto(f"http://127.0.0.1:{people.stack.ports.web}/")
            await expect(page.get_by_label("工号")).to_be_visible(timeout=PATIENCE_MS)
            await choose_theme(page, theme)
            found += await grave(page)
            await enter(people, page, f"{role.value}9", role)
            await expect(page.get_by_role("navigation")).to_be_visible(timeout=PATIENCE_MS)
            for name in pages:
                await page.goto(f"http://127.0.0.1:{people.stack.ports.web}/#/{name}")
                await expect(page.locator("main")).to_be_visible(timeout=PATIENCE_MS)
                await page.wait_for_load_state("networkidle")
                found += await grave(page)
    assert found == []


async def test_the_api_is_described_by_a_page_of_our_own_that_asks_nobody_else(
    people: Hotline, browser: Browser
) -> None:
    ours = f"http://127.0.0.1:{people.stack.ports.web}/"
    async with window(browser) as page:
        await enter(people, page, "supervisor9", Role.SUPERVISOR)
        await expect(page.get_by_role("navigation")).to_be_visible(timeout=PATIENCE_MS)
        described = await (await page.request.get(f"{ours}api/v1/openapi.json")).json()
        # A page of its own: what the desk says as it is left is not the description's.
        docs = await page.context.new_page()
        said: list[str] = []
        docs.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        docs.on("pageerror", lambda error: said.append(str(error)))
        docs.on(
            "request", lambda asked: None if asked.url.startswith(ours) else said.append(asked.url)
        )
        await docs.goto(f"{ours}api/v1/docs")
        operations = docs.locator(".opblock")
        await expect(operations).to_have_count(
            sum(len(item) for item in described["paths"].values()), timeout=PATIENCE_MS
        )
        login = docs.get_by_role("button", name="POST /api/v1/login", exact=True)
        await login.press("Enter")
        await expect(docs.get_by_text("Come in by password")).to_be_visible(timeout=PATIENCE_MS)
        await expect(docs.get_by_role("button", name="Try it out")).to_have_count(0)
        assert await grave(docs) == []
        assert said == []


async def choose_theme(page: Page, theme: str) -> None:
    """Press the look's button until it shows this one."""
    button = page.get_by_role("button", name=re.compile("外观"))
    for _ in range(3):
        if theme in (await button.get_attribute("aria-label") or ""):
            return
        await button.click()
    raise AssertionError(f"expected {theme} to be among the looks")


async def test_axe_finds_nothing_serious_in_a_call(people: Hotline, browser: Browser) -> None:
    number = people.number()
    async with (
        open_desk(people, browser, "a2001") as desk,
        window(browser) as chief,
        people.caller(number) as caller,
    ):
        await enter(people, chief, "supervisor9", Role.SUPERVISOR)
        await desk.sign_in()
        await desk.line("ready")
        await desk.go_online()
        await talking(desk, caller)
        await desk.page.locator("[data-test=reveal]").click()
        await suspected(desk)
        await desk.page.keyboard.press("F7")
        await expect(desk.page.get_by_label("转接到").first).to_be_visible(timeout=PATIENCE_MS)
        await desk.page.keyboard.press("F1")
        notice = chief.locator("[data-test=notice-help]")
        await expect(notice).to_contain_text("a2001 求助", timeout=PATIENCE_MS)
        found = [*await grave(desk.page), *await grave(chief)]
        await notice.get_by_role("button", name="知道了").press("Enter")
        await expect(notice).to_have_count(0, timeout=PATIENCE_MS)
        await asked_about(desk)
        await end(desk)
        await caller.ended(within=30)
    assert found == []


HIDDEN: Final = "他把自己的东西都送人了，说以后不麻烦大家了"
"""A danger of which no word stands there."""


async def suspected(desk: Desk) -> None:
    """Type what sounds like a danger: it is said, and the hands stay where they are."""
    note = desk.page.get_by_label("办理记录")
    await note.fill(HIDDEN)
    await expect(desk.page.locator("[data-test=suspicion]")).to_contain_text(
        "疑似险情，请核实", timeout=PATIENCE_MS
    )
    await expect(note).to_be_focused()
    await expect(desk.page.get_by_role("alert")).to_have_count(0)


async def asked_about(desk: Desk) -> None:
    """Say by the keyboard alone that the caller was asked, and go on where one was."""
    note = desk.page.get_by_label("办理记录")
    await note.focus()
    await desk.page.keyboard.press("Tab")
    await expect(desk.page.get_by_role("button", name="已核实")).to_be_focused()
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.locator("[data-test=suspicion]")).to_have_count(0)
    await expect(note).to_be_focused()


async def test_a_line_of_the_supervisors_stands_at_the_desk_until_it_is_put_away(
    people: Hotline, browser: Browser
) -> None:
    async with open_desk(people, browser, "a2001") as desk, window(browser) as chief:
        await desk.sign_in()
        await desk.own_line()
        await enter(people, chief, "supervisor9", Role.SUPERVISOR)
        await chief.get_by_role("link", name="看板").click()
        await chief.get_by_text("某人").click()
        await chief.get_by_label("工号").fill("a2001")
        await chief.get_by_label("内容").fill("<b>请到会议室</b>")
        await chief.get_by_label("内容").press("Enter")
        await expect(chief.locator("[data-test=notified]")).to_have_text(
            "已显示在 1 人的座席上。", timeout=PATIENCE_MS
        )
        notice = desk.page.locator("[data-test=notice-text]")
        await expect(notice).to_contain_text("：<b>请到会议室</b>", timeout=PATIENCE_MS)
        await expect(chief.locator("[data-test=notice-text]")).to_have_count(0)
        await notice.get_by_role("button", name="知道了").press("Enter")
        await expect(notice).to_have_count(0)
        await chief.get_by_label("工号").fill("supervisor9")
        await chief.get_by_label("内容").fill("有人吗")
        await chief.get_by_label("内容").press("Enter")
        await expect(chief.locator("[data-test=notified]")).to_contain_text("没有人看到")
        await expect(chief.get_by_label("内容")).to_have_value("有人吗")


async def test_the_auditor_sees_what_was_done_and_that_the_chain_holds(
    people: Hotline, browser: Browser, tmp_path: Path
) -> None:
    async with window(browser) as page:
        await enter(people, page, "auditor9", Role.AUDITOR)
        own = page.locator("[data-test='audit-link.made']").filter(has_text="auditor9")
        await expect(own.first).to_contain_text("operator", timeout=PATIENCE_MS)
        await page.get_by_label("人员").fill("auditor9")
        await page.get_by_label("人员").press("Enter")
        await expect(own).to_have_count(0, timeout=PATIENCE_MS)
        await expect(page.locator("[data-test='audit-audit.read']").first).to_contain_text(
            "查阅审计"
        )
        check = page.get_by_role("button", name="核验")
        await check.press("Enter")
        await expect(page.locator("[data-test=chain]")).to_contain_text(
            "哈希链完整", timeout=PATIENCE_MS
        )
        await expect(check).to_be_focused()
        async with page.expect_download() as download:
            await page.get_by_role("button", name="下载 CSV").press("Enter")
        taken = tmp_path / "audit.csv"
        await (await download.value).save_as(taken)
        assert {row[2] for row in csv.reader(taken.read_text("utf-8-sig").splitlines()[1:])} == {
            "auditor9"
        }


async def end(desk: Desk) -> None:
    await desk.page.keyboard.press("F4")
    await desk.idle()
