"""The series of the national bulletin's eleven charts.

The printed issue kept only the charts' titles, so what each shows is ours: C1 to C3 look back
over a year, C4 to C10 show a node's children, C11 how complaints were settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from agents.reports.document import Chart, Series
from agents.reports.scheme import Reading
from agents.reports.tally import Figures, Period, Settlement, month_range, shifted

_YEAR = 12
_TREND_CLASSES = 6
_SETTLED = {
    Settlement.ON_THE_SPOT: "咨询员解释并协调化解",
    Settlement.TRANSFERRED: "转办相关部门",
    Settlement.OPEN: "正在办理",
}


def _label(month: date) -> str:
    return f"{month.year}年{month.month}月"


def _months_back(period: Period) -> list[date]:
    return list(month_range(shifted(period.last, -_YEAR), period.last))


def monthly_total(figures: Figures, services: Sequence[str], month: date) -> int | None:
    """Return all that was reported for a month, totals without detail included; None if nothing."""
    partial = figures.partial_total(month)
    if not figures.tally.has(month) and partial == 0:
        return None
    return figures.tally.of_services(services, Period(month, month)) + partial


def trend(chart_id: str, title: str, figures: Figures, services: Sequence[str]) -> Chart:
    """Show the total of the last thirteen months."""
    months = _months_back(figures.period)
    values = tuple(monthly_total(figures, services, month) for month in months)
    labels = tuple(map(_label, months))
    return Chart(chart_id, title, "line", labels, (Series("受理总量", values),), "受理量")


def year_on_year(chart_id: str, title: str, figures: Figures, services: Sequence[str]) -> Chart:
    """Show this year's months beside last year's."""
    last = figures.period.last
    series = []
    for year in (last.year - 1, last.year):
        months = [date(year, number, 1) for number in range(1, _YEAR + 1)]
        values = [
            monthly_total(figures, services, month) if month <= last else None for month in months
        ]
        series.append(Series(f"{year}年", tuple(values)))
    labels = tuple(f"{number}月" for number in range(1, _YEAR + 1))
    return Chart(chart_id, title, "line", labels, tuple(series), "受理量")


def class_trend(chart_id: str, title: str, reading: Reading, code: str) -> Chart:
    """Show the leading classes of a node over the last thirteen months."""
    months = _months_back(reading.period)
    series = tuple(
        Series(
            reading.scheme.table_name(row.node.code),
            tuple(_of_month(reading, row.node.code, month) for month in months),
        )
        for row in reading.ranking(code)[:_TREND_CLASSES]
    )
    return Chart(chart_id, title, "line", tuple(map(_label, months)), series, "受理量")


def _of_month(reading: Reading, code: str, month: date) -> int | None:
    if not reading.tally.has(month):
        return None
    return reading.over(Period(month, month)).count(code)


def shares(chart_id: str, title: str, reading: Reading, code: str) -> Chart:
    """Show a node's children, what is filed at the node itself included, as a bar each."""
    rows = [
        (reading.scheme.table_name(row.node.code), row.count)
        for row in reading.children(code)
        if row.count
    ]
    rest = reading.count(code) - sum(count for _, count in rows)
    if rest:
        rows.append(("未细分", rest))
    labels = tuple(name for name, _ in rows)
    series = Series("件次", tuple(count for _, count in rows))
    return Chart(chart_id, title, "bar", labels, (series,), "件次")


def settlements(chart_id: str, title: str, reading: Reading, service: str) -> Chart:
    """Show how a service type's requests were settled."""
    counts = {how: reading.tally.settled(service, how, reading.period) for how in Settlement}
    shown = [(_SETTLED[how], n) for how, n in counts.items() if n]
    series = Series("件次", tuple(n for _, n in shown))
    return Chart(chart_id, title, "pie", tuple(name for name, _ in shown), (series,), "件次")
