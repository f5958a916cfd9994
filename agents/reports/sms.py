"""The main figures of a span as a text message: one message of 70 characters, or 140. Pure.

A message in Chinese is coded as UCS-2, of which 70 characters fit into one; a longer text is cut
into pieces of 67. What does not fit is left out from the end, whole statements at a time: a figure
is never cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from agents.reports.rounding import DASH, Ratio

BRIEF: Final = 70
FULL: Final = 140
_PIECE: Final = 67
_HEAD: Final = "12320热线"
_END: Final = "。"
_REQUESTS: Final = 3
"""The place of 件次 in the sentence: last, before the service types."""


@dataclass(frozen=True, slots=True)
class MainFigures:
    """What a leader asks for first."""

    calls: int | None
    """来电: calls to us, numbers held back left out. None: calls are not counted by what the
    figures are narrowed by, and nothing is said of them, nor of what was answered and rated."""
    answered: int
    """接通量, of those that asked for a person and are over."""
    connected: Ratio
    """接通率: net, as in the queue indicators."""
    services: tuple[tuple[str, int], ...]
    """件次 by service type, in the edition's order; none twice."""
    rated: int
    """参评."""
    content: int
    """满意 and 基本满意, of the rated."""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A text, and what it costs to send."""

    text: str
    limit: int
    """Characters it was made for."""

    @property
    def messages(self) -> int:
        """As how many messages a carrier counts it."""
        return 1 if len(self.text) <= BRIEF else -(-len(self.text) // _PIECE)


def text_message(
    span: str, figures: MainFigures, limit: int, narrowed: Sequence[tuple[str, str]] = ()
) -> TextMessage:
    """Say the main figures in at most `limit` characters.

    By what they are narrowed is always said: with the names if there is room before the first
    figure, and without them if there is not.

    Args:
        span: what the days are called, at most 30 characters.
        figures: what is said, the most important first.
        limit: `BRIEF` or `FULL`.
        narrowed: by what, each as what it is called and the one that is left.
    """
    head, first, room = f"{_HEAD}{span}", _first(figures), limit - len(_END)
    text = head + _scope(narrowed, room - len(head) - len(first)) + first
    if figures.calls is None:
        return TextMessage(text + _services(figures.services, room - len(text)) + _END, limit)
    said: dict[int, str] = {}
    for place, statement in _statements(figures):
        if len(text) + sum(map(len, said.values())) + len(statement) <= room:
            said[place] = statement
    text += "".join(said[place] for place in sorted(said))
    if _REQUESTS in said:
        text += _services(figures.services, room - len(text))
    return TextMessage(text + _END, limit)


def _first(figures: MainFigures) -> str:
    return _filed(figures) if figures.calls is None else f"来电{figures.calls}"


def _filed(figures: MainFigures) -> str:
    return f"受理{sum(count for _, count in figures.services)}件次"


def _scope(narrowed: Sequence[tuple[str, str]], room: int) -> str:
    if not narrowed:
        return ""
    named = f"（{'、'.join(f'{word}{only}' for word, only in narrowed)}）"
    return named if len(named) <= room else f"（按{'、'.join(word for word, _ in narrowed)}筛选）"


def _statements(figures: MainFigures) -> Iterable[tuple[int, str]]:
    """Give each statement with its place in the sentence, the most important first."""
    yield 0, f"，接通{figures.answered}"
    if (share := figures.connected.sign()) != DASH:
        yield 1, f"，接通率{share}"
    yield _REQUESTS, f"，{_filed(figures)}"
    if (share := Ratio(figures.content, figures.rated).sign()) != DASH:
        yield 2, f"，满意率{share}"


def _services(services: Sequence[tuple[str, int]], room: int) -> str:
    """List the service types that there were, most 件次 first, and say when some are left out."""
    ranked = sorted((one for one in services if one[1]), key=lambda one: -one[1])
    listed = [f"{name}{count}" for name, count in ranked]
    for many in range(len(listed), 0, -1):
        said = f"：{'、'.join(listed[:many])}{'等' * (many < len(listed))}"
        if len(said) <= room:
            return said
    return ""
