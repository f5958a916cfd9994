"""The bulletin as DOCX, which an editor may finish in Word or WPS.

Fonts are named as offices in China have them (仿宋, 黑体, 宋体); nothing is embedded.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import docx
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Emu, Pt, RGBColor

from agents.reports.document import (
    Block,
    Bulletin,
    Cell,
    Chart,
    Heading,
    Prose,
    Table,
    placed,
    width,
)
from agents.reports.render.drawing import draw

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table as DocxTable
    from docx.table import _Cell as DocxCell
    from docx.text.paragraph import Paragraph
    from docx.text.run import Run

_BODY: Final = "仿宋"
_HEADING: Final = "黑体"
_TABLE: Final = "宋体"
_RED: Final = RGBColor(0xC0, 0, 0)
_TEXT_WIDTH: Final = Cm(15.6)
_LEAST, _MOST = 5, 18
"""Characters that a column is wide at least and at most, before its words wrap."""
_WIDE: Final = 8
"""Tables with more columns are set smaller."""


def to_docx(bulletin: Bulletin) -> bytes:
    """Write a bulletin as DOCX.

    Raises:
        RenderingImpossible: the charts cannot be drawn on this machine.
    """
    document = docx.Document()
    _page_setup(document)
    _masthead(document, bulletin)
    _contents(document, bulletin)
    for column in bulletin.columns:
        if column.name:
            _line(document, f"【{column.name}】", size=18, font=_HEADING, centred=True)
        for article in column.articles:
            if article.title:
                _line(document, article.title, size=16, font=_HEADING, centred=True)
            for block in article.blocks:
                _block(document, block, article.title)
            if article.source:
                source = _line(document, f"（{article.source}）")
                source.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    _imprint(document, bulletin)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _page_setup(document: Document) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.7)
    section.top_margin, section.bottom_margin = Cm(2.8), Cm(2.5)
    style = document.styles["Normal"]
    style.font.size = Pt(14)
    style.font.name = "Times New Roman"
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), _BODY)
    language = OxmlElement("w:lang")
    language.set(qn("w:eastAsia"), "zh-CN")
    style.element.get_or_add_rPr().append(language)
    style.paragraph_format.space_after = Pt(0)
    style.paragraph_format.line_spacing = Pt(26)
    _page_number(section.footer.paragraphs[0])


def _page_number(paragraph: Paragraph) -> None:
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = paragraph.add_run()
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        element = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            element.set(qn("w:fldCharType"), kind)
        else:
            element.text = text
        run._r.append(element)  # noqa: SLF001 - the library has no call for fields


def _set_font(run: Run, font: str, size: float, *, bold: bool = False) -> None:
    run.font.size, run.font.bold = Pt(size), bold
    run.font.name = "Times New Roman"
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)  # noqa: SLF001 - as above


def _line(
    document: Document, text: str, *, size: float = 14, font: str = _BODY, centred: bool = False
) -> Paragraph:
    paragraph = document.add_paragraph()
    _set_font(paragraph.add_run(text), font, size, bold=font == _HEADING)
    if centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        paragraph.paragraph_format.space_before = Pt(10)
        paragraph.paragraph_format.keep_with_next = True
    return paragraph


def _masthead(document: Document, bulletin: Bulletin) -> None:
    head = bulletin.masthead
    title = _line(document, head.title, size=40, font=_HEADING, centred=True)
    title.paragraph_format.line_spacing = 1.2
    title.runs[0].font.color.rgb = _RED
    _line(document, head.issue, size=16, centred=True)
    *above, last = head.publishers
    for publisher in above:
        _line(document, publisher)
    foot = _line(document, f"{last}\t{head.dated}")
    foot.paragraph_format.tab_stops.add_tab_stop(_TEXT_WIDTH, WD_TAB_ALIGNMENT.RIGHT)
    _rule(foot, "bottom", "C00000", 18)


def _rule(paragraph: Paragraph, edge: str, colour: str, eighths: int) -> None:
    borders = OxmlElement("w:pBdr")
    line = OxmlElement(f"w:{edge}")
    attributes = {"val": "single", "sz": str(eighths), "space": "4", "color": colour}
    for name, value in attributes.items():
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
    paragraph._p.get_or_add_pPr().append(borders)  # noqa: SLF001 - no call for borders


def _contents(document: Document, bulletin: Bulletin) -> None:
    _line(document, bulletin.contents_title, size=18, font=_HEADING, centred=True)
    for name, titles in bulletin.contents:
        if name:
            _line(document, name, font=_HEADING)
        for title in titles:
            entry = _line(document, f"◆ {title}")
            entry.paragraph_format.left_indent = Pt(28)
    if document.paragraphs:
        document.paragraphs[-1].add_run().add_break(WD_BREAK.PAGE)


def _block(document: Document, block: Block, under: str) -> None:
    if isinstance(block, Heading):
        heading = _line(document, block.text, font=_HEADING if block.level == 1 else _BODY)
        heading.runs[0].font.bold = True
        heading.paragraph_format.keep_with_next = True
    elif isinstance(block, Prose):
        _line(document, block.text).paragraph_format.first_line_indent = Pt(28)
    elif isinstance(block, Chart):
        document.add_picture(io.BytesIO(draw(block, "png")), width=_TEXT_WIDTH)
        picture = document.paragraphs[-1]
        picture.alignment = WD_ALIGN_PARAGRAPH.CENTER
        picture.paragraph_format.line_spacing = 1.0
        picture.paragraph_format.keep_with_next = True
        caption = _line(document, block.title, size=12, font=_HEADING)
        caption.alignment = WD_ALIGN_PARAGRAPH.CENTER
    else:
        _table(document, block, under)


def _table(document: Document, table: Table, under: str) -> None:
    if table.title not in {"", under}:
        _line(document, table.title, size=13, font=_HEADING, centred=True)
    if table.unit:
        unit = _line(document, table.unit, size=11)
        unit.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        unit.paragraph_format.keep_with_next = True
    columns = width(table)
    rows = (*table.head, *table.body)
    grid = document.add_table(rows=len(rows), cols=columns, style="Table Grid")
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    size = 7.5 if columns > _WIDE else 11
    # Taken once: asking the table for a cell walks all of it every time.
    cells = grid._cells  # noqa: SLF001 - as above
    for row, column, cell in placed(rows):
        target = cells[row * columns + column]
        if cell.rows > 1 or cell.columns > 1:
            last = (row + cell.rows - 1) * columns + column + cell.columns - 1
            target = target.merge(cells[last])
        _fill(target, cell, size, bold=row < len(table.head))
    for row in range(len(table.head)):
        properties = grid.rows[row]._tr.get_or_add_trPr()  # noqa: SLF001 - no call for repeated heads
        properties.append(OxmlElement("w:tblHeader"))
    for line in grid.rows:
        line._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))  # noqa: SLF001 - as above
    _set_widths(grid, cells, rows)
    if table.note:
        _line(document, table.note, size=10.5)


def _set_widths(
    grid: DocxTable, cells: Sequence[DocxCell], rows: Sequence[tuple[Cell, ...]]
) -> None:
    """Share the page's width among the columns by their longest words."""
    columns = len(grid.columns)
    longest = [_LEAST] * columns
    for _, column, cell in placed(rows):
        if cell.columns == 1:
            longest[column] = max(longest[column], min(_MOST, 2 + len(cell.text)))
    widths = [Emu(_TEXT_WIDTH * characters // sum(longest)) for characters in longest]
    grid.autofit = False
    for width_, column_ in zip(widths, grid.columns, strict=True):
        column_.width = width_
    for row, column, cell in placed(rows):
        if cell.columns == 1:
            for down in range(cell.rows):
                cells[(row + down) * columns + column].width = widths[column]
    margins = OxmlElement("w:tblCellMar")
    for edge in ("left", "right"):
        side = OxmlElement(f"w:{edge}")
        side.set(qn("w:w"), "30")
        side.set(qn("w:type"), "dxa")
        margins.append(side)
    grid._tbl.tblPr.append(margins)  # noqa: SLF001 - no call for a table's margins


def _fill(target: DocxCell, cell: Cell, size: float, *, bold: bool) -> None:
    target.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
    paragraph = target.paragraphs[0]
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    paragraph.paragraph_format.line_spacing = 1.0
    _set_font(paragraph.add_run(cell.text), _TABLE, size, bold=bold or cell.text == "合计")


def _imprint(document: Document, bulletin: Bulletin) -> None:
    foot = bulletin.imprint
    if foot.contacts:
        _line(document, "【联系方式】", size=18, font=_HEADING, centred=True)
    for label, value in foot.contacts:
        _line(document, f"{label}：{value}")
    lines = []
    if foot.reported_to:
        lines.append(f"本期报送：{foot.reported_to}")
    if foot.sent_to:
        lines.append(f"本期发送：{foot.sent_to}")
    for text in lines:
        _rule(_line(document, text), "top", "000000", 8)
    last = _line(document, f"{foot.printed_by}\t{foot.printed_on}")
    last.paragraph_format.tab_stops.add_tab_stop(_TEXT_WIDTH, WD_TAB_ALIGNMENT.RIGHT)
    _rule(last, "top", "000000", 8)
    if bulletin.watermark:
        mark = _line(document, bulletin.watermark, size=8)
        mark.runs[0].font.color.rgb = RGBColor(0x88, 0x88, 0x88)
