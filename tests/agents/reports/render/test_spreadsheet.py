from __future__ import annotations

import io
from dataclasses import replace
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest

from agents.reports.document import Bulletin, Cell, Table, placed, tables
from agents.reports.render.spreadsheet import to_xlsx

HEAD_ROW = 3


@pytest.fixture(scope="module")
def book(national: Bulletin) -> Any:  # noqa: ANN401 - untyped library
    return openpyxl.load_workbook(io.BytesIO(to_xlsx(national)))


def sheet_of(book: Any, table: Table) -> Any:  # noqa: ANN401 - untyped library
    return next(s for s in book.worksheets if s.title.startswith(f"{table.id} "))


def value(cell: Cell) -> object:
    if cell.count is None:
        return cell.text
    return cell.count if cell.base is None else pytest.approx(float(cell.text))


def test_each_table_is_a_sheet_with_numbers_as_numbers(national: Bulletin, book: Any) -> None:  # noqa: ANN401 - untyped library
    for table in tables(national):
        sheet = sheet_of(book, table)
        for row, column, cell in placed((*table.head, *table.body)):
            found = sheet.cell(HEAD_ROW + row, column + 1).value
            assert ("" if found is None else found) == value(cell), (table.id, cell)


def test_heads_and_spans_are_merged_as_printed(national: Bulletin, book: Any) -> None:  # noqa: ANN401 - untyped library
    table = next(t for t in tables(national) if t.id == "T7")
    merged = {str(area) for area in sheet_of(book, table).merged_cells.ranges}
    assert {"A1:F1", "A4:A9", "B4:B9", "C4:C9"} <= merged


def test_all_eleven_charts_are_native(national: Bulletin) -> None:
    with ZipFile(io.BytesIO(to_xlsx(national))) as archive:
        drawn = [name for name in archive.namelist() if name.startswith("xl/charts/chart")]
    assert len(drawn) == 11


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_words_are_never_formulas(province: Bulletin, text: str) -> None:
    first, *rest = province.columns
    evil = Table("T1", text, ((Cell(text),),), ((Cell(text),),), note=text)
    article = replace(first.articles[0], blocks=(evil,))
    made = to_xlsx(replace(province, columns=(replace(first, articles=(article,)), *rest)))
    with ZipFile(io.BytesIO(made)) as archive:
        sheets = [archive.read(n) for n in archive.namelist() if "worksheets/sheet" in n]
    assert not any(b"<f>" in sheet for sheet in sheets)
    sheet = openpyxl.load_workbook(io.BytesIO(made)).worksheets[1]
    assert sheet.cell(HEAD_ROW + 1, 1).data_type == "s"
