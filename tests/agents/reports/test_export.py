from __future__ import annotations

import csv
import io
from dataclasses import replace

import openpyxl
import pytest

from agents.reports.catalogue import Report
from agents.reports.export import closed, short_text, to_csv, to_sheet

REPORT = Report(
    "按队列统计来电", "2016-10-01至2016-10-31", ("队列", "来电"), (("consult", 5), ("=1+1", 9))
)


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x"]
)
def test_no_word_of_a_csv_is_taken_for_a_formula(text: str) -> None:
    assert closed(text) == f"'{text}"
    assert closed("咨询") == "咨询"


def test_numbers_stay_numbers_and_the_file_opens_in_chinese() -> None:
    text = to_csv(REPORT)
    assert text.startswith("\ufeff队列,来电\r\n")
    assert list(csv.reader(io.StringIO(text)))[2] == ["'=1+1", "9"]


def test_the_workbook_holds_words_as_words() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(to_sheet(REPORT))).worksheets[0]
    assert (sheet["A4"].value, sheet["A4"].data_type, sheet["B4"].value) == ("=1+1", "s", 9)


def test_a_message_gives_the_total_and_the_leaders() -> None:
    assert short_text(REPORT) == (
        "按队列统计来电（2016-10-01至2016-10-31）：来电14，前列为=1+19、consult5。"
    )
    empty = Report("按日期统计来电", "x", ("日期", "来电"), ())
    assert short_text(empty).endswith("来电0。")


def test_a_message_about_shares_gives_the_newest_of_all_queues_and_adds_nothing_up() -> None:
    rows = (("10-01 全部队列", 2, "50.0"), ("10-02 全部队列", 4, "75.0"))
    report = Report(
        "队列指标", "x", ("时段与队列", "人工请求量", "接通率（%）"), rows, adds_up=False
    )
    said = "队列指标（x）：10-02 全部队列 人工请求量4、接通率（%）75.0。"
    assert short_text(report) == said
    assert short_text(replace(report, rows=())).endswith("无来电。")
