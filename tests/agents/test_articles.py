"""Articles as files: what is written is read again, and what is no article is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.articles import Article, from_markdown, to_markdown
from ivr.errors import DefinitionInvalid

lines = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
article = st.builds(
    Article,
    title=lines.filter(bool),
    answer=lines,
    body=lines,
    categories=st.lists(lines).map(tuple),
    sources=st.lists(lines).map(tuple),
    valid_from=st.none() | st.dates(),
    valid_until=st.none() | st.dates(),
)


@given(article)
def test_an_article_is_read_as_it_was_written(written: Article) -> None:
    assert from_markdown(to_markdown(written)) == written


@given(st.text())
def test_any_text_is_an_article_or_refused(text: str) -> None:
    with suppress(DefinitionInvalid):
        assert from_markdown(text).title


HEAD = '+++\ntitle = "狂犬病"\n'
REST = "+++\n## 标准口径\n尽快接种。\n## 正文\n详情。\n"


def test_an_article_of_an_editor_is_read() -> None:
    read = from_markdown("\ufeff" + HEAD + "valid_from = 2026-01-01\n" + REST.replace("\n", "\r\n"))
    assert read == Article("狂犬病", "尽快接种。", "详情。", valid_from=date(2026, 1, 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "head"),
        (HEAD + REST.replace("## 正文", "正文"), "正文"),
        ("+++\ntitle = 3\n" + REST, "title"),
        ("+++\n" + REST, "title"),
        (HEAD + "author = 'x'\n" + REST, "author"),
        (HEAD + "categories = [1]\n" + REST, "categories"),
        (HEAD + "valid_from = 'soon'\n" + REST, "valid_from"),
        (HEAD + "valid_from = 2026-01-01T00:00:00\n" + REST, "valid_from"),
        ("+++\n[\n" + REST, "TOML"),
    ],
)
def test_what_is_no_article_is_refused_with_what_was_expected(text: str, words: str) -> None:
    with pytest.raises(DefinitionInvalid, match=words):
        from_markdown(text)
