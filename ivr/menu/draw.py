"""A menu as a picture, drawn from the definition that answers the calls: Mermaid or SVG. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Final

from ivr.menu.model import LOCALES, PERSON_KEY, Choice, Destination, Menu, Node, Option
from ivr.menu.prompts import PromptBook

_SHORT: Final = 18
"""Signs of a text shown in a box."""
_BOX: Final = (230, 44)
_GAP: Final = (90, 14)
_MARGIN: Final = 20


@dataclass(slots=True)
class _Box:
    """One place of the picture and what its keys lead to; a place is unfolded once."""

    title: str
    text: str
    style: str
    branches: list[tuple[str, _Box]] = field(default_factory=list)
    identity: str = ""


def draw_mermaid(menu: Menu, prompts: PromptBook) -> str:
    """Draw the menu as a Mermaid flow chart."""
    lines = ["flowchart LR"]
    declared: set[str] = set()
    for box in _walk(_tree(menu, prompts)):
        name = box.identity
        if name not in declared:
            declared.add(name)
            lines.append(f'  {name}["{_quoted(box.title)}<br/>{_quoted(box.text)}"]')
        for key, branch in box.branches:
            branch.identity = branch.identity or f"place_{len(lines)}"
            lines.append(f'  {name} -- "{_quoted(key)}" --> {branch.identity}')
    return "\n".join(lines) + "\n"


def draw_svg(menu: Menu, prompts: PromptBook) -> str:
    """Draw the menu as an SVG picture, the beginning at the left, one row a leaf."""
    rows = iter(range(10_000))
    shapes: list[str] = []
    deepest = 0

    def place(box: _Box, depth: int) -> float:
        nonlocal deepest
        deepest = max(deepest, depth)
        ends = [(key, place(branch, depth + 1)) for key, branch in box.branches]
        middle = (ends[0][1] + ends[-1][1]) / 2 if ends else float(_row(next(rows)))
        left = _MARGIN + depth * (_BOX[0] + _GAP[0])
        shapes.append(_rectangle(box, left, middle))
        shapes.extend(_edge(key, left + _BOX[0], middle, end) for key, end in ends)
        return middle

    place(_tree(menu, prompts), 0)
    width = 2 * _MARGIN + (deepest + 1) * (_BOX[0] + _GAP[0]) - _GAP[0]
    height = _row(next(rows)) - _GAP[1]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
            f'  font-family="sans-serif" font-size="13" role="img" aria-label="{menu.name}">',
            "<style>rect{fill:#fff;stroke:#345}.queue rect{fill:#e6f4ea}.bye rect{fill:#eee}",
            ".again rect{stroke-dasharray:4}path{fill:none;stroke:#789}</style>",
            *shapes,
            "</svg>\n",
        )
    )


def _tree(menu: Menu, prompts: PromptBook) -> _Box:
    seen: set[str] = set()
    root = _Box(menu.name, ", ".join(menu.numbers) or menu.profile, "menu", identity="begin")
    starts = (
        ("open", menu.start),
        ("closed", menu.night),
        ("emergency", menu.surge),
        ("found", menu.served),
    )
    for label, start in starts:
        if start:
            root.branches.append((label, _unfold(menu, prompts, Option(to=start), seen)))
    root.branches.append((f"{PERSON_KEY}, silence", _ending(menu.person)))
    return root


def _unfold(menu: Menu, prompts: PromptBook, option: Option, seen: set[str]) -> _Box:
    if isinstance(option.to, Destination):
        return _ending(option)
    node = menu.nodes[option.to]
    if node.name in seen:
        return _Box(node.name, "see above", "again", identity=node.name)
    seen.add(node.name)
    box = _Box(node.name, _summary(node, prompts), "node", identity=node.name)
    for key, choice in _choices(node):
        box.branches.append((key, _unfold(menu, prompts, choice, seen)))
    return box


def _choices(node: Node) -> Iterator[tuple[str, Option]]:
    if isinstance(node, Choice):
        yield from node.options.items()
        return
    yield from node.answers.items()
    if node.then:
        yield f"{node.shortest}-{node.longest} digits", node.then


def _ending(option: Option) -> _Box:
    if not isinstance(option.to, Destination):
        return _Box(option.to, "", "again", identity=option.to)
    place = option.to
    title = f"{place.service} {place.name}".strip()
    text = ", ".join((place.priority.name, *option.presets))
    return _Box(title, text, place.service)


def _summary(node: Node, prompts: PromptBook) -> str:
    texts = prompts.texts[LOCALES[0]]
    text = texts[node.say[-2 if len(node.say) > 1 else -1].key]
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _walk(box: _Box) -> Iterator[_Box]:
    yield box
    for _, branch in box.branches:
        yield from _walk(branch)


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")


def _row(number: int) -> int:
    return _MARGIN + _BOX[1] // 2 + number * (_BOX[1] + _GAP[1])


def _rectangle(box: _Box, left: float, middle: float) -> str:
    top = middle - _BOX[1] / 2
    return (
        f'<g class="{escape(box.style)}"><rect x="{left}" y="{top}" width="{_BOX[0]}"'
        f' height="{_BOX[1]}" rx="6"/>'
        f'<text x="{left + 8}" y="{top + 18}" font-weight="bold">{escape(box.title)}</text>'
        f'<text x="{left + 8}" y="{top + 36}">{escape(box.text)}</text></g>'
    )


def _edge(key: str, left: float, start: float, end: float) -> str:
    right = left + _GAP[0]
    bend = left + _GAP[0] / 3
    return (
        f'<path d="M{left} {start} H{bend} V{end} H{right}"/>'
        f'<text x="{bend + 4}" y="{end - 4}">{escape(key)}</text>'
    )
