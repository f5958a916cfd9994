"""Finding a category as an agent types: by code, name, alias, pinyin or initials.

`kqbym` and `kuangquan` find 狂犬病疫苗: pinyin is without tones, initials are the first letters
of the syllables. Nodes that carry more traffic come first among equals.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from pypinyin import Style, lazy_pinyin

from ivr.categories.taxonomy import Node, Taxonomy, edition

_EXACT, _START, _INSIDE, _SPELT, _SPELT_START, _SPELT_INSIDE = range(6)
_SHORTEST_SPELLING: Final = 2


@dataclass(frozen=True)
class Lookup:
    """The names of one edition, spelt in every way an agent may type."""

    taxonomy: Taxonomy

    def find(self, query: str, limit: int = 10) -> tuple[Node, ...]:
        """Return the nodes that the query names, best first; nothing for an empty query."""
        wanted = unicodedata.normalize("NFKC", query).strip().lower()
        if not wanted:
            return ()
        if (exact := wanted.upper()) in self.taxonomy:
            return (self.taxonomy.node(exact),)
        if node := self.taxonomy.by_path(query):
            first: tuple[Node, ...] = (node,)
        else:
            first = ()
        ranked = sorted(
            (rank, -_traffic(node), node.order)
            for code, spellings in self._spellings.items()
            if (rank := _best(wanted, spellings)) is not None and self.taxonomy.selectable(code)
            for node in (self.taxonomy.node(code),)
        )
        by_order = {node.order: node for node in self.taxonomy.nodes.values()}
        rest = (by_order[order] for _, _, order in ranked)
        return (*first, *(node for node in rest if node not in first))[:limit]

    @cached_property
    def _spellings(self) -> dict[str, tuple[tuple[str, str, str], ...]]:
        return {
            node.code: tuple(_spelt(name) for name in (node.name, *node.aliases))
            for node in self.taxonomy.nodes.values()
        }


@cache
def lookup(taxonomy_id: str) -> Lookup:
    """Return the lookup of a shipped edition."""
    return Lookup(edition(taxonomy_id))


def _spelt(name: str) -> tuple[str, str, str]:
    syllables = lazy_pinyin(name, errors="default")
    initials = lazy_pinyin(name, style=Style.FIRST_LETTER, errors="default")
    return name.lower(), "".join(syllables).lower(), "".join(initials).lower()


def _best(wanted: str, spellings: tuple[tuple[str, str, str], ...]) -> int | None:
    ranks = [rank for spelling in spellings if (rank := _rank(wanted, *spelling)) is not None]
    return min(ranks, default=None)


def _rank(wanted: str, name: str, pinyin: str, initials: str) -> int | None:
    by_name = (
        (name == wanted, _EXACT),
        (name.startswith(wanted), _START),
        (wanted in name, _INSIDE),
    )
    spelt = wanted.isascii() and len(wanted) >= _SHORTEST_SPELLING
    by_sound = (
        (wanted in {pinyin, initials}, _SPELT),
        (pinyin.startswith(wanted) or initials.startswith(wanted), _SPELT_START),
        (wanted in pinyin or wanted in initials, _SPELT_INSIDE),
    )
    return next((rank for holds, rank in (*by_name, *(by_sound if spelt else ())) if holds), None)


def _traffic(node: Node) -> int:
    return node.printed_count or node.estimated_count or 0
