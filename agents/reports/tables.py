"""The tables of both bulletins, cell by cell.

Shares are not forced to add up to a hundred; the row 合计 always prints 100. Zero rows stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from agents.reports.document import Cell, Table, count_cell, share_cell
from agents.reports.scheme import Ranked, Reading, Scheme
from agents.reports.tally import Period, Unit

_COUNT = "件次"
_SHARE = "百分比(%)"
_TOTAL = "合计"
_TOP = 10


def unit_table(
    table_id: str, title: str, reading: Reading, units: Sequence[Unit], services: Sequence[str]
) -> Table:
    """Make the table of units by service type, most requests first, zero rows kept."""
    body = []
    for _, unit, total in reading.units(units, services):
        counts = [reading.of_unit(unit, (service,)) for service in services]
        body.append((Cell(unit.name), *map(count_cell, counts), count_cell(total)))
    sums = [sum(reading.of_unit(unit, (service,)) for unit in units) for service in services]
    body.append((Cell(_TOTAL), *map(count_cell, sums), count_cell(sum(sums))))
    heads = ["省份", *map(reading.scheme.table_name, services), _TOTAL]
    return Table(table_id, title, (tuple(map(Cell, heads)),), tuple(body), unit="单位：件次")


def class_table(table_id: str, title: str, reading: Reading, code: str) -> Table:
    """Make the table of a node's children with their shares of it."""
    scheme, total = reading.scheme, reading.count(code)
    body = [
        (
            Cell(scheme.table_name(row.node.code)),
            count_cell(row.count),
            share_cell(row.count, total, scheme.places),
        )
        for row in reading.children(code)
    ]
    body.append((Cell(_TOTAL), count_cell(total), share_cell(total, total, scheme.places)))
    head = ((Cell("类别"), Cell(_COUNT), Cell(_SHARE)),)
    return Table(table_id, title, head, tuple(body))


def nested_table(table_id: str, title: str, reading: Reading, code: str) -> Table:
    """Make the table of a node's children and, beside each, of their children.

    The share at the left is of the node, the share at the right of the row's own parent. Where
    no child has children the right half is left out.
    """
    rows = reading.children(code)
    inner = {r.node.code: reading.children(r.node.code) for r in rows}
    if not any(inner.values()):
        return class_table(table_id, title, reading, code)
    total = reading.count(code)
    body: list[tuple[Cell, ...]] = []
    for row in rows:
        body += _nested_rows(reading.scheme, row, inner[row.node.code], total)
    total_share = share_cell(total, total, reading.scheme.places)
    body.append((Cell(_TOTAL), count_cell(total), total_share, Cell(""), Cell(""), Cell("")))
    head = tuple(Cell(text) for text in ("类别", _COUNT, _SHARE, "子类", _COUNT, _SHARE))
    return Table(table_id, title, (head,), tuple(body))


def _nested_rows(
    scheme: Scheme, row: Ranked, inner: Sequence[Ranked], total: int
) -> list[tuple[Cell, ...]]:
    span = max(1, len(inner))
    left = (
        Cell(scheme.table_name(row.node.code), rows=span),
        count_cell(row.count, rows=span),
        share_cell(row.count, total, scheme.places, rows=span),
    )
    if not inner:
        return [(*left, Cell(""), Cell(""), Cell(""))]
    right = [
        (
            Cell(scheme.table_name(child.node.code)),
            count_cell(child.count),
            share_cell(child.count, row.count, scheme.places),
        )
        for child in inner
    ]
    return [(*left, *right[0]), *right[1:]]


def ranking_table(
    table_id: str,
    title: str,
    months: Sequence[date],
    totals: Callable[[date], Sequence[tuple[Unit, int]]],
    source: str,
) -> Table:
    """Make the ranking of units month beside month, the best ten of each."""
    head = (
        (Cell("排名", rows=2), *(Cell(f"{month.month}月份", columns=2) for month in months)),
        tuple(Cell(text) for _ in months for text in ("省份", _TOTAL)),
    )
    best = [
        sorted(totals(month), key=lambda pair: (-pair[1], pair[0].order))[:_TOP] for month in months
    ]
    body = []
    for position in range(max(map(len, best), default=0)):
        cells = [Cell(str(position + 1))]
        for column in best:
            if position < len(column):
                unit, total = column[position]
                cells += [Cell(unit.brief_name), count_cell(total)]
            else:
                cells += [Cell(""), Cell("")]
        body.append(tuple(cells))
    return Table(table_id, title, head, tuple(body), unit="（单位：件次）", note=source)


def year_table(table_id: str, title: str, reading: Reading, units: Sequence[Unit]) -> Table:
    """Make the ranking of cities by service type over the reading's period."""
    scheme = reading.scheme
    services = scheme.services
    body = []
    for rank, unit, total in reading.units(units, services):
        counts = [reading.of_unit(unit, (service,)) for service in services]
        names = (Cell(str(rank)), Cell(unit.brief_name))
        body.append((*names, *map(count_cell, counts), count_cell(total)))
    sums = [reading.count(service) for service in services]
    body.append((Cell(_TOTAL, columns=2), *map(count_cell, sums), count_cell(sum(sums))))
    heads = ["排名", "市", *map(scheme.table_name, services), _TOTAL]
    return Table(table_id, title, (tuple(map(Cell, heads)),), tuple(body), unit="（单位：件次）")


def city_table(table_id: str, title: str, reading: Reading, units: Sequence[Unit]) -> Table:
    """Make the summary with a row per service type and a column per city, in the fixed order."""
    scheme = reading.scheme
    body = []
    for service in scheme.services:
        counts = [reading.of_unit(unit, (service,)) for unit in units]
        body.append((Cell(scheme.heading_name(service)), *map(count_cell, counts)))
    totals = [reading.of_unit(unit, scheme.services) for unit in units]
    body.append((Cell(_TOTAL), *map(count_cell, totals)))
    head = (Cell("服务类别"), *(Cell(unit.heading_name) for unit in units))
    return Table(table_id, title, (head,), tuple(body), unit="（单位：件次）")


def month_table(table_id: str, title: str, reading: Reading, code: str) -> Table:
    """Make the table of classes with a column per month, their sum and its share."""
    scheme, total = reading.scheme, reading.count(code)
    months = [reading.over(Period(month, month)) for month in reading.period.months]
    body = []
    for row in reading.children(code):
        counts = [month.count(row.node.code) for month in months]
        share = share_cell(row.count, total, scheme.places)
        name = Cell(scheme.table_name(row.node.code))
        body.append((name, *map(count_cell, counts), count_cell(row.count), share))
    sums = [month.count(code) for month in months]
    whole = share_cell(total, total, scheme.places)
    body.append((Cell(_TOTAL), *map(count_cell, sums), count_cell(total), whole))
    first = f"{scheme.taxonomy.node(code).name}类别"
    heads = [first, *(f"{m.period.first.month}月份" for m in months), _TOTAL, _SHARE]
    return Table(table_id, title, (tuple(map(Cell, heads)),), tuple(body))
