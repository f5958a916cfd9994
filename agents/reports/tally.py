"""The counts a bulletin is compiled from, and how the months of its units stand.

件次 are counted per month, unit, service, category and settlement. A tally keeps the margins
that the bulletins need; those margins must agree with each other before anything is compiled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from agents.reports.kpi import FiguresDisagree


class Settlement(StrEnum):
    """How a request was settled."""

    ON_THE_SPOT = "on_the_spot"
    """当场办结: answered, or a complaint explained and mediated by the agent."""
    TRANSFERRED = "transferred"
    """转办 to the department responsible."""
    OPEN = "open"
    """Neither yet."""


class Standing(StrEnum):
    """How a unit's month stands. A missing month is not a month of zeros."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Only a total was sent."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Unit:
    """A reporting unit 上报单位; not the same as a province."""

    id: str
    name: str
    brief_name: str
    """In running text and narrow tables."""
    heading_name: str
    """At the head of a column."""
    order: int
    """Position in its network; decides ties."""


@dataclass(frozen=True, slots=True)
class UnitMonth:
    """What a unit sent for one month."""

    unit: str
    month: date
    standing: Standing
    total: int = 0
    """Of a partial month."""
    reason: str = ""
    """Why it is partial or missing, as the bulletin says it."""


@dataclass(frozen=True, slots=True)
class Count:
    """件次 of one cell."""

    month: date
    unit: str
    service: str
    code: str
    settlement: str
    n: int


@dataclass(frozen=True, slots=True)
class Period:
    """Whole months, both ends included."""

    first: date
    last: date

    @property
    def months(self) -> tuple[date, ...]:
        """The first day of each month."""
        return tuple(month_range(self.first, self.last))

    def earlier(self, months: int) -> Period:
        """Return the period of equal length a number of months before."""
        return Period(shifted(self.first, -months), shifted(self.last, -months))

    @property
    def year_to_date(self) -> Period:
        """From January to the last month."""
        return Period(self.last.replace(month=1), self.last)

    @property
    def label(self) -> str:
        """As the bulletins write it: 2016年10月, 2014年11-12月."""
        if self.first == self.last:
            return f"{self.first.year}年{self.first.month}月"
        if self.first.year == self.last.year:
            return f"{self.first.year}年{self.first.month}-{self.last.month}月"
        return f"{self.first.year}年{self.first.month}月-{self.last.year}年{self.last.month}月"


def shifted(month: date, by: int) -> date:
    """Return the first day of the month `by` months later."""
    year, index = divmod(month.year * 12 + month.month - 1 + by, 12)
    return date(year, index + 1, 1)


def month_range(first: date, last: date) -> Iterator[date]:
    """Yield the first day of each month, both ends included."""
    while first <= last:
        yield first
        first = shifted(first, 1)


@dataclass(frozen=True)
class Tally:
    """Margins of the counts.

    Raises:
        FiguresDisagree: when a service's units and its categories do not have the same sum.
    """

    units: Mapping[tuple[date, str, str], int]
    """By month, unit, service."""
    codes: Mapping[tuple[date, str, str], int]
    """By month, category, settlement; the category as the request was filed."""
    pairs: Mapping[tuple[date, str, str], int] = field(default_factory=dict)
    """By month, unit, category, for the few categories a bulletin watches by unit."""
    _subtrees: Mapping[tuple[date, str], int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sum every subtree once, and compare the margins."""
        sums: defaultdict[tuple[date, str], int] = defaultdict(int)
        for (month, code, _), n in self.codes.items():
            for ancestor in lineage(code):
                sums[month, ancestor] += n
        object.__setattr__(self, "_subtrees", dict(sums))
        by_unit: defaultdict[tuple[date, str], int] = defaultdict(int)
        for (month, _, service), n in self.units.items():
            by_unit[month, service] += n
        for month, service in {*by_unit, *((m, c) for m, c in sums if len(c) == 1)}:
            of_units, of_codes = by_unit[month, service], sums[month, service]
            if of_units != of_codes:
                raise FiguresDisagree(
                    f"{month:%Y-%m} {service}: expected {of_units} by category as by unit, "
                    f"came {of_codes}; the counts must be rebuilt."
                )

    def of_unit(self, unit: str, service: str, period: Period) -> int:
        """Return the 件次 of one unit and service."""
        return sum(self.units.get((month, unit, service), 0) for month in period.months)

    def of_node(self, code: str, period: Period) -> int:
        """Return the 件次 at and below a category; a service type is the highest."""
        return sum(self._subtrees.get((month, code), 0) for month in period.months)

    def of_services(self, services: Sequence[str], period: Period) -> int:
        """Return the 件次 of several service types."""
        return sum(self.of_node(service, period) for service in services)

    def of_pair(self, unit: str, code: str, period: Period) -> int:
        """Return the 件次 of one unit and watched category."""
        return sum(self.pairs.get((month, unit, code), 0) for month in period.months)

    def settled(self, service: str, settlement: str, period: Period) -> int:
        """Return the 件次 of a service type that were settled in one way."""
        months = set(period.months)
        return sum(
            n
            for (month, code, how), n in self.codes.items()
            if how == settlement and code[0] == service and month in months
        )

    def has(self, month: date) -> bool:
        """Whether anything was counted in a month."""
        return any(at == month for at, _, _ in self.units)


def lineage(code: str) -> Iterator[str]:
    """Yield a category and everything above it: C01.02.03, C01.02, C01, C."""
    while len(code) > 1:
        yield code
        code = code.rpartition(".")[0] or code[0]
    yield code


def tally_counts(counts: Iterable[Count], watched: Iterable[str] = ()) -> Tally:
    """Sum cells into margins; `watched` categories are also kept by unit."""
    units: defaultdict[tuple[date, str, str], int] = defaultdict(int)
    codes: defaultdict[tuple[date, str, str], int] = defaultdict(int)
    pairs: defaultdict[tuple[date, str, str], int] = defaultdict(int)
    kept = frozenset(watched)
    for cell in counts:
        units[cell.month, cell.unit, cell.service] += cell.n
        codes[cell.month, cell.code, cell.settlement] += cell.n
        for code in lineage(cell.code):
            if code in kept:
                pairs[cell.month, cell.unit, code] += cell.n
    return Tally(units, codes, pairs)


@dataclass(frozen=True)
class Figures:
    """Everything that a bulletin's numbers are made from."""

    period: Period
    units: tuple[Unit, ...]
    """Members of the network in the period, in its order."""
    months: Mapping[tuple[str, date], UnitMonth]
    """By unit and month; absent means complete when the unit has counts, else missing."""
    tally: Tally
    """Of the complete unit months, over the period and the history that is compared with."""
    ranked: Mapping[date, tuple[tuple[Unit, int], ...]] = field(default_factory=dict)
    """Totals of another network's units by month, for the ranking among them."""

    def standing(self, unit: str, period: Period | None = None) -> Standing:
        """Return how a unit stands over a period: its worst month."""
        stands = [self._standing(unit, month) for month in (period or self.period).months]
        for worst in (Standing.MISSING, Standing.PARTIAL):
            if worst in stands:
                return worst
        return Standing.COMPLETE

    def _standing(self, unit: str, month: date) -> Standing:
        sent = self.months.get((unit, month))
        return sent.standing if sent else Standing.MISSING

    def partial_total(self, month: date) -> int:
        """Return what the units that sent only a total add to a month."""
        return sum(
            sent.total
            for (_, at), sent in self.months.items()
            if at == month and sent.standing is Standing.PARTIAL
        )

    def standing_units(self, standing: Standing) -> tuple[Unit, ...]:
        """Return the units that stand so over the period, in the network's order."""
        return tuple(unit for unit in self.units if self.standing(unit.id) is standing)
