from __future__ import annotations

from datetime import date

from agents.reports.figures import class_trend, settlements, shares, trend, year_on_year
from agents.reports.scheme import Reading, scheme
from agents.reports.tally import (
    Count,
    Figures,
    Period,
    Settlement,
    Standing,
    UnitMonth,
    tally_counts,
)

OCTOBER, SEPTEMBER, LAST_OCTOBER = date(2016, 10, 1), date(2016, 9, 1), date(2015, 10, 1)
SPOT, MOVED = Settlement.ON_THE_SPOT, Settlement.TRANSFERRED
TALLY = tally_counts(
    [
        Count(OCTOBER, "jiangsu", "C", "C01", SPOT, 5),
        Count(OCTOBER, "jiangsu", "C", "C02", SPOT, 2),
        Count(OCTOBER, "jiangsu", "C", "C", SPOT, 1),
        Count(OCTOBER, "jiangsu", "T", "T01", MOVED, 3),
        Count(OCTOBER, "jiangsu", "T", "T02", SPOT, 1),
        Count(LAST_OCTOBER, "jiangsu", "C", "C02", SPOT, 4),
    ]
)
PERIOD = Period(OCTOBER, OCTOBER)
SERVICES = ("C", "T")
PARTIAL = {
    ("tianjin", month): UnitMonth("tianjin", month, Standing.PARTIAL, 100)
    for month in (SEPTEMBER, OCTOBER)
}
FIGURES = Figures(PERIOD, (), PARTIAL, TALLY)
READING = Reading(scheme("national-2016"), TALLY, PERIOD)


def test_the_trend_adds_totals_without_detail_and_leaves_gaps_where_nothing_was_reported() -> None:
    chart = trend("C1", "", FIGURES, SERVICES)
    values = dict(zip(chart.labels, chart.series[0].values, strict=True))
    assert len(values) == 13
    assert values["2016年10月"] == 112
    assert values["2016年9月"] == 100
    assert values["2016年8月"] is None
    assert values["2015年10月"] == 4


def test_this_year_stands_beside_last_year_and_the_future_is_empty() -> None:
    last, this = year_on_year("C2", "", FIGURES, SERVICES).series
    assert (last.name, last.values[9]) == ("2015年", 4)
    assert (this.name, this.values[8:]) == ("2016年", (100, 112, None, None))


def test_class_trends_follow_the_leading_classes() -> None:
    chart = class_trend("C3", "", READING, "C")
    assert len(chart.series) == 6
    assert chart.series[0].name == "寻医问药"
    assert chart.series[0].values[-1] == 5
    assert chart.series[1].values[0] == 4
    assert chart.series[0].values[1] is None


def test_what_was_filed_at_the_class_itself_is_shown_too() -> None:
    chart = shares("C4", "", READING, "C")
    assert chart.labels == ("寻医问药", "疾病预防控制", "未细分")
    assert chart.series[0].values == (5, 2, 1)


def test_complaints_are_split_by_how_they_were_settled() -> None:
    chart = settlements("C11", "", READING, "T")
    assert dict(zip(chart.labels, chart.series[0].values, strict=True)) == {
        "咨询员解释并协调化解": 1,
        "转办相关部门": 3,
    }
