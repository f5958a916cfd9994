"""Statistics in a real browser: a unit's month, and the bulletin that all of them make."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
import docx
from playwright.async_api import Browser, Page, expect

from agents.reports.scheme import network
from agents.roles import Role
from agents.statistics.units import store_network
from tests.agents.reports import printed
from tests.agents.statistics.books import national_books
from tests.agents.statistics.test_submission_files import HEAD, rows
from tests.real.desk import PATIENCE_MS
from tests.real.hotline import Hotline
from tests.real.test_desk_people import enter, grave, window

TOLD = 4
COMPILED_MS = 180_000
"""A compilation is at a low priority, on a machine that does much else."""


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


async def compiled(page: Page, state: str = "done") -> None:
    run = page.locator("[data-test=run]")
    await expect(run).to_have_attribute("data-state", state, timeout=COMPILED_MS)


async def begin(page: Page, month: str = "2016-10") -> None:
    await page.get_by_label("起始月").fill(month)
    await page.get_by_label("起始月").press("Enter")


async def opened(page: Page, state: str) -> None:
    await page.get_by_role("link", name="工作简报").press("Enter")
    await page.get_by_role("button", name="打开 2016-10 的简报").first.press("Enter")
    await expect(page.locator("[data-test=shown]")).to_have_attribute("data-state", state)


async def taken(page: Page, form: str, folder: Path) -> Path:
    async with page.expect_download() as download:
        await page.locator(f"[data-test=file-{form}]").press("Enter")
    path = folder / (await download.value).suggested_filename
    await (await download.value).save_as(path)
    return path


def of_table(document: dict[str, object], name: str) -> list[list[str]]:
    """Give the rows of a table in `bulletin.json`, looked up without the compiler's own reader."""
    waiting: list[object] = [document]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get("block") == "table" and item["id"] == name:
                return [[cell["text"] for cell in row] for row in item["body"]]
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    raise AssertionError(f"expected a table {name}")


async def write_at_once(people: Hotline, page: Page, chief: Page) -> None:
    """Write in two windows: the second overwrites and loses nothing, and puts both together."""
    await enter(people, chief, "supervisor9", Role.SUPERVISOR)
    await opened(chief, "draft")
    await add_article(page)
    await chief.get_by_label("本期发送").fill("各成员单位")
    await chief.get_by_role("button", name="保存文字").press("Enter")
    await expect(chief.locator("[data-test=saved]")).to_be_visible()
    await page.get_by_role("button", name="保存文字").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("supervisor9 已于")
    apart = page.locator("[data-test=apart]")
    await expect(apart).to_contain_text("各成员单位")
    await expect(apart).to_contain_text("培训班在京举办。")
    await apart.get_by_role("button", name="保留我改动之处").press("Enter")
    await expect(apart).to_have_count(0)
    await expect(page.get_by_label("本期发送")).to_have_value("各成员单位")
    await expect(page.get_by_label("正文")).to_have_value("培训班在京举办。")
    await page.get_by_label("期号", exact=True).fill("113")
    await page.get_by_label("期号", exact=True).press("Enter")
    await expect(page.locator("[data-test=saved]")).to_be_visible()


async def add_article(page: Page) -> None:
    await page.get_by_role("button", name="添加文章").first.press("Enter")
    await page.get_by_label("标题").fill("培训班")
    await page.get_by_label("正文").fill("培训班在京举办。")


async def review(page: Page) -> list[str]:
    """Compile the text, look at the page and send it to review; gives what axe finds."""
    await expect(page.get_by_role("button", name="送审")).to_be_disabled()
    await page.get_by_role("button", name="重新编制").press("Enter")
    await compiled(page, "running")
    await compiled(page)
    await page.get_by_role("button", name="预览").press("Enter")
    shown = page.frame_locator("iframe")
    await expect(shown.locator("#T5 tr.total")).to_contain_text("264478", timeout=PATIENCE_MS)
    await expect(shown.get_by_role("heading", name="培训班")).to_be_visible()
    found = await grave(page)
    await page.get_by_role("button", name="送审").press("Enter")
    await expect(page.locator("[data-test=shown]")).to_have_attribute("data-state", "review")
    await expect(page.get_by_role("button", name="发布")).to_have_count(0)
    return found


async def publish(page: Page) -> list[str]:
    await opened(page, "review")
    found = await grave(page)
    await page.get_by_role("button", name="发布").press("Enter")
    await page.get_by_role("button", name="确定").press("Enter")
    await compiled(page)
    await expect(page.locator("[data-test=shown]")).to_have_attribute("data-state", "published")
    return found


async def cancel(page: Page) -> None:
    """Begin the month once more and cancel it: the published one stays alone."""
    await begin(page)
    await expect(page.locator("[data-test=run-said]")).to_contain_text("第 ", timeout=COMPILED_MS)
    await page.get_by_role("button", name="取消").press("Enter")
    await compiled(page, "cancelled")
    await page.reload()
    await compiled(page, "cancelled")
    await expect(page.locator("[data-test^=bulletin-]")).to_have_count(1)


async def test_the_printed_bulletin_is_compiled_written_reviewed_published_and_taken_out(
    people: Hotline, browser: Browser, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(people.database)
    await national_books(connection)
    await connection.close()
    async with window(browser) as page, window(browser) as chief:
        await enter(people, page, "analyst9", Role.ANALYST)
        await page.get_by_role("link", name="工作简报").press("Enter")
        await expect(page.get_by_text("还没有简报")).to_be_visible(timeout=PATIENCE_MS)
        await begin(page, "2016-09")
        await compiled(page, "failed")
        missing = "2016-09 没有已统计的数据；未上报单位：北京市、"
        await expect(page.locator("[data-test=run-said]")).to_contain_text(missing)
        await begin(page)
        await compiled(page)
        await expect(page.locator("[data-test=run]")).to_contain_text("仅报总数的单位：天津市")
        await write_at_once(people, page, chief)
        found = [*await review(page), *await publish(chief)]
        word = await taken(chief, "docx", tmp_path)
        data = await taken(chief, "json", tmp_path)
        await cancel(page)
    assert found == []
    document = json.loads(await asyncio.to_thread(data.read_text, "utf-8"))
    _, *units = printed.rows("2016-10_provinces.csv")
    assert sorted(of_table(document, "T5")) == sorted(units)
    assert "草稿" not in document["watermark"]
    assert word.name == "12320工作简报第113期（2016年10月）.docx"
    written = await asyncio.to_thread(docx.Document, str(word))
    assert "培训班在京举办。" in [paragraph.text for paragraph in written.paragraphs]
    assert "264478" in [cell.text for row in written.tables[0].rows for cell in row.cells]
    kept = await people.rows("SELECT state FROM bulletin")
    assert [row["state"] for row in kept] == ["published"]
    noted = await people.rows("SELECT action FROM audit WHERE object = 'bulletin:1' ORDER BY seq")
    assert [row["action"].partition(".")[2] for row in noted] == [
        *("reviewed", "published", "taken_out", "taken_out")
    ]
