"""Red flags: what may never be settled by a machine, and is shown to a person at once.

A call about suicide, a poisoning, an outbreak, a report against somebody or a death in a
hospital that waits in a list because a classifier was sure of something else is the one error
that this system may not make. So these patterns look at every text, before and apart from the
classifier, and its verdict cannot silence them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import chain
from operator import add
from typing import Final, TypeAlias

from ivr.categories.anchors import PIECE, anchors
from ivr.categories.taxonomy import Taxonomy, edition
from ivr.errors import DefinitionInvalid

NEVER_AUTOMATIC: Final = ("C06.01.11", "C06.08", "J")
"""自杀, 突发公共卫生事件 with 中毒事件, 举报: nothing at or below them is ever settled by itself.
Complaints about a medical accident are told by the flag `medical_accident`, not by a node."""

_SPECIAL: Final = re.compile(r"[()\[\]{}|.?*+$^\\]")
_Test: TypeAlias = tuple[int, str, Callable[[str], object] | None]
"""Position of a flag, what the text must hold, and a search where holding it is not enough."""
_ADVISORY: Final = frozenset({"urgent"})
"""Flags that send the caller to 120 without forbidding the record to settle."""


@dataclass(frozen=True, slots=True)
class RedFlag:
    """One kind of danger and the patterns that give it away."""

    name: str
    title: str
    node: str | None
    literals: tuple[str, ...]
    expressions: tuple[re.Pattern[str], ...]

    @property
    def forbids_settling(self) -> bool:
        """Whether a text that shows it must be reviewed before anything is settled."""
        return self.name not in _ADVISORY


@dataclass(frozen=True)
class Watch:
    """All flags, indexed: a text meets only the patterns that it holds a piece of."""

    flags: tuple[RedFlag, ...]
    _by_piece: Mapping[str, tuple[_Test, ...]] = field(init=False, repr=False)
    _always: tuple[_Test, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the patterns by pieces of which each text that they match holds one."""
        by_piece: dict[str, list[_Test]] = {}
        always: list[_Test] = []
        for at, flag in enumerate(self.flags):
            for literal in flag.literals:
                by_piece.setdefault(literal[:PIECE], []).append((at, literal, None))
            for expression in flag.expressions:
                test = (at, "", expression.search)
                pieces = anchors(expression.pattern)
                for tests in [by_piece.setdefault(p, []) for p in sorted(pieces)] or [always]:
                    tests.append(test)
        object.__setattr__(self, "_by_piece", {k: tuple(v) for k, v in by_piece.items()})
        object.__setattr__(self, "_always", tuple(always))

    def raised(self, normalised: str) -> tuple[RedFlag, ...]:
        """Return the flags that a normalised text shows."""
        pieces = chain(normalised, map(add, normalised, normalised[1:]))
        # Each once: a piece that a long text repeats must not search all of it again each time.
        found = {self._always, *filter(None, map(self._by_piece.get, pieces))}
        shown: set[int] = set()
        for tests in found:
            for at, literal, search in tests:
                if (
                    at not in shown
                    and literal in normalised
                    and (search is None or search(normalised))
                ):
                    shown.add(at)
        return tuple(self.flags[at] for at in sorted(shown))


def parse_red_flags(document: str, taxonomy: Taxonomy) -> tuple[RedFlag, ...]:
    """Read the flags from TOML.

    Raises:
        DefinitionInvalid: a pattern does not compile, or a node is not in the taxonomy.
    """
    flags = []
    for name, entry in tomllib.loads(document).items():
        node = entry.get("node")
        if node is not None and node not in taxonomy:
            raise DefinitionInvalid(f"Red flag {name!r}: {taxonomy.id} has no code {node!r}.")
        plain = [text for text in entry["patterns"] if not _SPECIAL.search(text)]
        special = [text for text in entry["patterns"] if _SPECIAL.search(text)]
        try:
            expressions = tuple(map(re.compile, special))
        except re.error as error:
            raise DefinitionInvalid(f"Red flag {name!r}: {error}.") from None
        flags.append(RedFlag(name, entry["title"], node, tuple(plain), expressions))
    return tuple(flags)


def never_automatic(code: str) -> bool:
    """Whether a code lies at or below one of those that never settle by themselves."""
    return any(
        code == node or code.startswith(node if len(node) == 1 else f"{node}.")
        for node in NEVER_AUTOMATIC
    )


@cache
def watch() -> Watch:
    """Return the shipped flags."""
    document = resources.files("ivr.categories").joinpath("redflags.toml").read_text("utf-8")
    return Watch(parse_red_flags(document, edition()))


def raised(normalised: str) -> tuple[RedFlag, ...]:
    """Return the shipped flags that a normalised text shows."""
    return watch().raised(normalised)
