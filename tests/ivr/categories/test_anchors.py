from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.categories.anchors import PIECE, anchors
from ivr.categories.redflags import watch

EXPRESSIONS = [expression for flag in watch().flags for expression in flag.expressions]


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("(吃|喝).{0,9}(呕吐|发麻)", {"呕吐", "发麻"}),
        ("没有?证", {"没"}),
        ("甲乙?", {"甲"}),
        ("(甲|乙)?丙", {"丙"}),
        ("(甲(丙|丁)){0,2}戊", {"戊"}),
        ("他死|她死.{0,4}算", {"他死", "她死"}),
        ("(?<!例)假[^期]{0,3}(证书|医生)", {"证书", "医生"}),
        ("[一二3-5]+楼?", {"一", "二", "3", "4", "5"}),
        ("(都有.{0,3}(孩子|人)|陆续)", {"都有", "陆续"}),
        ("死.?", {"死"}),
    ],
)
def test_of_what_a_pattern_needs_the_rarest_is_looked_up(pattern: str, pieces: set[str]) -> None:
    assert anchors(pattern) == pieces


@pytest.mark.parametrize(
    "pattern", [".{3}", "没?", "(甲|.)", "[^甲]", "(?P<a>甲)", r"\d甲", "(?i)a"]
)
def test_a_pattern_that_needs_nothing_that_can_be_looked_up_is_tried_always(pattern: str) -> None:
    assert anchors(pattern) == frozenset()


def test_no_shipped_expression_has_to_be_tried_on_every_text() -> None:
    assert len(EXPRESSIONS) > 150
    assert [e.pattern for e in EXPRESSIONS if not anchors(e.pattern)] == []


@given(st.data())
def test_whatever_a_shipped_expression_matches_holds_one_of_its_pieces(data: st.DataObject) -> None:
    expression = data.draw(st.sampled_from(EXPRESSIONS))
    text = data.draw(st.from_regex(expression))
    assert any(piece in text for piece in anchors(expression.pattern))


LETTERS = st.sampled_from("甲乙丙丁")
PATTERNS = st.recursive(
    LETTERS | st.sampled_from(["[甲乙]", "[^丙]", ".", "丁?", "乙{0,2}", "丙+"]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})")
        | inner.map(lambda part: f"({part})?")
        | inner.map(lambda part: f"({part}){{1,2}}")
    ),
    max_leaves=8,
)


@given(PATTERNS, st.text("甲乙丙丁", max_size=12))
def test_no_pattern_is_missed_for_want_of_its_pieces(pattern: str, text: str) -> None:
    pieces = anchors(pattern)
    assert all(1 <= len(piece) <= PIECE for piece in pieces)
    if re.search(pattern, text) and pieces:
        assert any(piece in text for piece in pieces)
