"""Letters of a run: what they say, and that no telephone number leaves the house in them."""

from __future__ import annotations

import io
import re
import unicodedata
from dataclasses import replace
from datetime import date

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.catalogue import Filters, Report
from agents.reports.letters import Told, masked, write_letters
from agents.reports.rounding import Ratio
from agents.reports.sms import MainFigures

NUMBER = "13812341234"
DAY = Filters(date(2026, 11, 21), date(2026, 11, 21))
TOLD = Told(7, "日报", "day", DAY, "csv", "https://desk", 12)
REPORT = Report(
    "按日期统计来电",
    "2026-11-21至2026-11-21",
    ("日期", "人工请求量"),
    (("2026-11-21", 1234567890), ("=1+1", 2)),
)
FIGURES = MainFigures(12, 10, Ratio(10, 11), (("咨询", 9),), 4, 4)
TO = ["a@wjw.example.cn", "b@wjw.example.cn"]


def test_everybody_gets_a_letter_of_his_own_that_says_the_same() -> None:
    first, second = write_letters(TOLD, REPORT, FIGURES, TO)
    assert (first.recipient, second.recipient) == tuple(TO)
    assert first.id != second.id
    assert [first] == write_letters(TOLD, REPORT, FIGURES, TO[:1])
    assert first.subject == "日报（2026年11月21日）"
    assert "12320热线2026年11月21日来电12，接通10，接通率90.9%" in first.text
    link = "https://desk/#/reports?report=day&first=2026-11-21&last=2026-11-21"
    assert f"在系统中打开：{link}\n" in first.text
    assert first.attachments == second.attachments


def test_the_table_goes_along_as_it_is_taken_out() -> None:
    [letter] = write_letters(TOLD, REPORT, None, TO[:1])
    assert "来电12" not in letter.text
    [attached] = letter.attachments
    assert attached.name == "day-2026-11-21-2026-11-21.csv"
    lines = attached.content.decode("utf-8-sig").splitlines()
    assert lines == ["日期,人工请求量", "2026-11-21,1234567890", "'=1+1,2"]
    [letter] = write_letters(replace(TOLD, form="xlsx"), REPORT, None, TO[:1])
    sheet = openpyxl.load_workbook(io.BytesIO(letter.attachments[0].content)).active
    assert sheet is not None
    assert [cell.value for cell in sheet[3]] == ["2026-11-21", 1234567890]
    [letter] = write_letters(replace(TOLD, form="none"), REPORT, FIGURES, TO[:1])
    assert letter.attachments == []


def test_what_covers_a_part_alone_says_which_part_everywhere() -> None:
    told = replace(TOLD, form="xlsx", filters=replace(DAY, queue="psych", agent="a1001"))
    report = replace(REPORT, scope="队列 psych、工号 a1001")
    [letter] = write_letters(told, report, FIGURES, TO[:1])
    assert "按日期统计来电（2026-11-21至2026-11-21，队列 psych、工号 a1001）" in letter.text
    assert "12320热线2026年11月21日（队列psych、工号a1001）来电12" in letter.text
    sheet = openpyxl.load_workbook(io.BytesIO(letter.attachments[0].content)).active
    assert sheet is not None
    assert str(sheet["A1"].value).endswith("，队列 psych、工号 a1001")


def test_a_number_by_which_somebody_narrowed_stays_in_the_house() -> None:
    told = replace(TOLD, filters=replace(DAY, agent=NUMBER))
    [letter] = write_letters(told, replace(REPORT, scope=f"工号 {NUMBER}"), FIGURES, TO[:1])
    assert NUMBER not in letter.text
    assert letter.text.count("138****1234") == 2
    assert "https://desk/#/reports?saved=12\n" in letter.text


def test_a_letter_leads_to_its_own_figures_or_nowhere() -> None:
    told = replace(TOLD, filters=replace(DAY, queue="psych"))
    [letter] = write_letters(told, REPORT, FIGURES, TO[:1])
    assert "?report=day&first=2026-11-21&last=2026-11-21&queue=psych\n" in letter.text
    [letter] = write_letters(replace(TOLD, address=""), REPORT, FIGURES, TO[:1])
    assert "在系统中打开" not in letter.text


@pytest.mark.parametrize(
    "typed",
    [
        NUMBER,
        f"王{NUMBER}的投诉",
        "138 1234 1234",
        "138-1234-1234",
        "+8613812341234",
        "025-8362 0521",
        "138－1234－1234",
        "１３８１２３４１２３４",
        "138.1234.1234",
        "138 1234 12 34",
        "138 12341 234",
        "(025)83620521",
        "（025）8362 0521",
        "＋86 138 1234 1234",
        "025 8327 1234",
    ],
)
def test_a_number_that_somebody_typed_stays_in_the_house(typed: str) -> None:
    shown = masked(typed)
    assert "****" in shown
    assert not re.search(r"\d{5}", unicodedata.normalize("NFKC", shown).replace(" ", ""))
    told = replace(TOLD, name=typed)
    report = replace(REPORT, rows=((f"m_main>{NUMBER}", 1),))
    [letter] = write_letters(told, report, FIGURES, TO[:1])
    whole = letter.subject + letter.text + letter.attachments[0].content.decode()
    assert NUMBER not in whole.replace(" ", "").replace("-", "")


@pytest.mark.parametrize(
    "typed",
    [
        "2026-11-21日报",
        "2026.11.01-2026.11.30",
        "12320-2016 C02.01.01.02",
        "第 1 季度 2026/3",
        "a1001",
    ],
)
def test_what_is_no_number_stays_as_it_was_typed(typed: str) -> None:
    assert masked(typed) == typed


@given(
    day=st.dates(date(2000, 1, 1), date(2099, 1, 1)), queue=st.sampled_from(["consult", "全部队列"])
)
def test_what_reports_are_about_is_no_number(day: date, queue: str) -> None:
    for key in (
        f"{day} {queue}",
        f"{day:%G-W%V} {queue}",
        "12320-2016 C02.01.01",
        "m_main>1",
        "a1001",
    ):
        rows = ((key, 1),)
        [letter] = write_letters(TOLD, replace(REPORT, rows=rows), None, TO[:1])
        assert key in letter.attachments[0].content.decode()
