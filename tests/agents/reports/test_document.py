from __future__ import annotations

from agents.reports.document import (
    Cell,
    Phrase,
    Table,
    count_cell,
    counted,
    listed,
    placed,
    say,
    share,
    share_cell,
    shared,
    width,
)


def test_spans_push_later_cells_to_the_right_and_below() -> None:
    rows = [(Cell("a", rows=2), Cell("b", columns=2)), (Cell("c"), Cell("d"))]
    assert [(row, column, cell.text) for row, column, cell in placed(rows)] == [
        (0, 0, "a"),
        (0, 1, "b"),
        (1, 1, "c"),
        (1, 2, "d"),
    ]
    assert width(Table("T", "", (rows[0],), (rows[1],))) == 3


def test_a_list_has_and_before_its_last_item() -> None:
    names = [Phrase("甲"), Phrase("乙"), Phrase("丙")]
    assert listed(names).text == "甲、乙和丙"
    assert listed(names[:1]).text == "甲"
    assert listed(names, last="、").text == "甲、乙、丙"


def test_a_sentence_keeps_the_figures_of_its_parts_in_order() -> None:
    said = say("共", counted("甲", 3), "，", shared("乙", 1, 3, 1), "，占", share("丙", 2, 3, 2))
    assert said.text == "共甲3件次，乙1件次（33.3%），占66.67%"
    assert [(f.count, f.base, f.printed) for f in said.figures] == [
        (3, None, "3"),
        (1, None, "1"),
        (1, 3, "33.3"),
        (2, 3, "66.67"),
    ]


def test_cells_carry_what_they_were_made_of() -> None:
    assert count_cell(5) == Cell("5", 5)
    assert share_cell(1, 16, 1) == Cell("6.3", 1, 16)
    assert share_cell(0, 0, 1).text == "—"
