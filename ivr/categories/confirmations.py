"""What people's confirmations say about the classifier and about each other. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ivr.categories.corpus import Example
from ivr.categories.model import at_level

DRIFTED: Final = 0.2
"""Total variation between two months' level-1 shares from which the matter of the calls has
changed: one call in five is about something else than before."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person filed a request, after the classifier had guessed."""

    subject: str
    agent: str
    code: str
    guess: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Precision:
    """How often a guessed level-1 category was confirmed."""

    code: str
    guessed: int
    confirmed: int

    @property
    def share(self) -> float:
        """Confirmed of guessed."""
        return self.confirmed / self.guessed


def precision(confirmations: Iterable[Confirmation]) -> tuple[Precision, ...]:
    """Return precision by guessed level-1 category, worst first."""
    guessed: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for item in confirmations:
        matter = at_level(item.guess, 1)
        guessed[matter] += 1
        right[matter] += matter == at_level(item.code, 1)
    found = (Precision(code, guessed[code], right[code]) for code in guessed)
    return tuple(sorted(found, key=lambda p: (p.share, p.code)))


def drift(before: Sequence[Confirmation], after: Sequence[Confirmation]) -> float:
    """Return the total variation of the level-1 shares that people filed: 0 same, 1 disjoint.

    Raises:
        ValueError: one side is empty.
    """
    if not before or not after:
        raise ValueError("expected confirmations on both sides")
    shares: list[Mapping[str, float]] = []
    for side in (before, after):
        counts = Counter(at_level(item.code, 1) for item in side)
        shares.append({code: count / len(side) for code, count in counts.items()})
    codes = set(shares[0]) | set(shares[1])
    return sum(abs(shares[0].get(code, 0) - shares[1].get(code, 0)) for code in codes) / 2


def disagreement(confirmations: Iterable[Confirmation]) -> dict[str, float]:
    """Return, by level-1 category, the share of requests that agents filed differently.

    Only requests filed by at least two agents count, under the category that most gave.
    """
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    for item in confirmations:
        labels[item.subject][item.agent] = item.code
    together: Counter[str] = Counter()
    apart: Counter[str] = Counter()
    for by_agent in labels.values():
        if len(by_agent) > 1:
            votes = Counter(at_level(code, 1) for code in by_agent.values())
            matter = min(votes, key=lambda code: (-votes[code], code))
            together[matter] += 1
            apart[matter] += len(set(by_agent.values())) > 1
    return {code: apart[code] / together[code] for code in sorted(together)}


def to_learn(confirmations: Iterable[Confirmation]) -> list[Example]:
    """Return what is learned from: the last label of each request, its agent as the source."""
    last = {item.subject: item for item in confirmations}
    return [Example(item.note, item.code, item.agent) for item in last.values() if item.note]
