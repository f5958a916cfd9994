"""Which actions the product writes into the audit: its own source, followed from call to call."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ivr.config import REPOSITORY

_WRITERS: Final = re.compile(r"-- name: (\w+)\([^\n]*\n(?:--[^\n]*\n)*INSERT INTO audit\b")
_SOURCES: Final = ("agents", "ivr")


@dataclass(frozen=True, slots=True)
class Call:
    """One call, and the function that it stands in."""

    called: str
    arguments: Mapping[int | str, ast.expr]
    inside: ast.FunctionDef | ast.AsyncFunctionDef
    where: str


def actions(expanded: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return every action that is written.

    Args:
        expanded: what stands for an action that is put together, by its source.

    Raises:
        AssertionError: an action is told in a way that is not understood here.
    """
    # Whoever hands an action on that he was given writes it too: until nobody new is found.
    known: set[tuple[str, int | str]] = {(name, "action") for name in _queries()}
    sources = {path: path.read_text("utf-8") for path in _sources()}
    found: set[str] = set()
    while True:
        writers = set(known)
        words = re.compile(r"\b(" + "|".join({name for name, _ in known}) + r")\(")
        for path, source in sources.items():
            for call in _calls(path, source) if words.search(source) else ():
                for place in (place for name, place in known if name == call.called):
                    if (told := call.arguments.get(place)) is not None:
                        _follow(call, told, found, writers, expanded)
        if writers == known:
            return found
        known = writers


def _queries() -> Iterator[str]:
    for path in sorted(REPOSITORY.glob("*/sql/*.sql")):
        yield from _WRITERS.findall(path.read_text("utf-8"))


def _sources() -> Iterator[Path]:
    for folder in _SOURCES:
        for path in (REPOSITORY / folder).rglob("*.py"):
            if "node_modules" not in path.parts:
                yield path


@cache
def _calls(path: Path, source: str) -> list[Call]:
    return [
        Call(
            getattr(node.func, "attr", getattr(node.func, "id", "")),
            _arguments(node),
            inside,
            f"{path}:{node.lineno}",
        )
        for inside in ast.walk(ast.parse(source))
        if isinstance(inside, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(inside)
        if isinstance(node, ast.Call)
    ]


def _arguments(node: ast.Call) -> Mapping[int | str, ast.expr]:
    placed: list[ast.expr] = []
    for one in node.args:
        match one:
            case ast.Starred(value=ast.Tuple(elts=spread)):
                placed += spread
            case _:
                placed.append(one)
    found: dict[int | str, ast.expr] = dict(enumerate(placed))
    return found | {word.arg: word.value for word in node.keywords if word.arg}


def _follow(
    call: Call,
    told: ast.expr,
    found: set[str],
    writers: set[tuple[str, int | str]],
    expanded: Mapping[str, tuple[str, ...]],
) -> None:
    """Note the actions that an argument may be, or that its function's caller tells it."""
    if isinstance(told, ast.Constant):
        found.add(str(told.value))
    elif isinstance(told, ast.IfExp):
        for one in (told.body, told.orelse):
            _follow(call, one, found, writers, expanded)
    elif isinstance(told, ast.Name):
        given = [one.arg for one in call.inside.args.args]
        if told.id in given:
            writers |= {(call.inside.name, given.index(told.id)), (call.inside.name, told.id)}
            return
        for node in ast.walk(call.inside):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == told.id:
                _follow(call, node.value, found, writers, expanded)
    else:
        source = ast.unparse(told)
        assert source in expanded, f"{call.where}: {source}"
        found.update(expanded[source])
