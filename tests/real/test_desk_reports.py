"""The reports at hand in a real browser, over calls that were really made."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
from playwright.async_api import Browser, Page, expect

from agents.roles import Role
from agents.service import make_link, running
from tests.agents.post_office import PostOffice, post_office, settings_for
from tests.real.desk import PATIENCE_MS
from tests.real.hotline import MAIN, Hotline
from tests.real.test_desk_people import enter, grave, window

CHIEF: Final = "chief@wjw.example.cn"


async def test_a_supervisor_counts_the_calls_of_the_day_and_takes_the_figures_along(
    people: Hotline, browser: Browser, tmp_path: Path
) -> None:
    number = people.number()
    async with people.caller(number) as caller:
        await caller.rtp.wait_for(MAIN, 15)
        caller.press("0")
        await people.says(number, "QUEUE", 20)
        caller.hang_up()
        await caller.ended(10)
    await people.record(number)
    expected = "SELECT count(*), count(*) FILTER (WHERE outcome = 'answered') FROM queue_visit"
    [(requested, answered)] = await people.rows(f"{expected} WHERE position = 1")
    async with window(browser) as page:
        await enter(people, page, "supervisor9", Role.SUPERVISOR)
        await page.get_by_role("link", name="报表").click()
        await page.get_by_role("button", name="统计").press("Enter")
        total = page.get_by_role("row", name="合计")
        await expect(total.get_by_role("cell").nth(0)).to_have_text(str(requested))
        await expect(total.get_by_role("cell").nth(1)).to_have_text(str(answered))
        async with page.expect_download() as download:
            await page.get_by_role("button", name="下载 CSV").press("Enter")
        taken = tmp_path / "day.csv"
        await (await download.value).save_as(taken)
        rows = list(csv.reader(io.StringIO(taken.read_text("utf-8-sig"))))
        assert sum(int(row[1]) for row in rows[1:]) == requested
        row = page.locator("tbody").get_by_role("row").last
        counted = await row.get_by_role("cell").first.inner_text()
        await row.get_by_role("button").press("Enter")
        behind = page.get_by_role("region", name="的来电")
        await expect(behind.locator("tbody").get_by_role("row")).to_have_count(int(counted))
        await expect(behind).to_contain_text(people.call_id(number) or "no such call")
        await choose(page, "报表", "按类别统计服务请求")
        await choose(page, "时段", "上年")
        async with held(people):
            await page.get_by_role("button", name="统计").press("Enter")
            await expect(page.locator("[data-test=progress]")).to_be_visible()
            await waiting(people, 1)
            await page.get_by_role("button", name="停止").press("Enter")
            await waiting(people, 0)
            await expect(page.locator("[data-test=progress]")).to_be_hidden()
        await page.get_by_label("起始日").fill("2020-01-01")
        await page.get_by_label("截止日").fill("2020-01-02")
        await page.get_by_label("截止日").press("Enter")
        await expect(page.get_by_text("这段时间没有数据")).to_be_visible(timeout=PATIENCE_MS)


@asynccontextmanager
async def held(people: Hotline) -> AsyncIterator[None]:
    """Let no statement read requests while the block runs."""
    connection = await asyncpg.connect(people.database)
    try:
        async with connection.transaction():
            await connection.execute("LOCK request IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def waiting(people: Hotline, count: int) -> None:
    """Wait until PostgreSQL has this many statements of reports that wait for requests."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE '%report.request%' AND pid <> pg_backend_pid()"
    )
    async with asyncio.timeout(60):
        while (await people.rows(asked))[0][0] != count:  # noqa: ASYNC110 - PostgreSQL changes it
            await asyncio.sleep(0.05)


@asynccontextmanager
async def mailing(people: Hotline, office: PostOffice) -> AsyncIterator[str]:
    """Serve the same people once more, with a mail server; gives the address."""
    settings = people.stack.settings
    web = settings.web.model_copy(update={"port": 0, "suggestions": False})
    changed = settings.model_copy(update={"web": web, "mail": settings_for(office, None)})
    async with running(changed) as port:
        link = await make_link(settings, "supervisor8", Role.SUPERVISOR)
        yield f"http://127.0.0.1:{port}/enter#{link.partition('#')[2]}"


async def choose(page: Page, box: str, option: str) -> None:
    """Choose by the keyboard, as the box is reached by it."""
    await page.get_by_role("combobox", name=box, exact=True).press("Enter")
    await page.get_by_role("option", name=option, exact=True).last.click()


async def test_a_supervisor_keeps_a_report_has_it_mailed_and_opens_it_by_its_address(
    people: Hotline, browser: Browser
) -> None:
    async with (
        post_office(None) as office,
        mailing(people, office) as address,
        window(browser) as page,
    ):
        await page.goto(address)
        await page.get_by_role("link", name="报表").click()
        await choose(page, "时段", "今日")
        await page.get_by_label("将当前条件保存为").fill("今日来电")
        await page.get_by_label("将当前条件保存为").press("Enter")
        kept = page.locator("[data-test=saved]")
        await expect(kept).to_contain_text("今日来电")
        await kept.get_by_role("button", name="删除").press("Enter")
        await page.get_by_role("button", name="确定").press("Enter")
        await expect(kept).to_have_count(0)
        await page.get_by_role("button", name="撤销").press("Enter")
        await expect(kept).to_have_count(1)
        await page.get_by_role("button", name="生成").press("Enter")
        await expect(page.locator("[data-test=text-brief]")).to_contain_text("12320热线")
        await choose(page, "常用报表", "今日来电")
        await page.get_by_label("收件邮箱").fill("x@elsewhere.example.cn")
        await page.get_by_role("button", name="设定").press("Enter")
        await expect(page.get_by_text("应为以下域名的邮箱地址")).to_be_visible()
        await page.get_by_label("收件邮箱").fill(CHIEF)
        await page.get_by_role("button", name="设定").press("Enter")
        await (
            page.locator("[data-test=schedule]")
            .get_by_role("button", name="立即发送")
            .press("Enter")
        )
        async with asyncio.timeout(60):
            await office.taken.wait()
        assert office.to == [CHIEF]
        again = page.get_by_role("region", name="定时发送").get_by_role("button", name="刷新")
        await expect(again).to_be_enabled()
        run = page.locator("[data-test=run]")
        async with asyncio.timeout(60):
            while "已发出" not in await run.inner_text():
                await again.press("Enter")
                await expect(again).to_be_enabled(timeout=PATIENCE_MS)
        office.answers[CHIEF] = "550 5.1.1 no such user"
        await page.locator("[data-test=schedule]").get_by_role("button", name="立即发送").click()
        notice = page.locator("[data-test=notice-report_unsent]")
        await expect(notice).to_be_visible(timeout=60_000)
        assert await grave(page) == []
        await notice.get_by_role("link", name="查看").click()
        await expect(page).to_have_url(re.compile(r"#/reports\?mail="))
        await expect(run.first).to_contain_text("未发出")
        await expect(run.first).to_be_in_viewport()
        await expect(notice).to_have_count(0)
        await kept.get_by_role("link", name="今日来电").press("Enter")
        await expect(page).to_have_url(re.compile(r"#/reports\?saved=[0-9]+$"))
        await page.reload()
        await expect(page.get_by_role("heading", name="按日期统计来电")).to_be_visible()
