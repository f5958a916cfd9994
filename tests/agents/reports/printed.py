"""Requests, one by one, that have the margins of the printed bulletins.

The bulletins print margins, never who asked what where; the joint distribution is ours: units and
categories are laid side by side in order. Where a column of counts was lost in print, counts were
chosen that round to the printed shares and add up to the printed parent.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

from agents.reports.scheme import network, scheme
from agents.reports.tally import (
    Count,
    Figures,
    Period,
    Settlement,
    Standing,
    Unit,
    UnitMonth,
    tally_counts,
)

DATA = Path(__file__).resolve().parents[2] / "data/bulletins"
OCTOBER = date(2016, 10, 1)
NOVEMBER, DECEMBER = date(2014, 11, 1), date(2014, 12, 1)
EARLIER_2014 = date(2014, 1, 1)
"""January to October of 2014 are known as one sum only; it is filed under January."""
TIANJIN = UnitMonth("tianjin", OCTOBER, Standing.PARTIAL, 16508, "数据系统调试完善中")
MEDIATED = 1361
SERVICES_2016 = {"咨询": "C", "投诉": "T", "举报": "J", "建议": "S", "表扬": "P", "预约挂号": "B"}
SERVICES_2014 = {"咨询": "K", "举报": "R", "投诉": "U", "建议": "A", "建议表扬": "A", "其他": "Z"}
APPOINTMENTS_2014 = {"js-nanjing": 80087, "js-suzhou": 93738}
"""36.43 % and 42.64 % of 219,836 consultations."""
PRIOR_YEAR = 150160
"""The total of November and December 2013 that gives the printed growth of 47.49 %."""
LOST_COUNTS = {
    "C01.01.04": 2613,
    "C01.01.05": 2105,
    "C01.01.99": 3022,
    "C02.01.01": 10504,
    "C02.01.03": 490,
    "C02.01.04": 29,
    "C02.01.99": 869,
    "C02.02.01": 4991,
    "C02.02.02": 5,
    "C02.02.99": 20,
    "C02.03.01": 559,
    "C02.03.99": 51,
    "J99": 25,
    "S99": 78,
}


class Request(NamedTuple):
    """One 件次."""

    unit: str
    month: date
    service: str
    code: str
    settlement: str


def rows(name: str) -> list[list[str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def units_2016() -> Mapping[str, Unit]:
    return {member.unit.name: member.unit for member in network("national")}


def units_2014() -> Mapping[str, Unit]:
    return {member.unit.brief_name: member.unit for member in network("jiangsu")}


def node_counts_2016() -> dict[str, int]:
    """Every node's printed count, or the chosen one where print lost it."""
    header, *nodes = rows("2016-10_all_nodes_clean.csv")
    at = {name: position for position, name in enumerate(header)}
    counts = {row[at["code"]]: int(row[at["count"]] or 0) for row in nodes}
    return counts | LOST_COUNTS


def filed_2016() -> dict[str, int]:
    """How many requests were filed at each node itself, its children taken off."""
    counts = node_counts_2016()
    taxonomy = scheme("national-2016").taxonomy
    return {
        code: counts[code] - sum(counts.get(child.code, 0) for child in taxonomy.children(code))
        for code in counts
    }


def repeated(counts: Iterable[tuple[str, int]]) -> Iterator[str]:
    for item, n in counts:
        yield from (item for _ in range(n))


def requests_2016() -> Iterator[Request]:
    """All 264,478 requests of October 2016."""
    header, *printed = rows("2016-10_provinces.csv")
    units = units_2016()
    filed = filed_2016()
    for name, service in SERVICES_2016.items():
        column = header.index(name)
        who = repeated((units[r[0]].id, int(r[column])) for r in printed if r[0] != "合计")
        what = repeated((code, n) for code, n in sorted(filed.items()) if code[0] == service)
        for position, (unit, code) in enumerate(zip(who, what, strict=True)):
            mediated = service != "T" or position < MEDIATED
            how = Settlement.ON_THE_SPOT if mediated else Settlement.TRANSFERRED
            yield Request(unit, OCTOBER, service, code, how)


def requests_2014() -> Iterator[Request]:
    """All 221,472 requests of November and December 2014."""
    yield from _consultations_2014()
    left = Counter({NOVEMBER: 740, DECEMBER: 896})
    months = (month for month in (NOVEMBER, DECEMBER) for _ in range(left[month]))
    header, *printed = rows("2014-11-12_cities_jiangsu.csv")
    units = _city_columns(header)
    for row in printed:
        if row[0] in {"咨询", "合计"}:
            continue
        service = SERVICES_2014[row[0]]
        for unit in repeated((unit, int(row[column])) for column, unit in units.items()):
            yield Request(unit, next(months), service, service, Settlement.ON_THE_SPOT)
    assert next(months, None) is None


def _city_columns(header: list[str]) -> dict[int, str]:
    units = units_2014()
    return {
        column: units[name.removesuffix("市")].id for column, name in enumerate(header) if column
    }


def _consultations_2014() -> Iterator[Request]:
    _, *classes = rows("2014-11-12_consult_18_categories.csv")
    header, consultations, *_ = rows("2014-11-12_cities_jiangsu.csv")
    taxonomy = scheme("jiangsu-2014").taxonomy
    code_of = {node.name: node.code for node in taxonomy.children("K")}
    volume = {unit: int(consultations[column]) for column, unit in _city_columns(header).items()}
    booked = dict(APPOINTMENTS_2014)
    rest = int(classes[0][3]) - sum(booked.values())
    for unit, n in volume.items():
        if unit not in booked:
            booked[unit] = min(n, rest)
            rest -= booked[unit]
    appointments = (unit for unit in volume for _ in range(booked[unit]))
    others = (unit for unit, n in volume.items() for _ in range(n - booked[unit]))
    for name, november, december, *_ in classes[:-1]:
        who = appointments if name == "预约挂号" else others
        for month, n in ((NOVEMBER, int(november)), (DECEMBER, int(december))):
            for _ in range(n):
                yield Request(next(who), month, "K", code_of[name], Settlement.ON_THE_SPOT)
    assert next(appointments, None) is None
    assert next(others, None) is None


def earlier_2014() -> Iterator[Count]:
    """What the year's table has beyond November and December, by service type only."""
    recent = Counter((r.unit, r.service) for r in requests_2014())
    header, *printed = rows("2014_cities_jiangsu.csv")
    units = units_2014()
    for row in printed[:-1]:
        unit = units[row[1]].id
        for column, name in enumerate(header[2:-1], start=2):
            service = SERVICES_2014[name]
            n = int(row[column]) - recent[unit, service]
            assert n >= 0, row
            yield Count(EARLIER_2014, unit, service, service, Settlement.ON_THE_SPOT, n)


def counted(requests: Iterable[Request]) -> list[Count]:
    return [
        Count(r.month, r.unit, r.service, r.code, r.settlement, n)
        for r, n in Counter(requests).items()
    ]


def figures_2016(extra: Iterable[Count] = ()) -> Figures:
    units = tuple(member.unit for member in network("national"))
    months = {
        (unit.id, OCTOBER): UnitMonth(unit.id, OCTOBER, Standing.COMPLETE)
        for unit in units
        if unit.id != TIANJIN.unit
    }
    months[TIANJIN.unit, OCTOBER] = TIANJIN
    tally = tally_counts([*counted(requests_2016()), *extra])
    return Figures(Period(OCTOBER, OCTOBER), units, months, tally)


def figures_2014() -> Figures:
    units = tuple(member.unit for member in network("jiangsu"))
    months = {
        (unit.id, month): UnitMonth(unit.id, month, Standing.COMPLETE)
        for unit in units
        for month in (NOVEMBER, DECEMBER)
    }
    spot = Settlement.ON_THE_SPOT
    prior = Count(date(2013, 11, 1), "js-nanjing", "K", "K", spot, PRIOR_YEAR)
    counts = [*counted(requests_2014()), *earlier_2014(), prior]
    ranked = ranking_2014()
    return Figures(Period(NOVEMBER, DECEMBER), units, months, tally_counts(counts, ["K01"]), ranked)


def ranking_2014() -> dict[date, tuple[tuple[Unit, int], ...]]:
    _, *printed = rows("2014-11-12_national_top10.csv")
    units = {member.unit.brief_name: member.unit for member in network("national")}
    return {
        month: tuple((units[row[name]], int(row[name + 1])) for row in printed)
        for month, name in ((NOVEMBER, 1), (DECEMBER, 3))
    }
