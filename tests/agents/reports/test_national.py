from __future__ import annotations

from dataclasses import replace

from agents.reports.bulletin import compile_bulletin
from agents.reports.document import Bulletin, Prose, Table, blocks, tables
from agents.reports.scheme import scheme
from agents.reports.tally import Count, Settlement, Standing, UnitMonth
from tests.agents.reports import printed
from tests.agents.reports.conftest import editorial_2016

OUTBOUND = [Count(printed.OCTOBER, "jiangsu", "O", "O01", Settlement.ON_THE_SPOT, 1_000)]


def test_outbound_work_is_no_request_unless_it_is_asked_for() -> None:
    figures, shown = printed.figures_2016(OUTBOUND), scheme("national-2016")
    without = compile_bulletin(figures, shown, editorial_2016())
    included = compile_bulletin(figures, shown, editorial_2016(), outbound=True)
    totals = [next(tables(issue)).body[-1][-1].count for issue in (without, included)]
    assert totals == [264478, 265478]
    assert [cell.text for cell in next(tables(included)).head[0]][-2:] == ["外呼", "合计"]


def test_a_month_nobody_reported_still_gives_all_its_tables() -> None:
    figures = printed.figures_2016()
    empty = replace(figures, period=figures.period.earlier(1), months={})
    issue = compile_bulletin(empty, scheme("national-2016"), editorial_2016())
    found = list(tables(issue))
    assert len(found) == 17
    assert found[0].title.startswith("2016年9月0个省")
    text = "".join(block.text for block in blocks(issue) if isinstance(block, Prose))
    assert "本期未报送数据，未计入以上合计。" in text


def test_a_unit_that_reports_nothing_leaves_the_table_and_one_that_reports_zero_stays() -> None:
    figures = printed.figures_2016()
    silent = {
        **figures.months,
        ("xizang", printed.OCTOBER): UnitMonth("xizang", printed.OCTOBER, Standing.MISSING),
    }
    shown = scheme("national-2016")
    zero = compile_bulletin(figures, shown, editorial_2016())
    missing = compile_bulletin(replace(figures, months=silent), shown, editorial_2016())
    names = [[row[0].text for row in _units(issue).body] for issue in (zero, missing)]
    assert "西藏自治区" in names[0]
    assert "西藏自治区" not in names[1]
    assert _units(missing).title == "2016年10月29个省（区、市）12320卫生热线受理情况"


def _units(issue: Bulletin) -> Table:
    return next(tables(issue))
