from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.editorial import Editorial, parse_editorial
from agents.reports.proofreading import MOST, Misprint, misprints
from tests.agents.reports.conftest import editorial_2016


def titled(title: str, **more: object) -> Editorial:
    head = {"title": title, "issue": 1, "total_issue": 1, "dated": date(2016, 1, 1)}
    return parse_editorial(head | {"publishers": ["甲"]} | more)


def test_an_ordinary_text_has_none() -> None:
    assert misprints(editorial_2016()) == ()
    assert misprints(titled("12320\t工作简报\r\n第二行 😀 𠮷")) == ()


def test_each_is_named_with_its_place() -> None:
    article = {"title": "一\x00", "text": "第一段。\x0b\n\n第二段。\x1b", "source": "\x7f"}
    written = titled(
        "简报", column=[{"statistics": True}, {"name": "\ufffe", "article": [article]}]
    )
    assert misprints(written) == (
        Misprint("column.1.name", 1, "U+FFFE"),
        Misprint("column.1.article.0.title", 2, "U+0000"),
        Misprint("column.1.article.0.text", 5, "U+000B"),
        Misprint("column.1.article.0.text", 12, "U+001B"),
        Misprint("column.1.article.0.source", 1, "U+007F"),
    )


@pytest.mark.parametrize("name", ["issue", "total_issue", "copies"])
def test_numbers_have_a_bound(name: str) -> None:
    assert misprints(titled("简报", **{name: MOST})) == ()
    assert misprints(titled("简报", **{name: MOST + 1})) == (Misprint(name, 0, str(MOST + 1)),)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_whatever_passes_can_be_in_a_document(text: str) -> None:
    if not misprints(titled(f"题{text}")):
        holds_in_a_document(text)


def holds_in_a_document(text: str) -> None:
    """Fail where the library of the DOCX would."""
    from docx import Document  # noqa: PLC0415 - loaded for this alone

    Document().add_paragraph(text)
