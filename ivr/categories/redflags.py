"""Red flags: what may never be settled by a machine, and is shown to a person at once.

A call about suicide, a poisoning, an outbreak, a report against somebody or a death in a
hospital that waits in a list because a classifier was sure of something else is the one error
that this system may not make. So these patterns look at every text, before and apart from the
classifier, and its verdict cannot silence them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from operator import add
from typing import Final, TypeAlias

from ivr.categories.taxonomy import Taxonomy, edition
from ivr.errors import DefinitionInvalid

NEVER_AUTOMATIC: Final = ("C06.01.11", "C06.08", "J")
"""自杀, 突发公共卫生事件 with 中毒事件, 举报: nothing at or below them is ever settled by itself.
Complaints about a medical accident are told by the flag `medical_accident`, not by a node."""

_SPECIAL: Final = re.compile(r"[()\[\]{}|.?*+$^\\]")
_GROUP: Final = re.compile(r"\([^()]*\)(\{[^}]*\}|[?*+])?")
_Indexed: TypeAlias = tuple[int, frozenset[str], re.Pattern[str]]
_ADVISORY: Final = frozenset({"urgent"})
"""Flags that send the caller to 120 without forbidding the record to settle."""


@dataclass(frozen=True, slots=True)
class RedFlag:
    """One kind of danger and the patterns that give it away."""

    name: str
    title: str
    node: str | None
    literals: tuple[str, ...]
    expressions: tuple[tuple[frozenset[str], re.Pattern[str]], ...]
    """With the characters that a text must hold before an expression is worth trying: most
    texts hold none, and the check is a hundred times cheaper."""

    @property
    def forbids_settling(self) -> bool:
        """Whether a text that shows it must be reviewed before anything is settled."""
        return self.name not in _ADVISORY


@dataclass(frozen=True)
class Watch:
    """All flags, indexed: a text meets only the patterns whose characters it holds."""

    flags: tuple[RedFlag, ...]
    _by_pair: Mapping[str, tuple[tuple[int, str], ...]] = field(init=False, repr=False)
    _by_character: Mapping[str, tuple[_Indexed, ...]] = field(init=False, repr=False)
    _always: tuple[tuple[int, re.Pattern[str]], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index literals by their first two characters, expressions by one they cannot miss."""
        pairs: dict[str, list[tuple[int, str]]] = {}
        characters: dict[str, list[_Indexed]] = {}
        always = []
        for at, flag in enumerate(self.flags):
            for literal in flag.literals:
                pairs.setdefault(literal[:2], []).append((at, literal))
            for needed, expression in flag.expressions:
                if needed:
                    characters.setdefault(min(needed), []).append((at, needed, expression))
                else:
                    always.append((at, expression))
        object.__setattr__(self, "_by_pair", {k: tuple(v) for k, v in pairs.items()})
        object.__setattr__(self, "_by_character", {k: tuple(v) for k, v in characters.items()})
        object.__setattr__(self, "_always", tuple(always))

    def raised(self, normalised: str) -> tuple[RedFlag, ...]:
        """Return the flags that a normalised text shows."""
        characters = frozenset(normalised)
        shown = self._literally(normalised, characters)
        for found in filter(None, map(self._by_character.get, characters)):
            for at, needed, expression in found:
                if at not in shown and needed <= characters and expression.search(normalised):
                    shown.add(at)
        for at, expression in self._always:
            if at not in shown and expression.search(normalised):
                shown.add(at)
        return tuple(self.flags[at] for at in sorted(shown))

    def _literally(self, normalised: str, characters: frozenset[str]) -> set[int]:
        """Return the flags whose plain words stand in the text."""
        by_pair = self._by_pair.get
        shown = {at for found in filter(None, map(by_pair, characters)) for at, _ in found}
        for start, found in enumerate(map(by_pair, map(add, normalised, normalised[1:]))):
            for at, literal in found or ():
                if normalised.startswith(literal, start):
                    shown.add(at)
        return shown


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
            expressions = tuple((_needed(text), re.compile(text)) for text in special)
        except re.error as error:
            raise DefinitionInvalid(f"Red flag {name!r}: {error}.") from None
        flags.append(RedFlag(name, entry["title"], node, tuple(plain), expressions))
    return tuple(flags)


def _needed(pattern: str) -> frozenset[str]:
    """Return the characters that every match of a pattern holds (those outside any choice)."""
    if "|" in _GROUP.sub("", pattern):
        return frozenset()
    bare = pattern
    while (shorter := _GROUP.sub("", bare)) != bare:
        bare = shorter
    bare = re.sub(r"\[[^]]*\](\{[^}]*\}|[?*+])?|\.\{[^}]*\}|.[?*]|[$^+.]", "", bare)
    return frozenset(bare)


@cache
def watch() -> Watch:
    """Return the shipped flags."""
    document = resources.files("ivr.categories").joinpath("redflags.toml").read_text("utf-8")
    return Watch(parse_red_flags(document, edition()))


def raised(normalised: str) -> tuple[RedFlag, ...]:
    """Return the shipped flags that a normalised text shows."""
    return watch().raised(normalised)
