"""A report as CSV, as XLSX and as a text of one line. Words from outside are never a formula."""

from __future__ import annotations

import csv
import io
from typing import Final

import xlsxwriter

from agents.reports.catalogue import Report

_STARTS_A_FORMULA: Final = (*("=", "+", "-", "@", "\t", "\r", "\n"), *("＝", "＋", "－", "＠"))
_SHORT: Final = 3


def closed(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula when it opens a CSV."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


def to_csv(report: Report) -> str:
    """Write a report as CSV with a byte order mark, as Excel in Chinese offices expects it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(report.headings)
    for row in report.rows:
        writer.writerow([closed(cell) if isinstance(cell, str) else cell for cell in row])
    return "\ufeff" + out.getvalue()


def to_sheet(report: Report) -> bytes:
    """Write a report as XLSX."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet("报表")
        bold = book.add_format({"bold": True})
        sheet.write_string(0, 0, f"{report.title} {report.about}", bold)
        for column, heading in enumerate(report.headings):
            sheet.write_string(1, column, heading, bold)
        for down, row in enumerate(report.rows, start=2):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(down, column, cell)
                else:
                    sheet.write_number(down, column, cell)
        sheet.freeze_panes(2, 1)
        sheet.set_column(0, len(report.headings) - 1, 18)
    return out.getvalue()


def short_text(report: Report) -> str:
    """Say a report in one line for a message: total and the leading rows by the first figure.

    Of figures that do not add up, the last row is said: the newest span, of all queues.
    """
    if not report.adds_up:
        return _last_row(report)
    ranked = sorted(report.rows, key=lambda row: -int(row[1]))[:_SHORT]
    total = sum(int(row[1]) for row in report.rows)
    leading = "、".join(f"{row[0]}{row[1]}" for row in ranked)
    figure = report.headings[1]
    said = f"{report.title}（{report.about}）：{figure}{total}"
    return f"{said}，前列为{leading}。" if leading else f"{said}。"


def _last_row(report: Report) -> str:
    said = f"{report.title}（{report.about}）："
    if not report.rows:
        return f"{said}无来电。"
    key, *cells = report.rows[-1]
    figures = zip(report.headings[1:], cells, strict=True)
    return f"{said}{key} {'、'.join(f'{heading}{cell}' for heading, cell in figures)}。"
