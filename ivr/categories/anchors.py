"""What a text must hold before a regular expression is worth trying on it.

Every match of `(吃|喝).{0,9}(呕吐|发麻)` holds one of 呕吐 and 发麻, and looking a text's pieces up
costs a hundredth of a search. Pure: the pattern alone is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

PIECE: Final = 2
"""Characters of a piece at most; shorter where the pattern offers no more."""
_COMMON: Final = 8
"""How many pieces of two characters a single one is as frequent as, about."""
_OPTIONAL: Final = ("?", "*", "{0", "{,")
_TOKEN: Final = re.compile(
    r"(?:(?P<around>\(\?<?[=!])|(?P<open>\((?:\?:)?)|(?P<close>\))|(?P<or>\|)"
    r"|\[(?P<not>\^?)(?P<set>[^]]+)\]|(?P<any>[.$^])|(?P<letter>.))"
    r"(?P<times>\{[^}]*\}|[?*+])?",
    re.DOTALL,
)
_BEYOND: Final = re.compile(r"\\|\(\?(?!:|<?[=!])")
"""What this reader does not know: escapes, named groups, flags, comments."""


def anchors(pattern: str) -> frozenset[str]:
    """Return pieces of one or two characters of which every match of a pattern holds one.

    Empty when there are none such: then the expression must be tried on every text.
    """
    return frozenset() if _BEYOND.search(pattern) else _choice(_TOKEN.finditer(pattern))


def _choice(tokens: Iterator[re.Match[str]]) -> frozenset[str]:
    """Read alternatives up to their closing bracket, and return pieces as `anchors` does."""
    branches: list[list[frozenset[str]]] = [[]]
    run = ""
    closed = True  # or is the choice itself one that may be left out?
    for token in tokens:
        needed = not (token["times"] or "").startswith(_OPTIONAL)
        run += (token["letter"] or "") if needed else ""
        if token["letter"] and not token["times"]:
            continue
        branches[-1].append(frozenset({run[:PIECE]} if run else ()))
        run = ""
        if token["close"]:
            closed = needed
            break
        if token["or"]:
            branches.append([])
        else:
            branches[-1].append(_inside(token, tokens) if needed else frozenset())
    branches[-1].append(frozenset({run[:PIECE]} if run else ()))
    each = [_rarest(branch) for branch in branches]
    return frozenset().union(*each) if closed and all(each) else frozenset()


def _inside(token: re.Match[str], tokens: Iterator[re.Match[str]]) -> frozenset[str]:
    """Return the pieces of a group or a set; a look around holds none."""
    if token["open"] or token["around"]:
        inner = _choice(tokens)
        return inner if token["open"] else frozenset()
    return _members(token["set"]) if token["set"] and not token["not"] else frozenset()


def _rarest(needed: list[frozenset[str]]) -> frozenset[str]:
    """Return the pieces that the fewest texts hold, of those that each must hold one of."""
    return min(
        filter(None, needed),
        key=lambda pieces: (sum(1 if len(p) == PIECE else _COMMON for p in pieces), sorted(pieces)),
        default=frozenset(),
    )


def _members(inside: str) -> frozenset[str]:
    """Return the characters of a set such as `一二0-9`."""
    ranges = re.findall(r"(.)-(.)", inside)
    spread = {chr(point) for low, high in ranges for point in range(ord(low), ord(high) + 1)}
    return frozenset(re.sub(r".-.", "", inside)) | spread
