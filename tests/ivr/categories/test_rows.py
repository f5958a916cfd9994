from __future__ import annotations

import pytest

from ivr.categories.rows import RowInvalid, labelled, requests
from ivr.categories.taxonomy import edition


def test_rows_come_in_order_and_empty_lines_are_skipped() -> None:
    lines = ['{"text":"甲"}', "", '{"service":"投诉"}\n']
    assert [(r.text, r.service) for r in requests(lines)] == [("甲", ""), ("", "投诉")]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [("{", "JSON object"), ("[1]", "came list"), ("{}", "came none"), ('{"text":1}', "text")],
)
def test_a_bad_row_is_named_by_its_line_and_fault(bad: str, fault: str) -> None:
    with pytest.raises(RowInvalid, match=f"Line 3: .*{fault}"):
        list(requests(['{"text":"甲"}', "", bad]))


@pytest.mark.parametrize("code", ['"Q01"', "null", "3", '"C05.03.98"'])
def test_a_label_outside_the_tree_or_on_the_lost_row_is_refused(code: str) -> None:
    with pytest.raises(RowInvalid, match="Line 1: code"):
        list(labelled(['{"text":"甲","code":' + code + "}"], edition()))


def test_a_labelled_row_keeps_its_source_or_counts_as_confirmed() -> None:
    lines = ['{"text":"甲","code":"P"}', '{"text":"乙","code":"P","source":"desk"}']
    assert [example.source for _, example in labelled(lines, edition())] == ["confirmed", "desk"]
