from __future__ import annotations

from dataclasses import replace

from agents.reports.document import Prose
from agents.reports.province import compile_province
from agents.reports.scheme import scheme
from agents.reports.tally import Count, Figures, Period, Settlement, tally_counts
from tests.agents.reports import printed


def analysis(figures: Figures) -> str:
    _, column = compile_province(figures, scheme("jiangsu-2014"))
    blocks = column.articles[0].blocks
    return "".join(block.text for block in blocks if isinstance(block, Prose))


def test_requests_still_open_lower_the_share_that_was_handled() -> None:
    base = printed.figures_2014()
    cells = [
        Count(printed.NOVEMBER, "js-nanjing", "K", "K02", Settlement.ON_THE_SPOT, 3),
        Count(printed.NOVEMBER, "js-wuxi", "U", "U", Settlement.OPEN, 1),
    ]
    text = analysis(replace(base, tally=tally_counts(cells)))
    assert "电话办理率为75.00%" in text
    assert "同比" not in text


def test_a_month_in_which_nothing_was_reported_makes_no_ranking_of_cities() -> None:
    base = printed.figures_2014()
    may = Period(printed.EARLIER_2014, printed.EARLIER_2014)
    text = analysis(replace(base, period=may, tally=tally_counts([])))
    assert "位于前三位" not in text
    assert "咨询电话0件次，占—" in text
    assert "未报送数据" in text
