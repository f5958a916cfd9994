"""The bulletin as JSON and back: what is published is kept so and rendered from it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any, Final

from agents.reports.document import (
    Article,
    Block,
    Bulletin,
    Cell,
    Chart,
    Column,
    Figure,
    Heading,
    Imprint,
    Masthead,
    Phrase,
    Prose,
    Series,
    Table,
)
from ivr.errors import DefinitionInvalid

FORMAT: Final = 1
"""Counts up when a reader of older files would be misled."""
_KINDS: Final[Mapping[type, str]] = {
    Table: "table",
    Prose: "prose",
    Heading: "heading",
    Chart: "chart",
}


def to_json(bulletin: Bulletin) -> str:
    """Write a bulletin with every number's count and base."""
    return json.dumps(as_data(bulletin), ensure_ascii=False, indent=1) + "\n"


def as_data(bulletin: Bulletin) -> dict[str, Any]:
    """Return a bulletin as lists, mappings and plain values."""
    data: dict[str, Any] = _plain(bulletin)
    return {"format": FORMAT, **data}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a bulletin
    if is_dataclass(value) and not isinstance(value, type):
        kind = _KINDS.get(type(value))
        parts = {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        return {"block": kind, **parts} if kind else parts
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return value


def from_json(text: str) -> Bulletin:
    """Read a bulletin that `to_json` wrote.

    Raises:
        DefinitionInvalid: the text is no bulletin of a format that is known here.
    """
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise DefinitionInvalid(f"Bulletin of format {data['format']!r}, expected {FORMAT}.")
        return _bulletin(data)
    except (KeyError, TypeError, ValueError) as error:
        raise DefinitionInvalid(f"Expected a bulletin as JSON, {error!r}.") from None


def _bulletin(data: Mapping[str, Any]) -> Bulletin:
    head, foot = data["masthead"], data["imprint"]
    return Bulletin(
        scheme=data["scheme"],
        first_month=date.fromisoformat(data["first_month"]),
        last_month=date.fromisoformat(data["last_month"]),
        masthead=Masthead(**{**head, "publishers": tuple(head["publishers"])}),
        contents_title=data["contents_title"],
        contents=tuple((name, tuple(titles)) for name, titles in data["contents"]),
        columns=tuple(
            Column(column["name"], tuple(map(_article, column["articles"])))
            for column in data["columns"]
        ),
        imprint=Imprint(
            **{**foot, "contacts": tuple((label, value) for label, value in foot["contacts"])}
        ),
        watermark=data["watermark"],
    )


def _article(data: Mapping[str, Any]) -> Article:
    return Article(data["title"], tuple(map(_block, data["blocks"])), data["source"])


def _block(data: Mapping[str, Any]) -> Block:
    kind = data["block"]
    if kind == "heading":
        return Heading(data["text"], data["level"])
    if kind == "prose":
        return Prose(tuple(map(_phrase, data["phrases"])))
    if kind == "table":
        plain = {key: data[key] for key in ("id", "title", "unit", "note")}
        return Table(head=_rows(data["head"]), body=_rows(data["body"]), **plain)
    series = tuple(Series(s["name"], tuple(s["values"])) for s in data["series"])
    plain = {key: data[key] for key in ("id", "title", "kind", "axis")}
    return Chart(labels=tuple(data["labels"]), series=series, **plain)


def _phrase(data: Mapping[str, Any]) -> Phrase:
    return Phrase(data["text"], tuple(Figure(**figure) for figure in data["figures"]))


def _rows(data: Sequence[Sequence[Mapping[str, Any]]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(Cell(**cell) for cell in row) for row in data)
