from __future__ import annotations

import io

import docx

from agents.reports.document import Bulletin, placed, tables
from agents.reports.render.word import to_docx


def test_the_document_holds_every_cell_in_its_place(province: Bulletin) -> None:
    document = docx.Document(io.BytesIO(to_docx(province)))
    for printed, made in zip(tables(province), document.tables, strict=True):
        cells = made._cells
        for row, column, cell in placed((*printed.head, *printed.body)):
            assert cells[row * len(made.columns) + column].text == cell.text


def test_heads_repeat_on_every_page_and_spans_are_merged(province: Bulletin) -> None:
    document = docx.Document(io.BytesIO(to_docx(province)))
    ranking = document.tables[0]
    assert ranking.cell(0, 0)._tc is ranking.cell(1, 0)._tc
    assert ranking.cell(0, 1)._tc is ranking.cell(0, 2)._tc
    assert [row._tr.xpath("./w:trPr/w:tblHeader") != [] for row in ranking.rows[:3]] == [
        True,
        True,
        False,
    ]


def test_a_title_that_heads_its_article_is_not_printed_twice(province: Bulletin) -> None:
    document = docx.Document(io.BytesIO(to_docx(province)))
    first, *_ = tables(province)
    lines = [paragraph.text for paragraph in document.paragraphs]
    assert lines.count(first.title) == 1
    assert f"◆ {first.title}" in lines
