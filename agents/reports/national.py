"""受理分析 of the national bulletin: seventeen tables, eleven charts and the text between them.

The printed issue numbers nothing; T5 to T21 and C1 to C11 are the acceptance list's names.
"""

from __future__ import annotations

from dataclasses import replace

from agents.reports import figures as charts
from agents.reports.document import Article, Block, Column, Heading, Phrase, Prose
from agents.reports.scheme import Detail, Reading, Scheme
from agents.reports.statements import (
    absence,
    class_detail,
    class_leaders,
    complaint_leaders,
    drill_down,
    exclusion,
    main_class,
    mediation,
    opening,
    overview,
)
from agents.reports.tables import class_table, nested_table, unit_table
from agents.reports.tally import Figures, Settlement, Standing, Unit

_ORDINALS = "一二三四五六七八九十"
_SHARE_CHARTS = (
    ("C4", "咨询分类比较图", "C"),
    ("C5", "寻医问药咨询比较图", "C01"),
    ("C6", "疾病预防控制咨询比较图", "C02"),
    ("C7", "妇幼保健咨询比较图", "C12"),
    ("C8", "传染病咨询按病种分类比较图", "C02.02.01"),
    ("C9", "慢性非传染性疾病咨询按病种分类比较图", "C02.03.01"),
    ("C10", "投诉分类比较图", "T"),
)


def compile_national(figures: Figures, scheme: Scheme, *, outbound: bool = False) -> Column:
    """Compile the column 受理分析 of one month.

    Args:
        figures: the counts and how each unit stands.
        scheme: the national scheme.
        outbound: whether 外呼 is counted as a service type of its own.
    """
    services = scheme.services
    if outbound and scheme.outbound:
        services = (*services, scheme.outbound)
    reading = Reading(scheme, figures.tally, figures.period)
    units = figures.standing_units(Standing.COMPLETE)
    hotline = f"{len(units)}个{scheme.region}12320卫生热线"
    title = f"{figures.period.label}{hotline}受理情况"
    blocks: list[Block] = [
        unit_table("T5", title, reading, units, services),
        *_opening(figures, reading, units, services),
        Heading("一、咨询受理情况", 1),
        *_consultation(reading, hotline),
        Heading("二、投诉、举报、建议受理情况", 1),
        *_complaints(reading, hotline),
        Heading("三、预约挂号受理情况", 1),
        *_appointments(reading, units),
        *_charts(figures, reading, services),
    ]
    return Column("受理分析", (Article("", tuple(blocks)),))


def _opening(
    figures: Figures, reading: Reading, units: tuple[Unit, ...], services: tuple[str, ...]
) -> list[Prose]:
    scheme, period = reading.scheme, reading.period
    partial = figures.standing_units(Standing.PARTIAL)
    excluded = []
    for unit in partial:
        sent = [figures.months[unit.id, month] for month in period.months]
        excluded.append((unit.name, sent[0].reason, sum(month.total for month in sent)))
    total = sum(map(reading.count, services)) + sum(n for _, _, n in excluded)
    said = [
        opening(scheme.territory, period, len(units) + len(partial), scheme.region, total),
    ]
    if excluded:
        said.append(exclusion(excluded))
    if missing := figures.standing_units(Standing.MISSING):
        said.append(absence([unit.name for unit in missing]))
    order = dict.fromkeys((*scheme.overview, *services))
    amounts = [(scheme.narrative_name(service), reading.count(service)) for service in order]
    detail = overview(scheme, len(units), amounts, others=bool(excluded))
    return [Prose(tuple(said)), Prose((detail,))]


def _consultation(reading: Reading, hotline: str) -> list[Block]:
    blocks: list[Block] = [
        Prose((class_leaders(reading, "C"),)),
        class_table("T6", f"{hotline}咨询受理情况", reading, "C"),
    ]
    details = [detail for detail in reading.scheme.details if detail.code.startswith("C")]
    for number, detail in enumerate(details, start=1):
        name = reading.scheme.narrative_name(detail.code)
        title = f"{hotline}{name}咨询受理情况"
        blocks += [
            Heading(f"（{_ordinal(number)}）{name}", 2),
            _detail_text(reading, detail, noun="咨询"),
            nested_table(f"T{6 + number}", title, reading, detail.code),
        ]
    return blocks


def _ordinal(number: int) -> str:
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    return f"十{_ORDINALS[number - len(_ORDINALS) - 1]}"


def _detail_text(reading: Reading, detail: Detail, noun: str) -> Prose:
    said = [class_detail(reading, detail.code, noun=noun)]
    said += [drill_down(reading, code) for code in detail.drill]
    return Prose(tuple(phrase for phrase in said if phrase.text))


def _complaints(reading: Reading, hotline: str) -> list[Block]:
    complaints = reading.count("T")
    settled = reading.tally.settled("T", Settlement.ON_THE_SPOT, reading.period)
    said: list[Phrase] = [complaint_leaders(reading, "T")]
    if complaints:
        said.append(mediation(settled, complaints, reading.scheme.places))
    said += [main_class(reading, code) for code in ("J", "S")]
    return [
        Prose(tuple(phrase for phrase in said if phrase.text)),
        class_table("T19", f"{hotline}投诉受理情况", reading, "T"),
    ]


def _appointments(reading: Reading, units: tuple[Unit, ...]) -> list[Block]:
    """Head both tables with the units that took appointments, and name them below.

    The printed issue says 15 where 19 of its own rows have appointments, so the list is given.
    """
    taking = [unit for unit in units if reading.of_unit(unit, ("B",))]
    hotline = f"{len(taking)}个{reading.scheme.region}12320卫生热线"
    note = f"受理预约挂号的单位：{'、'.join(unit.name for unit in taking)}" if taking else ""
    operations = class_table("T20", f"{hotline}预约挂号受理情况", reading, "B")
    departments = nested_table("T21", f"{hotline}预约受理情况", reading, "B01")
    drills = [drill_down(reading, "B01")]
    drills += [drill_down(reading, code) for code in reading.scheme.detail("B01").drill]
    return [
        Prose((class_detail(reading, "B"),)),
        replace(operations, note=note),
        Prose(tuple(phrase for phrase in drills if phrase.text)),
        replace(departments, note=note),
    ]


def _charts(figures: Figures, reading: Reading, services: tuple[str, ...]) -> list[Block]:
    scheme = reading.scheme
    complete = len(figures.standing_units(Standing.COMPLETE))
    every = complete + len(figures.standing_units(Standing.PARTIAL))
    all_units = f"{scheme.territory}{every}个{scheme.region}12320受理"
    detailed = f"{scheme.territory}{complete}个{scheme.region}12320受理"
    month = f"{reading.period.label}12320受理"
    return [
        charts.trend("C1", f"{all_units}总量变化趋势图", figures, services),
        charts.year_on_year("C2", f"{all_units}总量变化趋势比较图", figures, services),
        charts.class_trend("C3", f"{detailed}咨询分类总量变化趋势比较图", reading, "C"),
        *(charts.shares(i, f"{month}{title}", reading, code) for i, title, code in _SHARE_CHARTS),
        charts.settlements("C11", f"{month}投诉办理情况图", reading, "T"),
    ]
