"""An article's way in a real browser: written, approved, found, reported, changed, taken out."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from agents.articles import from_markdown
from agents.roles import Role
from tests.real.desk import PATIENCE_MS, open_desk
from tests.real.hotline import Hotline
from tests.real.test_desk_people import enter, grave, window

TITLE = "被刺猬扎伤后的处置"
FILE = """+++
title = "被水母蜇伤后的处置"
categories = ["C02.01.01"]
sources = ["海滨急救手册"]
+++
## 标准口径
用海水冲洗，不要用淡水。
## 正文
如有呼吸困难，立即拨打 120。
"""


async def done(page: Page, words: str) -> None:
    await expect(page.locator("[data-test=done]")).to_have_text(words, timeout=PATIENCE_MS)


async def judge(page: Page, title: str) -> None:
    """Open what waits, and approve it by the keyboard."""
    # What is in force under the same title stands in another list, and is there sooner.
    waiting = page.get_by_role("region", name=re.compile("待审版本"))
    await waiting.get_by_role("button", name=title).press("Enter")
    await page.get_by_label("审核意见").fill("已核对依据")
    await page.get_by_label("审核意见").press("Enter")
    await done(page, "已生效。")


async def write(page: Page) -> None:
    """Write an article that somebody else has to approve."""
    await page.get_by_role("button", name="新条目").press("Enter")
    await page.get_by_label("标题").fill(TITLE)
    await page.get_by_label("标准口径").fill("先把刺拔出，再用肥皂水冲洗。")
    await page.get_by_label("依据（每行一条）").fill("外科学（第九版）")
    category = page.get_by_role("combobox", name="类别")
    await category.fill("狂犬病")
    await expect(page.get_by_role("option").first).to_be_visible(timeout=PATIENCE_MS)
    await category.press("ArrowDown")
    await category.press("Enter")
    await category.press("Escape")
    assert await grave(page) == []
    await page.get_by_role("button", name="提交审核").press("Enter")
    await done(page, "已提交审核。")
    await expect(page.get_by_text("本人所写，须由他人审核。")).to_be_visible()


async def report(page: Page) -> None:
    """Find the article, and say what is wrong in it."""
    await page.get_by_role("link", name="知识库").click()
    await page.get_by_label("搜索知识库").fill("刺猬扎伤")
    await page.get_by_role("button", name=TITLE).press("Enter")
    await expect(page.locator("[data-test=article]")).to_contain_text(
        "先把刺拔出", timeout=PATIENCE_MS
    )
    await page.get_by_label("哪里不对？").fill("没有写破伤风")
    await page.get_by_label("哪里不对？").press("Enter")
    await done(page, "已反馈，谢谢。")


async def test_an_article_is_written_approved_found_reported_and_changed(
    people: Hotline, browser: Browser
) -> None:
    async with (
        window(browser) as editor,
        window(browser) as chief,
        open_desk(people, browser, "a2001") as desk,
    ):
        await enter(people, editor, "editor9", Role.EDITOR)
        await write(editor)
        await enter(people, chief, "supervisor9", Role.SUPERVISOR)
        await chief.get_by_role("link", name="知识库").click()
        await judge(chief, TITLE)
        assert await grave(chief) == []
        await desk.sign_in()
        await report(desk.page)
        await editor.reload()
        remark = editor.locator("[data-test^=remark-]").filter(has_text="没有写破伤风")
        await remark.get_by_role("button", name=TITLE).press("Enter")
        await editor.get_by_role("button", name="修改").press("Enter")
        await editor.get_by_label("标准口径").fill("先把刺拔出，再冲洗，并评估破伤风。")
        await editor.get_by_role("button", name="提交审核").press("Enter")
        await done(editor, "已提交审核。")
        await remark.get_by_role("button", name="已处理").press("Enter")
        await expect(remark).to_have_count(0, timeout=PATIENCE_MS)
        await chief.reload()
        await judge(chief, TITLE)
        await expect(chief.get_by_role("button", name="第 1 版 · 已被替代")).to_be_visible()


async def test_an_article_comes_in_as_a_file_and_goes_out_as_the_same(
    people: Hotline, browser: Browser, tmp_path: Path
) -> None:
    brought, taken = tmp_path / "jellyfish.md", tmp_path / "taken.md"
    brought.write_text(FILE, "utf-8")
    async with window(browser) as editor, window(browser) as chief:
        await enter(people, editor, "editor9", Role.EDITOR)
        await editor.get_by_label("导入 Markdown").set_input_files(brought)
        await done(editor, "已导入，等待审核。")
        await enter(people, chief, "supervisor9", Role.SUPERVISOR)
        await chief.get_by_role("link", name="知识库").click()
        await judge(chief, "被水母蜇伤后的处置")
        await editor.reload()
        await editor.get_by_role("button", name="被水母蜇伤后的处置").press("Enter")
        async with editor.expect_download() as download:
            await editor.get_by_role("button", name="导出 Markdown").press("Enter")
        await (await download.value).save_as(taken)
        assert (await download.value).suggested_filename == "jellyfish.md"
    assert from_markdown(taken.read_text("utf-8")) == from_markdown(FILE)
