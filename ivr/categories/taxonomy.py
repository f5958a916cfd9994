"""The hotline's category trees: editions with validity, codes never reused, local leaves.

A tree is data (`taxonomies/*.json`, transcribed from the printed bulletins and checked sum by
sum). A request keeps its code and the edition's id, so any month can be restated. The display
path skips nodes that only group (`疫苗种类`, `按病种`), as the bulletin's running text does: it
ranks 狂犬病疫苗 side by side with 接种单位; the tree itself keeps them.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

from ivr.errors import DefinitionInvalid

CURRENT: Final = "12320-2016"
"""The edition in which requests are recorded today."""

_LOCAL_CODE: Final = re.compile(r"(?P<parent>[A-Z](?:\d\d(?:\.\d\d)*)?)\.L\d\d")
_SEPARATORS: Final = re.compile(r"\s*(?:>|›|→|/|\||\\|＞|»)\s*")


@dataclass(frozen=True, slots=True)
class Node:
    """One category. `level` 0 is the service type; 4 occurs below vaccines, diseases, 戒烟服务."""

    code: str
    name: str
    parent: str | None
    level: int
    order: int
    """Position in the printed tree; ties in a ranking are listed in this order."""
    aliases: tuple[str, ...] = ()
    grouping: bool = False
    """Only groups its members; skipped in a displayed path unless it ends it."""
    assumed: bool = False
    """Not a row of a printed table; the product or the running text needs it."""
    lost: bool = False
    """A row known only by subtraction: counts are restated with it, nothing is filed under it."""
    printed_count: int | None = None
    """件次 in the edition's own bulletin (2016: October 2016, 30 units); None when not printed."""
    estimated_count: int | None = None
    """Printed percent times the parent's total, where the table's count column is missing."""
    since: date | None = None
    until: date | None = None
    """First and last-but-one day of a local leaf; None for the national tree."""

    @property
    def local(self) -> bool:
        """Whether a centre added it."""
        return self.code.rpartition(".")[2].startswith("L")

    @property
    def is_other(self) -> bool:
        """Whether it is its parent's 其他."""
        return self.code.endswith("99")


@dataclass(frozen=True)
class Taxonomy:
    """One edition of the tree.

    Raises (all lookups by code):
        DefinitionInvalid: naming the edition and the code that it does not hold.
    """

    id: str
    title: str
    valid_from: date
    valid_until: date | None
    """First day of the next edition; None while it is the last."""
    nodes: Mapping[str, Node]
    """By code, in the printed order."""
    _children: Mapping[str | None, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the children once."""
        children: dict[str | None, list[str]] = {}
        for node in self.nodes.values():
            if node.parent is not None and node.parent not in self.nodes:
                raise DefinitionInvalid(f"{self.id}: {node.code} hangs below {node.parent!r}.")
            children.setdefault(node.parent, []).append(node.code)
        frozen = {parent: tuple(codes) for parent, codes in children.items()}
        object.__setattr__(self, "_children", frozen)

    def __contains__(self, code: object) -> bool:
        """Whether the edition holds the code."""
        return code in self.nodes

    def node(self, code: str) -> Node:
        """Return the node of a code."""
        try:
            return self.nodes[code]
        except KeyError:
            raise DefinitionInvalid(f"{self.id} has no code {code!r}.") from None

    def children(self, code: str | None = None) -> tuple[Node, ...]:
        """Return the nodes directly below a code, in printed order; None gives the services."""
        return tuple(self.nodes[child] for child in self._children.get(code, ()))

    def is_leaf(self, code: str) -> bool:
        """Whether nothing hangs below a code."""
        return self.node(code).code not in self._children

    def lineage(self, code: str) -> tuple[Node, ...]:
        """Return every node from the service type down to the code."""
        found: list[Node] = []
        at: str | None = code
        while at is not None:
            found.append(self.node(at))
            at = found[-1].parent
        return tuple(reversed(found))

    def path(self, code: str) -> tuple[str, ...]:
        """Return the names from the service type down, without nodes that only group.

        A grouping node is kept where it is itself what the request was filed under.
        """
        *above, last = self.lineage(code)
        return (*(node.name for node in above if not node.grouping), last.name)

    def truncated(self, code: str, level: int) -> str:
        """Return the code's ancestor at `level`, or the code itself if it lies above it."""
        lineage = self.lineage(code)
        return lineage[min(level, len(lineage) - 1)].code

    def within(self, code: str) -> Iterator[Node]:
        """Yield the node and everything below it, parents first."""
        yield self.node(code)
        for child in self._children.get(code, ()):
            yield from self.within(child)

    def selectable(self, code: str, on: date | None = None) -> bool:
        """Whether a request may be filed under the code (on a day, for local leaves)."""
        node = self.node(code)
        if node.lost:
            return False
        if on is None:
            return node.until is None
        return (node.since is None or node.since <= on) and (node.until is None or on < node.until)

    def by_path(self, path: str | Iterable[str]) -> Node | None:
        """Return the node that names (or codes) from the service type down lead to.

        Accepts displayed paths and full ones, names, aliases or codes, and a string whose parts
        are separated by `>`, `/`, `|` or an arrow. None when a part is unknown.
        """
        parts = _SEPARATORS.split(path) if isinstance(path, str) else list(path)
        at: str | None = None
        for part in (part.strip() for part in parts):
            if not part:
                continue
            step = self._step(at, part)
            if step is None:
                return None
            at = step.code
        return None if at is None else self.nodes[at]

    def _step(self, at: str | None, part: str) -> Node | None:
        code = part.removeprefix(f"{self.id}:")
        if code in self.nodes:
            return self.nodes[code]
        for child in self.children(at):
            if part == child.name or part in child.aliases:
                return child
            if child.grouping and (inner := self._step(child.code, part)):
                return inner
        return None

    def with_local(self, leaves: Iterable[Node]) -> Taxonomy:
        """Return the edition with a centre's own leaves.

        Raises:
            DefinitionInvalid: a code is in use, is not `<parent>.Lnn`, or has no parent.
        """
        nodes = dict(self.nodes)
        for leaf in leaves:
            match = _LOCAL_CODE.fullmatch(leaf.code)
            if match is None or match["parent"] not in self.nodes:
                raise DefinitionInvalid(
                    f"{self.id}: local code {leaf.code!r}; expected an existing code, .L and "
                    "two digits."
                )
            if leaf.code in nodes:
                raise DefinitionInvalid(f"{self.id}: {leaf.code} is given twice; never reuse one.")
            level = self.nodes[match["parent"]].level + 1
            nodes[leaf.code] = replace(
                leaf, parent=match["parent"], level=level, order=len(nodes), assumed=True
            )
        return replace(self, nodes=nodes)


def parse_taxonomy(
    tree: Mapping[str, Any],
    aliases: Mapping[str, Iterable[str]],
    valid_from: date,
    valid_until: date | None,
) -> Taxonomy:
    """Make an edition from its JSON tree and the desks' own names for its nodes."""
    nodes: dict[str, Node] = {}

    def walk(item: Mapping[str, Any]) -> None:
        code = str(item["code"])
        if code in nodes:
            raise DefinitionInvalid(f"{tree['id']}: {code} is given twice.")
        nodes[code] = Node(
            code=code,
            name=item["name"],
            parent=item["parent"],
            level=item["level"],
            order=len(nodes),
            aliases=(*item.get("aliases", ()), *aliases.get(code, ())),
            grouping=bool(item.get("grouping")),
            assumed=bool(item.get("assumed")),
            lost=bool(item.get("lost_row")),
            printed_count=item.get("count_2016_10", item.get("count_2014_11_12")),
            estimated_count=item.get("count_estimate"),
        )
        for child in item.get("children", ()):
            walk(child)

    for service in tree["services"]:
        walk(service)
    if unknown := sorted(set(aliases) - set(nodes)):
        raise DefinitionInvalid(f"{tree['id']}: aliases for unknown codes {', '.join(unknown)}.")
    return Taxonomy(tree["id"], tree["title"], valid_from, valid_until, nodes)


@cache
def editions() -> tuple[Taxonomy, ...]:
    """Return the shipped editions, oldest first, with the centre's local leaves."""
    listed = tomllib.loads(_shipped("editions.toml"))["edition"]
    aliases = tomllib.loads(_shipped("aliases.toml"))
    leaves = tomllib.loads(_shipped("local.toml")).get("leaf", [])
    starts: list[date | None] = [*(entry["valid_from"] for entry in listed[1:]), None]
    return tuple(
        parse_taxonomy(
            json.loads(_shipped(f"{entry['id']}.json")),
            aliases.get(entry["id"], {}),
            entry["valid_from"],
            until,
        ).with_local(_local_leaf(leaf) for leaf in leaves if leaf["edition"] == entry["id"])
        for entry, until in zip(listed, starts, strict=True)
    )


def edition(taxonomy_id: str = CURRENT) -> Taxonomy:
    """Return one edition by its id.

    Raises:
        DefinitionInvalid: naming the editions there are.
    """
    for taxonomy in editions():
        if taxonomy.id == taxonomy_id:
            return taxonomy
    known = ", ".join(taxonomy.id for taxonomy in editions())
    raise DefinitionInvalid(f"No taxonomy {taxonomy_id!r}; expected one of {known}.")


def edition_on(day: date) -> Taxonomy:
    """Return the edition in force on a day; the oldest one for days before it."""
    in_force = [taxonomy for taxonomy in editions() if taxonomy.valid_from <= day]
    return in_force[-1] if in_force else editions()[0]


def path(code: str, taxonomy_id: str = CURRENT) -> tuple[str, ...]:
    """Return the displayed path of a code: `edition(taxonomy_id).path(code)`."""
    return edition(taxonomy_id).path(code)


def _local_leaf(entry: Mapping[str, Any]) -> Node:
    return Node(
        code=entry["code"],
        name=entry["name"],
        parent=None,
        level=0,
        order=0,
        aliases=tuple(entry.get("aliases", ())),
        since=entry["since"],
        until=entry.get("until"),
    )


def _shipped(name: str) -> str:
    folder = resources.files("ivr.categories") / "taxonomies"
    return (folder / name).read_text(encoding="utf-8")
