"""The statistics of a province's bulletin: four tables and the text of 数据分析."""

from __future__ import annotations

from collections.abc import Sequence

from agents.reports.document import Article, Block, Column, Figure, Phrase, Prose, say, share
from agents.reports.scheme import LEADERS, Reading, Scheme
from agents.reports.statements import absence, growth
from agents.reports.tables import (
    city_table,
    month_table,
    ranking_table,
    year_table,
)
from agents.reports.tally import Figures, Settlement, Standing, Unit

_CONSULTATION = "K"
_APPOINTMENT = "K01"
_COMPLAINTS = ("R", "U")


def compile_province(figures: Figures, shown: Scheme) -> tuple[Column, Column]:
    """Compile the two statistical columns: the rankings, and 数据分析."""
    period = figures.period
    reading = Reading(shown, figures.tally, period)
    national = f"{period.label}份全国12320卫生热线人工受理情况"
    ranking = ranking_table(
        "T1",
        national,
        period.months,
        lambda month: figures.ranked.get(month, ()),
        source="（摘自全国12320管理中心《12320工作简报》）",
    )
    to_date = reading.over(period.year_to_date)
    year = f"{to_date.period.label}份{shown.territory}12320卫生热线人工受理情况通报"
    year_ranking = year_table("T2", year, to_date, figures.units)
    analysis = f"{period.label}份{shown.territory}12320卫生热线人工受理数据分析"
    return (
        Column("", (Article(national, (ranking,)), Article(year, (year_ranking,)))),
        Column("数据分析", (Article(analysis, tuple(_analysis(figures, reading))),)),
    )


def _analysis(figures: Figures, reading: Reading) -> list[Block]:
    months = reading.period.label.partition("年")[2]
    summary = f"表1 {months}份{reading.scheme.territory}12320卫生热线人工受理数据汇总表"
    return [
        city_table("T3", summary, reading, figures.units),
        Prose(tuple(_volumes(figures, reading))),
        month_table("T4", "", reading, _CONSULTATION),
        Prose(tuple(_categories(figures.units, reading))),
    ]


def _volumes(figures: Figures, reading: Reading) -> list[Phrase]:
    shown, period, tally = reading.scheme, reading.period, reading.tally
    total = sum(map(reading.count, shown.services))
    consultations = reading.count(_CONSULTATION)
    reports = sum(map(reading.count, _COMPLAINTS))
    is_open = sum(tally.settled(s, Settlement.OPEN, period) for s in shown.services)
    said = [
        say(
            f"经网报汇总分析，{period.label}份，{shown.territory}{len(figures.units)}{shown.region}"
            "共接到各类电话",
            _number("各类电话", total),
            "件次，其中，咨询电话",
            _number("咨询", consultations),
            "件次，占",
            share("咨询", consultations, total, shown.places),
            "，举报投诉为",
            _number("举报投诉", reports),
            "件次，电话办理率为",
            _whole("电话办理率", total - is_open, total, shown.places),
            "。",
        ),
        *_extremes(figures.units, reading, total),
    ]
    if missing := figures.standing_units(Standing.MISSING):
        said.append(absence([unit.name for unit in missing]))
    before = period.earlier(12)
    prior = sum(map(reading.over(before).count, shown.services))
    if prior:
        label = f"{period.label}份人工受理电话量"
        said.append(growth(label, total, prior, against=f"{before.last.year}年"))
    return said


def _number(name: str, count: int) -> Phrase:
    return Phrase(str(count), (Figure(name, count, None, str(count)),))


def _whole(name: str, count: int, base: int, places: int) -> Phrase:
    """Say a share that is 100 % without decimals, as the printed text does."""
    if count == base and base:
        return Phrase("100%", (Figure(name, count, base, "100"),))
    return share(name, count, base, places)


def _extremes(units: Sequence[Unit], reading: Reading, total: int) -> list[Phrase]:
    """Say which units come first and last; only where there are enough of both."""
    shown = reading.scheme
    rows = reading.units(units, shown.services)
    if len(rows) < 2 * LEADERS or total == 0:
        return []
    first, last = rows[:LEADERS], rows[-LEADERS:]
    parts: list[str | Phrase] = [
        "电话量位于前三位的依次是：",
        "、".join(unit.brief_name for _, unit, _ in first),
        f"，分别占{shown.territory}总电话量的",
    ]
    for position, (_, unit, n) in enumerate(first):
        parts += ["、" if position else "", share(unit.brief_name, n, total, shown.places)]
    names = "、".join(unit.brief_name for _, unit, _ in last)
    together = share("后三位", sum(n for _, _, n in last), total, shown.places)
    parts += [
        f"；位列后三位的是{names}，三{shown.region}电话总量仅占{shown.territory}的",
        together,
        "。",
    ]
    return [say(*parts)]


def _categories(units: Sequence[Unit], reading: Reading) -> list[Phrase]:
    shown, total = reading.scheme, reading.count(_CONSULTATION)
    best = reading.ranking(_CONSULTATION)[:LEADERS]
    parts: list[str | Phrase] = [
        f"{reading.period.label}{shown.territory}咨询前三位的是",
        "、".join(shown.narrative_name(row.node.code) for row in best),
        "，分别占总量的",
    ]
    for position, row in enumerate(best):
        name = shown.narrative_name(row.node.code)
        parts += ["、" if position else "", share(name, row.count, total, shown.places)]
    return [say(*parts, "。"), *_appointments(units, reading, total)]


def _appointments(units: Sequence[Unit], reading: Reading, total: int) -> list[Phrase]:
    """Say the leading cities' appointments as shares of all consultations.

    The cities with the most appointments, listed by their volume as the printed text does.
    """
    shown, period = reading.scheme, reading.period
    counts = {unit.id: reading.tally.of_pair(unit.id, _APPOINTMENT, period) for unit in units}
    best = sorted(units, key=lambda unit: (-counts[unit.id], unit.order))[: shown.leaders]
    named = [unit for _, unit, _ in reading.units(best, shown.services) if counts[unit.id]]
    if not named:
        return []
    parts: list[str | Phrase] = [
        "、".join(unit.brief_name for unit in named),
        "的预约挂号量分别占咨询总量的",
    ]
    for position, unit in enumerate(named):
        label = f"{unit.brief_name}预约挂号"
        parts += ["、" if position else "", share(label, counts[unit.id], total, shown.places)]
    return [say(*parts, "。")]
