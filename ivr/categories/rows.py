"""JSON lines in and out: a bad row is named by its line and its fault."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ivr.categories.corpus import Example
from ivr.categories.rules import Request, request_of
from ivr.categories.taxonomy import Taxonomy
from ivr.errors import HotlineError


class RowInvalid(HotlineError):
    """A row cannot be used."""


def requests(lines: Iterable[str]) -> Iterator[Request]:
    """Yield the request of each line, in order; empty lines are skipped.

    Raises:
        RowInvalid: with the number of the line and what was expected.
    """
    for number, row in _rows(lines):
        try:
            yield request_of(row)
        except ValueError as error:
            raise RowInvalid(f"Line {number}: {error}.") from None


def labelled(
    lines: Iterable[str], taxonomy: Taxonomy, otherwise: str = "confirmed"
) -> Iterator[tuple[Request, Example]]:
    """Yield requests with the code that a person confirmed.

    Raises:
        RowInvalid: with the number of the line and what was expected.
    """
    for number, row in _rows(lines):
        code, source = row.get("code"), row.get("source") or otherwise
        if not isinstance(code, str) or code not in taxonomy or not taxonomy.selectable(code):
            raise RowInvalid(f"Line {number}: code {code!r}; expected one of {taxonomy.id}.")
        if not isinstance(source, str):
            raise RowInvalid(f"Line {number}: source: expected a string.")
        try:
            request = request_of(row)
        except ValueError as error:
            raise RowInvalid(f"Line {number}: {error}.") from None
        yield request, Example(request.text, code, source)


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise RowInvalid(f"Line {number}: expected a JSON object, {error}.") from None
        if not isinstance(row, dict):
            raise RowInvalid(f"Line {number}: expected a JSON object, came {type(row).__name__}.")
        yield number, row
