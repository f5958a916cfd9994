"""The reports at hand in a real browser, over calls that were really made."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from playwright.async_api import Browser, expect

from agents.roles import Role
from tests.real.desk import PATIENCE_MS
from tests.real.hotline import MAIN, Hotline
from tests.real.test_desk_people import enter, window


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
            await page.get_by_role("link", name="下载 CSV").click()
        taken = tmp_path / "day.csv"
        await (await download.value).save_as(taken)
        rows = list(csv.reader(io.StringIO(taken.read_text("utf-8-sig"))))
        assert sum(int(row[1]) for row in rows[1:]) == requested
        await page.get_by_label("起始日").fill("2020-01-01")
        await page.get_by_label("截止日").fill("2020-01-02")
        await page.get_by_label("截止日").press("Enter")
        await expect(page.get_by_text("这段时间没有数据")).to_be_visible(timeout=PATIENCE_MS)
