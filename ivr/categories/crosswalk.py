"""From one edition's codes to another's, with what does not map said out loud.

The nearest node of the newer tree is recorded in the older tree's file. A figure restated
through the crosswalk must say three things: which codes have no counterpart, which newer nodes
nothing leads to, and where the service type changes (预约挂号 was a category of 咨询 in 2014 and
is a service type of its own in 2016, so totals of 咨询 may not be compared as they stand).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ivr.categories.taxonomy import Taxonomy, edition


@dataclass(frozen=True, slots=True)
class Counterpart:
    """Where one code of the older edition is found in the newer one."""

    code: str
    target: str | None
    """None: the newer tree has no counterpart."""
    service_changes: bool
    """The service type (by name) is another one, so totals of services are not comparable."""


@dataclass(frozen=True)
class Crosswalk:
    """All counterparts of an edition in a later one."""

    older: str
    newer: str
    counterparts: Mapping[str, Counterpart]
    unmapped: tuple[str, ...]
    """Codes of the older edition without a counterpart."""
    unreached: tuple[str, ...]
    """Highest codes of the newer edition that nothing older leads to or into."""

    def forward(self, code: str) -> str | None:
        """Return the newer code of an older one, or None where there is no counterpart."""
        found = self.counterparts.get(code)
        return found.target if found else None

    def backward(self, code: str, newer: Taxonomy) -> str | None:
        """Return the older code that a newer one is restated under, or None.

        The nearest node at or above the newer code that an older code maps to exactly; a newer
        node that nothing leads to, such as 医改政策, may only be restated as its service type.
        """
        sources = {
            c.target: c.code for c in self.counterparts.values() if c.target and len(c.code) > 1
        }
        services = {
            c.target: c.code for c in self.counterparts.values() if c.target and len(c.code) == 1
        }
        for node in reversed(newer.lineage(code)):
            if node.code in sources:
                return sources[node.code]
            if node.code in services:
                return services[node.code]
        return None


def parse_crosswalk(tree: Mapping[str, Any], older: Taxonomy, newer: Taxonomy) -> Crosswalk:
    """Read the `maps_to_2016` of each node; targets are checked against the newer edition."""
    targets: dict[str, str | None] = {}

    def walk(item: Mapping[str, Any]) -> None:
        targets[item["code"]] = item.get("maps_to_2016")
        for child in item.get("children", ()):
            walk(child)

    for service in tree["services"]:
        walk(service)
    counterparts = {
        code: Counterpart(code, target, _service_changes(older, code, newer, target))
        for code, target in targets.items()
    }
    mapped = {target for target in targets.values() if target}
    return Crosswalk(
        older.id,
        newer.id,
        counterparts,
        tuple(code for code, target in targets.items() if target is None),
        _unreached(newer, mapped),
    )


def _service_changes(older: Taxonomy, code: str, newer: Taxonomy, target: str | None) -> bool:
    if target is None:
        return False
    return older.path(code)[0] != newer.path(target)[0]


def _unreached(newer: Taxonomy, mapped: set[str]) -> tuple[str, ...]:
    touched = {node.code for target in mapped for node in newer.lineage(target)}
    details = {child.code for target in mapped - {"C"} for child in newer.within(target)}
    return tuple(
        node.code
        for node in newer.nodes.values()
        if node.code not in touched | details and (node.parent is None or node.parent in touched)
    )


@cache
def crosswalk_2014_to_2016() -> Crosswalk:
    """Return the shipped crosswalk between the two printed editions."""
    folder = resources.files("ivr.categories") / "taxonomies"
    tree = json.loads((folder / "12320-2014.json").read_text(encoding="utf-8"))
    return parse_crosswalk(tree, edition("12320-2014"), edition("12320-2016"))
