"""The form that a unit fills in, as XLSX: written with the categories, read back cell by cell."""

from __future__ import annotations

import io
from datetime import date
from zipfile import BadZipFile

import openpyxl
import xlsxwriter
from openpyxl.utils.exceptions import InvalidFileException

from agents.statistics.submissions import (
    COLUMNS,
    FIRST_ROW,
    LABELS,
    STANDINGS,
    Fault,
    Reader,
    Submission,
    SubmissionRefused,
)
from ivr.categories.taxonomy import Taxonomy

_MOST_ROWS = 5_000
"""More than any edition has; a book that claims more is not read to its end."""


def blank_book(unit: str, month: date, taxonomy: Taxonomy) -> bytes:
    """Write the form for one unit and month; the total is left to be typed."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        sheet = book.add_worksheet("填报")
        head = book.add_format({"bold": True, "bg_color": "#F2F2F2", "border": 1})
        count = book.add_format({"num_format": "0", "border": 1, "locked": False})
        values = (unit, f"{month:%Y-%m}", taxonomy.id, next(iter(STANDINGS)), "", "")
        for row, (label, value) in enumerate(zip(LABELS, values, strict=True)):
            sheet.write_string(row, 0, label, head)
            sheet.write_string(row, 1, value)
        for column, name in enumerate(COLUMNS):
            sheet.write_string(FIRST_ROW - 2, column, name, head)
        last = FIRST_ROW - 2
        for node in taxonomy.nodes.values():
            if node.lost or node.until is not None:
                continue
            last += 1
            sheet.write_string(last, 0, node.code)
            sheet.write_string(last, 1, "　" * node.level + node.name)
            for column in range(2, len(COLUMNS)):
                sheet.write_blank(last, column, None, count)
        choices = {"validate": "list", "source": list(STANDINGS)}
        sheet.data_validation(3, 1, 3, 1, choices)
        whole = {"validate": "integer", "criteria": ">=", "value": 0}
        sheet.data_validation(FIRST_ROW - 1, 2, last, len(COLUMNS) - 1, whole)
        sheet.set_column(0, 0, 16)
        sheet.set_column(1, 1, 36)
        sheet.freeze_panes(FIRST_ROW - 1, 2)
    return out.getvalue()


def read_book(reader: Reader, content: bytes) -> Submission:
    """Read a filled-in form.

    Raises:
        SubmissionRefused: it is no workbook, or a cell is wrong; each fault names its cell.
    """
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        raise SubmissionRefused([Fault("file", "a workbook (.xlsx)", "something else")]) from None
    sheet = book.worksheets[0]
    rows = sheet.iter_rows(max_row=_MOST_ROWS, max_col=len(COLUMNS), values_only=True)
    return reader.from_grid([[_text(value) for value in row] for row in rows])


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, date):
        return f"{value:%Y-%m}"
    return str(value)
