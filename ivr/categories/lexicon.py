"""The trade's vocabulary: lists of terms, each with a meaning and mostly a node.

The lists are files (`lexicons/*.toml`), written from knowledge of the trade: illnesses by organ
system, departments, vaccines, medicines, schemes, licences, institutions, life and environment,
the language of complaint and praise, dialect. A term stands for its lists, so a note is
understood by the meaning of a word that no confirmed note has held yet.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from ivr.categories.taxonomy import Taxonomy, edition
from ivr.categories.text import normalise
from ivr.errors import DefinitionInvalid


@dataclass(frozen=True, slots=True)
class TermList:
    """One list: terms that mean the same kind of thing."""

    name: str
    node: str | None
    """Where knowledge about such a term is filed; None for lists that only colour a text."""
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """All lists, and which of them each term belongs to."""

    lists: tuple[TermList, ...]
    """Sorted by name: a list's position is its feature's."""
    of_term: Mapping[str, tuple[int, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the terms."""
        found: dict[str, list[int]] = {}
        for position, entry in enumerate(self.lists):
            for term in entry.terms:
                found.setdefault(term, []).append(position)
        object.__setattr__(self, "of_term", {t: tuple(p) for t, p in found.items()})

    def named(self, name: str) -> TermList:
        """Return a list by its name.

        Raises:
            DefinitionInvalid: there is no such list.
        """
        for entry in self.lists:
            if entry.name == name:
                return entry
        raise DefinitionInvalid(f"No term list {name!r} in the lexicon.")


def parse_lexicon(documents: Iterable[str], taxonomy: Taxonomy) -> Lexicon:
    """Read lists from TOML documents.

    Raises:
        DefinitionInvalid: a list is empty, given twice, or files under a code that is not there.
    """
    lists: dict[str, TermList] = {}
    for document in documents:
        for name, entry in tomllib.loads(document).items():
            terms = tuple(dict.fromkeys(map(normalise, entry["terms"].split())))
            node = entry.get("node")
            if name in lists or not terms:
                raise DefinitionInvalid(f"Term list {name!r} is empty or given twice.")
            if node is not None and node not in taxonomy:
                raise DefinitionInvalid(f"Term list {name!r}: {taxonomy.id} has no {node!r}.")
            lists[name] = TermList(name, node, terms)
    return Lexicon(tuple(lists[name] for name in sorted(lists)))


@cache
def lexicon() -> Lexicon:
    """Return the shipped lexicon."""
    folder = resources.files("ivr.categories") / "lexicons"
    files = sorted(item.name for item in folder.iterdir() if item.name.endswith(".toml"))
    documents = ((folder / name).read_text(encoding="utf-8") for name in files)
    return parse_lexicon(documents, edition())
