from __future__ import annotations

from datetime import date

import pytest

from agents.reports.kpi import FiguresDisagree
from agents.reports.tally import (
    Count,
    Figures,
    Period,
    Settlement,
    Standing,
    Tally,
    Unit,
    UnitMonth,
    lineage,
    shifted,
    tally_counts,
)

OCTOBER, NOVEMBER = date(2016, 10, 1), date(2016, 11, 1)
BOTH = Period(OCTOBER, NOVEMBER)
COUNTS = [
    Count(OCTOBER, "a", "C", "C01.02", Settlement.ON_THE_SPOT, 3),
    Count(OCTOBER, "b", "C", "C01", Settlement.OPEN, 2),
    Count(NOVEMBER, "a", "T", "T01", Settlement.TRANSFERRED, 5),
]


def test_a_category_contains_what_is_filed_below_it() -> None:
    tally = tally_counts(COUNTS, ["C01"])
    october = Period(OCTOBER, OCTOBER)
    assert [tally.of_node(code, october) for code in ("C", "C01", "C01.02", "C02")] == [5, 5, 3, 0]
    assert tally.of_unit("a", "C", BOTH) == 3
    assert tally.of_pair("b", "C01", BOTH) == 2
    assert tally.settled("T", Settlement.TRANSFERRED, BOTH) == 5
    assert tally.settled("T", Settlement.TRANSFERRED, october) == 0
    assert tally.of_services(["C", "T"], BOTH) == 10
    assert tally.has(NOVEMBER)
    assert not tally.has(date(2016, 12, 1))


def test_margins_that_disagree_are_refused() -> None:
    spot = Settlement.ON_THE_SPOT
    with pytest.raises(FiguresDisagree, match=r"2016-10 C: expected 3 .* came 4"):
        Tally({(OCTOBER, "a", "C"): 3}, {(OCTOBER, "C01", spot): 4})
    with pytest.raises(FiguresDisagree, match=r"expected 0 .* came 4"):
        Tally({}, {(OCTOBER, "C01", spot): 4})


def test_a_local_leaf_lies_below_the_node_it_was_added_to() -> None:
    assert list(lineage("C02.01.01.L01"))[1] == "C02.01.01"
    assert list(lineage("C")) == ["C"]


def test_periods_are_whole_months_across_years() -> None:
    assert shifted(date(2016, 1, 1), -1) == date(2015, 12, 1)
    assert Period(date(2015, 11, 1), date(2016, 2, 1)).months == (
        date(2015, 11, 1),
        date(2015, 12, 1),
        date(2016, 1, 1),
        date(2016, 2, 1),
    )
    assert BOTH.earlier(12) == Period(date(2015, 10, 1), date(2015, 11, 1))
    assert BOTH.year_to_date == Period(date(2016, 1, 1), NOVEMBER)
    assert BOTH.label == "2016年10-11月"
    assert Period(OCTOBER, OCTOBER).label == "2016年10月"
    assert Period(date(2015, 12, 1), OCTOBER).label == "2015年12月-2016年10月"


def test_a_unit_stands_as_its_worst_month_and_silence_is_not_zero() -> None:
    units = tuple(Unit(name, name, name, name, n) for n, name in enumerate("abc"))
    months = {
        ("a", OCTOBER): UnitMonth("a", OCTOBER, Standing.COMPLETE),
        ("a", NOVEMBER): UnitMonth("a", NOVEMBER, Standing.COMPLETE),
        ("b", OCTOBER): UnitMonth("b", OCTOBER, Standing.COMPLETE),
        ("b", NOVEMBER): UnitMonth("b", NOVEMBER, Standing.PARTIAL, 7),
        ("c", OCTOBER): UnitMonth("c", OCTOBER, Standing.PARTIAL, 1),
    }
    figures = Figures(BOTH, units, months, tally_counts(COUNTS))
    assert [figures.standing(unit.id) for unit in units] == [
        Standing.COMPLETE,
        Standing.PARTIAL,
        Standing.MISSING,
    ]
    assert figures.partial_total(NOVEMBER) == 7
    assert figures.standing_units(Standing.MISSING) == units[2:]
