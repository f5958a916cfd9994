from __future__ import annotations

from datetime import date

from agents.reports.scheme import Reading, scheme
from agents.reports.tables import class_table, nested_table, ranking_table, unit_table
from agents.reports.tally import Count, Period, Settlement, Unit, tally_counts

OCTOBER = date(2016, 10, 1)
UNITS = tuple(Unit(name, f"{name}省", name, name, order) for order, name in enumerate("甲乙丙"))


def reading(*counts: tuple[str, str, int]) -> Reading:
    cells = [Count(OCTOBER, u, c[0], c, Settlement.OPEN, n) for u, c, n in counts]
    return Reading(scheme("national-2016"), tally_counts(cells), Period(OCTOBER, OCTOBER))


def test_units_without_a_request_keep_their_row_of_zeros() -> None:
    found = unit_table("T", "", reading(("乙", "C01", 2)), UNITS, ("C", "T"))
    assert [[cell.text for cell in row] for row in found.body] == [
        ["乙省", "2", "0", "2"],
        ["甲省", "0", "0", "0"],
        ["丙省", "0", "0", "0"],
        ["合计", "2", "0", "2"],
    ]


def test_shares_are_not_forced_to_add_up_but_the_total_is_a_hundred() -> None:
    found = class_table("T", "", reading(("甲", "J01", 1), ("甲", "J02", 1), ("甲", "J03", 1)), "J")
    assert [row[2].text for row in found.body[:3]] == ["33.3", "33.3", "33.3"]
    assert found.body[-1][2].text == "100.0"


def test_a_class_without_requests_prints_dashes_for_shares() -> None:
    found = class_table("T", "", reading(), "J")
    assert {row[2].text for row in found.body} == {"—"}


def test_the_right_half_is_a_share_of_the_rows_own_parent() -> None:
    found = nested_table("T", "", reading(("甲", "C10.02.01", 3), ("甲", "C10.01", 1)), "C10")
    first = found.body[0]
    assert [cell.text for cell in first] == ["吸烟", "3", "75.0", "戒烟服务", "3", "100.0"]
    assert (first[0].rows, first[5].base) == (4, 3)


def test_the_ranking_shows_ten_units_a_month_and_blanks_where_there_are_fewer() -> None:
    november = date(2016, 11, 1)
    totals = {OCTOBER: [(unit, n) for n, unit in enumerate(UNITS)], november: [(UNITS[0], 5)]}
    found = ranking_table("T", "", (OCTOBER, november), lambda m: totals[m], "出处")
    assert [[cell.text for cell in row] for row in found.body] == [
        ["1", "丙", "2", "甲", "5"],
        ["2", "乙", "1", "", ""],
        ["3", "甲", "0", "", ""],
    ]
