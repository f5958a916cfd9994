"""The bulletin as XLSX: a sheet per table with merged heads, native charts, the text beside them.

Text is written as text: a cell that begins with `=`, `+`, `-` or `@` is never a formula, and a
web address never a link. Shares are numbers in percent with the printed decimals.
"""

from __future__ import annotations

import io
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import xlsxwriter

from agents.reports.document import (
    Bulletin,
    Cell,
    Chart,
    Heading,
    Prose,
    Table,
    blocks,
    charts,
    placed,
    tables,
    width,
)

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

_CLOSED: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_FONT: Final = "宋体"
_CHART_TYPES: Final = {"line": "line", "bar": "bar", "pie": "pie"}
_TITLE_ROW, _UNIT_ROW, _HEAD_ROW = 0, 1, 2
_CHART_ROWS: Final = 20


class _Styles:
    """The few cell formats of the whole book."""

    def __init__(self, book: Workbook) -> None:
        base = {"font_name": _FONT, "font_size": 11, "valign": "vcenter", "align": "center"}
        ruled = {**base, "border": 1, "text_wrap": True}
        self.title: Format = book.add_format({**base, "bold": True, "font_size": 14})
        self.head: Format = book.add_format({**ruled, "bold": True, "bg_color": "#F2F2F2"})
        self.cell: Format = book.add_format(ruled)
        self.plain: Format = book.add_format({**base, "align": "left", "text_wrap": True})
        self._ruled, self._book = ruled, book
        self._shares: dict[int, Format] = {}

    def share(self, places: int) -> Format:
        """Return the format of a share with so many decimals."""
        if places not in self._shares:
            pattern = "0." + "0" * places if places else "0"
            self._shares[places] = self._book.add_format({**self._ruled, "num_format": pattern})
        return self._shares[places]


def to_xlsx(bulletin: Bulletin) -> bytes:
    """Write a bulletin as an XLSX workbook."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, _CLOSED) as book:
        styles = _Styles(book)
        _text_sheet(book.add_worksheet("正文"), bulletin, styles)
        for table in tables(bulletin):
            _table_sheet(book.add_worksheet(_sheet_name(table)), table, styles)
        _chart_sheet(book, bulletin, styles)
    return out.getvalue()


def _sheet_name(table: Table) -> str:
    """Name a sheet after its table within what spreadsheets allow (31 characters, no []:*?/)."""
    short = re.sub(r"^.*?12320卫生热线|^表1 ", "", table.title) or "咨询类别"
    return re.sub(r"[\[\]:*?/\\（）()]", "", f"{table.id} {short}")[:31]


def _text_sheet(sheet: Worksheet, bulletin: Bulletin, styles: _Styles) -> None:
    head = bulletin.masthead
    lines = [head.title, head.issue, f"{' '.join(head.publishers)}　{head.dated}", ""]
    lines += [block.text for block in blocks(bulletin) if isinstance(block, Prose | Heading)]
    lines += ["", bulletin.imprint.printed_by, bulletin.imprint.printed_on, bulletin.watermark]
    sheet.set_column(0, 0, 110)
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, line, styles.title if row == 0 else styles.plain)


def _table_sheet(sheet: Worksheet, table: Table, styles: _Styles) -> None:
    columns = width(table)
    last = columns - 1
    _across(sheet, _TITLE_ROW, last, table.title, styles.title)
    _across(sheet, _UNIT_ROW, last, table.unit, styles.plain)
    sheet.set_column(0, last, 14)
    sheet.set_column(0, 0, 26)
    for row, column, cell in placed((*table.head, *table.body)):
        style = styles.head if row < len(table.head) else _style_of(cell, styles)
        _write(sheet, (_HEAD_ROW + row, column), cell, style)
    end = _HEAD_ROW + len(table.head) + len(table.body)
    _across(sheet, end, last, table.note, styles.plain)
    sheet.freeze_panes(_HEAD_ROW + len(table.head), 0)
    sheet.repeat_rows(_HEAD_ROW, _HEAD_ROW + len(table.head) - 1)
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.print_area(0, 0, end, last)


def _across(sheet: Worksheet, row: int, last: int, text: str, style: Format) -> None:
    if last > 0:
        sheet.merge_range(row, 0, row, last, "", style)
    sheet.write_string(row, 0, text, style)


def _style_of(cell: Cell, styles: _Styles) -> Format:
    if cell.base is None:
        return styles.cell
    return styles.share(len(cell.text.partition(".")[2]))


def _write(sheet: Worksheet, at: tuple[int, int], cell: Cell, style: Format) -> None:
    row, column = at
    if cell.rows > 1 or cell.columns > 1:
        end = (row + cell.rows - 1, column + cell.columns - 1)
        sheet.merge_range(row, column, *end, "", style)
    if cell.count is not None and cell.base is None:
        sheet.write_number(row, column, cell.count, style)
    elif cell.base:
        sheet.write_number(row, column, float(Decimal(cell.text)), style)
    else:
        sheet.write_string(row, column, cell.text, style)


def _chart_sheet(book: Workbook, bulletin: Bulletin, styles: _Styles) -> None:
    drawn = list(charts(bulletin))
    if not drawn:
        return
    shown = book.add_worksheet("图表")
    source = book.add_worksheet("图表数据")
    source.set_column(0, 0, 22)
    row = 0
    for number, chart in enumerate(drawn):
        source.write_string(row, 0, f"{chart.id} {chart.title}", styles.plain)
        for column, series in enumerate(chart.series, start=1):
            source.write_string(row + 1, column, series.name, styles.head)
        for down, label in enumerate(chart.labels):
            source.write_string(row + 2 + down, 0, label, styles.cell)
            for column, series in enumerate(chart.series, start=1):
                value = series.values[down]
                if value is not None:
                    source.write_number(row + 2 + down, column, value, styles.cell)
        native = _native(book, chart, row)
        shown.insert_chart(number * _CHART_ROWS, 0, native)
        row += len(chart.labels) + 3


def _native(book: Workbook, chart: Chart, row: int) -> Any:  # noqa: ANN401 - untyped library
    native = book.add_chart({"type": _CHART_TYPES[chart.kind]})
    first, last = row + 2, row + 1 + len(chart.labels)
    for column in range(1, len(chart.series) + 1):
        native.add_series(
            {
                "name": ["图表数据", row + 1, column],
                "categories": ["图表数据", first, 0, last, 0],
                "values": ["图表数据", first, column, last, column],
                "data_labels": {"value": chart.kind != "line"},
            }
        )
    native.set_title({"name": chart.title, "name_font": {"size": 12}})
    native.set_size({"width": 760, "height": 380})
    if chart.kind == "bar":
        native.set_y_axis({"reverse": True})
        native.set_legend({"none": True})
    if chart.kind == "line":
        native.set_y_axis({"name": chart.axis})
        native.show_na_as_empty_cell()
    return native
