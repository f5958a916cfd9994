"""Reading a definition file: TOML, checked against a typed model, errors with line and key.

The people who edit these files run a hotline, not Python. So an error says the file, the line,
the key, what was expected there and what was found.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ivr.errors import DefinitionInvalid

_TABLE: Final = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+")
_KEY: Final = re.compile(
    r"""^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*="""
)
_PART: Final = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")


class Section(BaseModel):
    """A table of a definition file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


AnySection = TypeVar("AnySection", bound=Section)


class Source:
    """A definition file's text, which knows on which line a key stands."""

    def __init__(self, path: Path, text: str) -> None:
        """`text` is the file's content; `path` is only named in errors."""
        self.path = path
        self._lines = dict(_keys_by_line(text))

    def at(self, keys: Sequence[int | str], sentence: str) -> str:
        """Put file, line and key in front of a sentence."""
        line = self.line(keys)
        place = f"{self.path.name}:{line}" if line else self.path.name
        name = ".".join(str(key) for key in keys)
        return f"{place}: {name}: {sentence}" if name else f"{place}: {sentence}"

    def line(self, keys: Sequence[int | str]) -> int | None:
        """Give the line of the key, or of the nearest table around it; None when unknown."""
        names = tuple(str(key) for key in keys)
        while names:
            if names in self._lines:
                return self._lines[names]
            names = names[:-1]
        return None


def _keys_by_line(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    table: tuple[str, ...] = ()
    arrays: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if found := _TABLE.match(line):
            table = _parts(found[1])
            if line.lstrip().startswith("[["):
                arrays[table] = arrays.get(table, -1) + 1
                table = (*table, str(arrays[table]))
            yield table, number
        elif found := _KEY.match(line):
            yield (*table, *_parts(found[1])), number


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple("".join(part) for part in _PART.findall(dotted))


def read_text(path: Path) -> str:
    """Read a definition file.

    Raises:
        DefinitionInvalid: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DefinitionInvalid(f"{path}: expected a readable file, {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DefinitionInvalid(
            f"{path}: expected UTF-8, came byte {error.object[error.start]:#04x} "
            f"at offset {error.start}."
        ) from None


def parse_definition(path: Path, text: str, model: type[AnySection]) -> tuple[AnySection, Source]:
    """Check the text of a definition file against its model.

    Raises:
        DefinitionInvalid: with one line for each fault found.
    """
    source = Source(path, text)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionInvalid(f"{path.name}: expected TOML, {error}.") from None
    try:
        return model.model_validate(tree), source
    except ValidationError as error:
        faults = (_explained(source, dict(item)) for item in error.errors(include_url=False))
        raise DefinitionInvalid("\n".join(("", *faults))) from None


def _explained(source: Source, item: dict[str, Any]) -> str:
    keys = [key for key in item["loc"] if not str(key).startswith("function-")]
    if item["type"] == "extra_forbidden":
        return source.at(keys, "no such key is known here.")
    if item["type"] == "missing":
        return source.at(keys, "expected this key, it is missing.")
    message = str(item["msg"]).removeprefix("Value error, ").removesuffix(".")
    return source.at(keys, f"{message}; came {item['input']!r}.")
