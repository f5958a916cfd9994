from __future__ import annotations

import io
from datetime import date

import openpyxl
import pytest

from agents.statistics.submission_book import blank_book, read_book
from agents.statistics.submissions import Line, Reader, SubmissionRefused
from ivr.categories.taxonomy import edition

TREE = edition("12320-2016")
READER = Reader({"jiangsu"}, [TREE])


def filled(cells: dict[str, object]) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(blank_book("jiangsu", date(2016, 10, 1), TREE)))
    sheet = book.worksheets[0]
    for address, value in cells.items():
        sheet[address] = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_the_form_lists_every_category_that_may_be_filed_under() -> None:
    book = openpyxl.load_workbook(io.BytesIO(blank_book("jiangsu", date(2016, 10, 1), TREE)))
    codes = [row[0].value for row in book.worksheets[0].iter_rows(min_row=9, max_col=1)]
    assert codes == [node.code for node in TREE.nodes.values() if not node.lost]


def test_a_filled_in_form_is_read_back() -> None:
    sent = read_book(READER, filled({"B5": 7, "C9": 3, "D9": 4.0}))
    assert sent.lines == (Line("C", "on_the_spot", 3), Line("C", "transferred", 4))
    assert (sent.unit, sent.month) == ("jiangsu", date(2016, 10, 1))


def test_a_date_typed_as_the_month_is_understood() -> None:
    assert read_book(READER, filled({"B2": date(2016, 9, 30), "B5": 0})).month == date(2016, 9, 1)


def test_an_untouched_form_is_no_month_of_zeros() -> None:
    with pytest.raises(SubmissionRefused, match="B5"):
        read_book(READER, filled({}))


def test_a_fault_in_the_form_names_its_cell() -> None:
    with pytest.raises(SubmissionRefused, match=r"E10: .*'两'"):
        read_book(READER, filled({"B5": 1, "C9": 1, "E10": "两"}))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"a,b\n"])
def test_another_file_is_no_form(content: bytes) -> None:
    with pytest.raises(SubmissionRefused, match="workbook"):
        read_book(READER, content)
