"""Articles as Markdown files: a head of TOML, the standard answer, and the body. Pure.

+++
title = "被狗咬伤后的处置"
categories = ["C02.01.01"]
sources = ["狂犬病暴露预防处置工作规范（2023年版）"]
valid_from = 2023-10-01
+++
## 标准口径
…
## 正文
…
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from ivr.errors import DefinitionInvalid

_FENCE: Final = "+++"
_ANSWER: Final = "## 标准口径"
_BODY: Final = "## 正文"
_KEYS: Final = frozenset({"title", "categories", "sources", "valid_from", "valid_until"})


@dataclass(frozen=True, slots=True)
class Article:
    """What an article says."""

    title: str
    answer: str
    """标准口径: what an agent says."""
    body: str
    """Markdown."""
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    """First day on which it is no longer valid."""


def to_markdown(article: Article) -> str:
    """Write an article as a file; `from_markdown` reads the same article from it."""
    head: dict[str, str] = {
        "title": json.dumps(article.title, ensure_ascii=False),
        "categories": json.dumps(article.categories, ensure_ascii=False),
        "sources": json.dumps(article.sources, ensure_ascii=False),
    }
    for name in ("valid_from", "valid_until"):
        if day := getattr(article, name):
            head[name] = day.isoformat()
    lines = [_FENCE, *(f"{key} = {value}" for key, value in head.items()), _FENCE]
    return "\n".join([*lines, _ANSWER, article.answer, _BODY, article.body, ""])


def from_markdown(text: str) -> Article:
    """Read an article from a file.

    Raises:
        DefinitionInvalid: naming what was expected.
    """
    nothing, opened, rest = text.replace("\r\n", "\n").partition(f"{_FENCE}\n")
    inner, closed, content = rest.partition(f"{_FENCE}\n")
    if nothing.strip("\ufeff\n ") or not opened or not closed:
        raise DefinitionInvalid(f"expected a head between two lines of {_FENCE}.")
    try:
        head = tomllib.loads(inner)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionInvalid(f"expected TOML in the head, {error}.") from None
    if unknown := sorted(head.keys() - _KEYS):
        raise DefinitionInvalid(f"expected {sorted(_KEYS)} in the head, came {unknown}.")
    before, answered, rest = content.partition(f"{_ANSWER}\n")
    answer, bodied, body = rest.partition(f"\n{_BODY}\n")
    if before.strip() or not answered or not bodied:
        raise DefinitionInvalid(f"expected {_ANSWER} and {_BODY} after the head.")
    return Article(
        title=_text(head, "title"),
        answer=answer.strip("\n"),
        body=body.strip("\n"),
        categories=_texts(head, "categories"),
        sources=_texts(head, "sources"),
        valid_from=_day(head, "valid_from"),
        valid_until=_day(head, "valid_until"),
    )


def _text(head: dict[str, Any], key: str) -> str:
    value = head.get(key)
    if not isinstance(value, str) or not value:
        raise DefinitionInvalid(f"{key}: expected a text, came {value!r}.")
    return value


def _texts(head: dict[str, Any], key: str) -> tuple[str, ...]:
    value = head.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise DefinitionInvalid(f"{key}: expected a list of texts, came {value!r}.")
    return tuple(value)


def _day(head: dict[str, Any], key: str) -> date | None:
    value = head.get(key)
    if value is not None and type(value) is not date:
        raise DefinitionInvalid(f"{key}: expected a day such as 2026-11-22, came {value!r}.")
    return value
