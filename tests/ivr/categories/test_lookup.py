from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.categories.lookup import lookup
from ivr.categories.taxonomy import edition


def codes(query: str) -> list[str]:
    return [node.code for node in lookup("12320-2016").find(query)]


@pytest.mark.parametrize(
    "query",
    ["C02.01.01.01", "c02.01.01.01", "狂犬病疫苗", "狂苗", "kuangquanbingyimiao", "kqbym",
     "咨询>疾病预防控制>预防接种>狂犬病疫苗", "ＫＱＢＹＭ"],
)  # fmt: skip
def test_a_category_is_found_by_code_name_alias_path_pinyin_and_initials(query: str) -> None:
    assert codes(query)[0] == "C02.01.01.01"


def test_among_equal_matches_the_busier_category_comes_first() -> None:
    found = codes("狂犬病")
    assert found[:2] == ["C02.02.01.02", "C02.01.01.01"]
    assert codes("kq")[0] == "C02.01.01.01"


def test_the_lost_row_is_never_offered() -> None:
    assert "C05.03.98" not in codes("缺名")


def test_nothing_typed_finds_nothing() -> None:
    assert codes("  ") == []


@given(st.text(max_size=12))
def test_any_input_is_answered_with_at_most_ten_nodes_of_the_tree(query: str) -> None:
    found = codes(query)
    assert len(found) <= 10
    assert len(set(found)) == len(found)
    assert all(code in edition() for code in found)
