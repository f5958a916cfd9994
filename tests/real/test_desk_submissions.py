"""A unit's month in a real browser, by the keyboard: refused, handed in, sent back, accepted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
from playwright.async_api import Browser, Page, expect

from agents.reports.scheme import network
from agents.roles import Role
from agents.statistics.units import store_network
from tests.agents.statistics.test_submission_files import HEAD, rows
from tests.real.desk import PATIENCE_MS
from tests.real.hotline import Hotline
from tests.real.test_desk_people import enter, grave, window

TOLD = 4


async def hand_in(page: Page, path: Path, text: str) -> None:
    await asyncio.to_thread(path.write_text, text, "utf-8")
    await page.get_by_label("数据文件").set_input_files(path)
    await page.get_by_role("button", name="提交", exact=True).press("Enter")


async def test_a_month_is_refused_handed_in_sent_back_and_accepted(
    people: Hotline, browser: Browser, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(people.database)
    await store_network(connection, "national", network("national"))
    await connection.close()
    async with window(browser) as page:
        await enter(people, page, "supervisor9", Role.SUPERVISOR)
        await page.get_by_role("link", name="上报").press("Enter")
        await page.get_by_label("月份", exact=True).fill("2016-10")
        await page.get_by_label("月份", exact=True).press("Enter")
        row = page.locator("[data-test=unit-jiangsu]")
        await expect(row).to_contain_text("未报", timeout=PATIENCE_MS)

        wrong = rows(("C01", "", "二", "", ""))
        await hand_in(page, tmp_path / "october.csv", wrong)
        faults = page.get_by_role("table", name="文件中的错误")
        await expect(faults.get_by_role("row", name="C9")).to_contain_text("实为“二”")
        # While it fades in, it is paler than it will be.
        await expect(page.locator(".el-alert")).to_have_css("opacity", "1")
        found = await grave(page)

        await hand_in(page, tmp_path / "october.csv", rows(("C01", "", "3", "", "")))
        await expect(page.locator("[data-test=receipt]")).to_contain_text("第 1 版")
        await expect(row).to_contain_text("待受理")
        await row.get_by_role("button").press("Enter")
        first = page.locator("[data-test=version-1]")
        await first.get_by_label("退回原因").fill("总数待核")
        await first.get_by_label("退回原因").press("Enter")
        await expect(first).to_contain_text("已退回")
        await expect(row).to_contain_text("已退回")

        four = rows(("C01", "", "4", "", ""), head=(*HEAD[:4], str(TOLD), HEAD[5]))
        await hand_in(page, tmp_path / "october.csv", four)
        await expect(page.locator("[data-test=receipt]")).to_contain_text("第 2 版")
        await row.get_by_role("button").press("Enter")
        second = page.locator("[data-test=version-2]")
        await second.get_by_role("button", name="受理").press("Enter")
        await page.get_by_role("button", name="确定").press("Enter")
        await expect(row).to_contain_text("完整")
        found += await grave(page)
    assert found == []
    counted = await people.rows(
        "SELECT coalesce(sum(n), 0) AS n FROM ("
        " SELECT n FROM month_by_unit WHERE unit = 'jiangsu'"
        " UNION ALL SELECT n FROM count_change WHERE unit = 'jiangsu') AS kept"
    )
    assert counted[0]["n"] == TOLD
