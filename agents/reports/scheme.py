"""How a bulletin shows a category tree: names in tables and text, order, which 其他 is ranked.

A scheme is a file in `schemes/`, tied to one edition of the taxonomy; a network of reporting
units is a file in `networks/`. Both are checked when they are read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

from agents.reports.tally import Period, Tally, Unit
from ivr.categories.taxonomy import Node, Taxonomy, edition
from ivr.errors import DefinitionInvalid

LEADERS: Final = 3
"""前三位: as many children as a sentence names."""


@dataclass(frozen=True, slots=True)
class Display:
    """How one node is shown where that differs from its name."""

    table_name: str = ""
    narrative_name: str = ""
    drill_name: str = ""
    heading_name: str = ""
    rank_other: bool = False
    """Its 其他 is named among its leaders."""
    other_last: bool = True
    """Its 其他 is the last row of its table, whatever its count."""
    other: bool = False
    """Is an 其他 although its code does not say so."""


@dataclass(frozen=True, slots=True)
class Detail:
    """A class that gets a section: its table, its sentence and those of nodes below it."""

    code: str
    drill: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """How the head of an issue is written."""

    issue: str
    """With {issue}, {ordinal} (in Chinese numerals) and {total}."""
    date: Literal["chinese", "digits"]
    contents_title: str
    contents: Literal["columns", "list"]
    """Titles below the names of their columns, or one list."""

    @property
    def begins_anew(self) -> bool:
        """Whether 期号 begins with 1 each year: where the total number is printed beside it.

        So does the province's, 第一期（总第54期） of January 2015. A head with one number goes on,
        as the nation's 第113期 of 2016.
        """
        return "{total}" in self.issue


@dataclass(frozen=True, slots=True)
class Ranked:
    """A category with its count, placed among its siblings."""

    node: Node
    count: int
    rank: int
    """1, 2, 2, 4: equal counts share a rank."""


@dataclass(frozen=True)
class Scheme:
    """A bulletin's way of showing one edition of the tree."""

    id: str
    family: Literal["national", "province"]
    taxonomy: Taxonomy
    network: str
    ranked_network: str | None
    places: int
    """Decimals of a share."""
    territory: str
    region: str
    services: tuple[str, ...]
    """Service types that are 件次 of the bulletin, in the order of the columns."""
    overview: tuple[str, ...]
    """The same in the order of the opening sentence."""
    outbound: str | None
    """The service type that is added when outbound work is asked for."""
    watched: tuple[str, ...]
    leaders: int
    form: Form
    details: tuple[Detail, ...]
    displays: Mapping[str, Display]

    def display(self, code: str) -> Display:
        """Return how a node is shown."""
        return self.displays.get(code, _PLAIN)

    def table_name(self, code: str) -> str:
        """Return what a table calls a node."""
        return self.display(code).table_name or self.taxonomy.node(code).name

    def narrative_name(self, code: str) -> str:
        """Return what a sentence calls a node."""
        return self.display(code).narrative_name or self.taxonomy.node(code).name

    def drill_name(self, code: str) -> str:
        """Return what a node's own sentence begins with."""
        return self.display(code).drill_name or self.narrative_name(code)

    def heading_name(self, code: str) -> str:
        """Return what stands at the head of a column or row of service types."""
        return self.display(code).heading_name or self.table_name(code)

    def is_other(self, node: Node) -> bool:
        """Whether a node is its parent's 其他."""
        return node.is_other or self.display(node.code).other

    def detail(self, code: str) -> Detail:
        """Return the section of a class.

        Raises:
            DefinitionInvalid: when the scheme prints none.
        """
        for detail in self.details:
            if detail.code == code:
                return detail
        raise DefinitionInvalid(f"Scheme {self.id} has no section for {code!r}.")


_PLAIN: Final = Display()


@dataclass(frozen=True)
class Reading:
    """A tally read through a scheme over a period."""

    scheme: Scheme
    tally: Tally
    period: Period

    def count(self, code: str) -> int:
        """Return the 件次 at and below a node."""
        return self.tally.of_node(code, self.period)

    def over(self, period: Period) -> Reading:
        """Return the same tally and scheme over another period."""
        return Reading(self.scheme, self.tally, period)

    def of_unit(self, unit: Unit, services: Sequence[str]) -> int:
        """Return a unit's 件次 of some service types."""
        return sum(self.tally.of_unit(unit.id, s, self.period) for s in services)

    def units(self, units: Sequence[Unit], services: Sequence[str]) -> list[tuple[int, Unit, int]]:
        """Return rank, unit and total, most first; equal totals share a rank (1, 2, 2, 4)."""
        totals = [(unit, self.of_unit(unit, services)) for unit in units]
        totals.sort(key=lambda pair: (-pair[1], pair[0].order))
        return [(1 + sum(other > n for _, other in totals), unit, n) for unit, n in totals]

    def children(self, code: str) -> tuple[Ranked, ...]:
        """Return the rows below a node as its table prints them.

        Most first, equal counts in the order of the tree, 其他 last unless the node ranks it like
        any row; zero rows stay, but a row known only by subtraction needs a count, and a leaf
        that a centre added is shown while it is valid or has a count.
        """
        shown = [(node, self.count(node.code)) for node in self.scheme.taxonomy.children(code)]
        kept = [(n, c) for n, c in shown if c or not (n.lost or _outside(n, self.period))]
        other_last = self.scheme.display(code).other_last
        kept.sort(key=lambda p: (other_last and self.scheme.is_other(p[0]), -p[1], p[0].order))
        return _ranked(kept)

    def ranking(self, code: str) -> tuple[Ranked, ...]:
        """Return the candidates for 前三位 below a node, best first.

        A grouping node (疫苗种类, 按病种) is replaced by its members, which keep the node itself as
        the base of their shares; 其他 takes part only where the scheme ranks it.
        """
        pool: list[Node] = []
        for node in self.scheme.taxonomy.children(code):
            pool += self.scheme.taxonomy.children(node.code) if node.grouping else (node,)
        with_other = self.scheme.display(code).rank_other
        counted = [
            (node, self.count(node.code))
            for node in pool
            if (with_other or not self.scheme.is_other(node)) and not node.lost
        ]
        counted.sort(key=lambda pair: (-pair[1], pair[0].order))
        return _ranked(counted)


def _ranked(counted: Sequence[tuple[Node, int]]) -> tuple[Ranked, ...]:
    return tuple(
        Ranked(node, count, 1 + sum(other > count for _, other in counted))
        for node, count in counted
    )


def _outside(node: Node, period: Period) -> bool:
    if node.until is not None and node.until <= period.first:
        return True
    return node.since is not None and node.since > period.last


def parse_scheme(data: Mapping[str, Any]) -> Scheme:
    """Make a scheme from its file.

    Raises:
        DefinitionInvalid: naming the code or key that is wrong.
    """
    taxonomy = edition(data["taxonomy"])
    displays = {code: Display(**keys) for code, keys in data.get("node", {}).items()}
    details = tuple(Detail(d["code"], tuple(d["drill"])) for d in data.get("detail", ()))
    named = [*displays, *data["services"], *data["overview"], *data["watched"]]
    named += [code for detail in details for code in (detail.code, *detail.drill)]
    if unknown := sorted({code for code in named if code not in taxonomy}):
        raise DefinitionInvalid(f"{data['id']}: {taxonomy.id} has no {', '.join(unknown)}.")
    if set(data["services"]) != set(data["overview"]):
        raise DefinitionInvalid(f"{data['id']}: services and overview name different types.")
    return Scheme(
        id=data["id"],
        family=data["family"],
        taxonomy=taxonomy,
        network=data["network"],
        ranked_network=data.get("ranked_network"),
        places=data["places"],
        territory=data["territory"],
        region=data["region"],
        services=tuple(data["services"]),
        overview=tuple(data["overview"]),
        outbound=data.get("outbound"),
        watched=tuple(data["watched"]),
        leaders=data.get("leaders", LEADERS),
        form=Form(**data["form"]),
        details=details,
        displays=displays,
    )


@cache
def scheme(scheme_id: str) -> Scheme:
    """Return a shipped scheme by its id.

    Raises:
        DefinitionInvalid: naming the schemes there are.
    """
    known = schemes()
    if scheme_id not in known:
        raise DefinitionInvalid(f"No scheme {scheme_id!r}; expected one of {', '.join(known)}.")
    return parse_scheme(_shipped("schemes", scheme_id))


def schemes() -> tuple[str, ...]:
    """Return the ids of the shipped schemes."""
    folder = resources.files("agents.reports") / "schemes"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir()))


@dataclass(frozen=True, slots=True)
class Member:
    """A unit with the days of its membership in a network."""

    unit: Unit
    since: date | None
    until: date | None
    """First day after the membership."""

    def within(self, period: Period) -> bool:
        """Whether it was a member in any month of a period."""
        return (self.since is None or self.since <= period.last) and (
            self.until is None or self.until > period.first
        )


@cache
def network(network_id: str) -> tuple[Member, ...]:
    """Return the shipped members of a network, in its order."""
    data = _shipped("networks", network_id)
    return tuple(_member(entry, order) for order, entry in enumerate(data["unit"]))


def _member(entry: Mapping[str, Any], order: int) -> Member:
    name = entry["name"]
    unit = Unit(
        id=entry["id"],
        name=name,
        brief_name=entry.get("brief_name", name),
        heading_name=entry.get("heading_name", name),
        order=order,
    )
    return Member(unit, entry.get("since"), entry.get("until"))


def _shipped(folder: str, name: str) -> dict[str, Any]:
    path = resources.files("agents.reports") / folder / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
