"""A file is read by what its name says it is, and whatever it holds it is read or refused."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.statistics.submission_files import read_submission
from agents.statistics.submissions import COLUMNS, LABELS, SubmissionRefused
from tests.agents.statistics.books import months_of_2016

HEAD = ("jiangsu", "2016-10", "12320-2016", "完整", "3", "")


def rows(*lines: tuple[str, ...], head: tuple[str, ...] = HEAD) -> str:
    """The layout as CSV."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([*zip(LABELS, head, strict=True), (), COLUMNS, *lines])
    return out.getvalue()


def test_json_and_csv_of_any_encoding_are_the_same_month() -> None:
    text = rows(("C01", "", "2", "1", ""))
    read = read_submission("十月.csv", text.encode("utf-8-sig"), {"jiangsu"})
    assert read_submission("october.txt", text.encode("gb18030"), {"jiangsu"}) == read
    assert read_submission("october.json", read.document().encode(), {"jiangsu"}) == read


def test_a_wrong_cell_is_named_as_the_spreadsheet_names_it() -> None:
    text = rows(("C01", "", "two", "1", ""), ("X99", "", "1", "", ""))
    with pytest.raises(SubmissionRefused) as refused:
        read_submission("october.csv", text.encode(), {"jiangsu"})
    assert [fault.cell for fault in refused.value.faults] == ["C9", "A10"]


def test_a_text_that_cannot_be_kept_is_refused_and_not_stored() -> None:
    document = months_of_2016()[0].document()
    unit = months_of_2016()[0].unit
    # The bulletin quotes it, and a DOCX cannot hold it.
    for bad in ("\\u0000", "\\ud800", "\\u000b"):
        spoilt = document.replace('"reason":""', f'"reason":"{bad}"')
        assert spoilt != document
        with pytest.raises(SubmissionRefused, match="reason"):
            read_submission("x.json", spoilt.encode(), {unit})


@given(content=st.binary(max_size=300), ending=st.sampled_from([".json", ".csv", ".xlsx"]))
def test_any_bytes_are_refused_with_a_reason(content: bytes, ending: str) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        read_submission(f"x{ending}", content, {"jiangsu"})
    assert refused.value.faults


def test_a_file_that_nests_without_end_is_refused() -> None:
    with pytest.raises(SubmissionRefused):
        read_submission("x.json", b"[" * 100_000, {"jiangsu"})
