from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.categories.taxonomy import CURRENT, Node, edition, edition_on, editions, path
from ivr.errors import DefinitionInvalid

CODES = sorted(edition().nodes)


def leaf(code: str, name: str = "HPV疫苗") -> Node:
    return Node(code=code, name=name, parent=None, level=0, order=0, since=date(2026, 1, 1))


def test_the_2016_tree_has_the_nodes_of_the_bulletin() -> None:
    levels = [node.level for node in edition().nodes.values()]
    assert [levels.count(level) for level in range(5)] == [8, 61, 91, 226, 8]


def test_printed_counts_add_up_from_the_services_to_the_total_of_the_month() -> None:
    counts = {node.name: node.printed_count for node in edition().children()}
    assert sum(count or 0 for count in counts.values()) == 264_478


def test_the_displayed_path_skips_nodes_that_only_group() -> None:
    assert path("C02.01.01.01") == ("咨询", "疾病预防控制", "预防接种", "狂犬病疫苗")


def test_a_grouping_node_ends_the_path_of_what_is_filed_under_it() -> None:
    assert path("C02.01.01") == ("咨询", "疾病预防控制", "预防接种", "疫苗种类")


@pytest.mark.parametrize("code", CODES)
def test_each_displayed_path_leads_back_to_its_node(code: str) -> None:
    taxonomy = edition()
    found = taxonomy.by_path(taxonomy.path(code))
    assert found is not None
    assert found.code == code


def test_a_path_is_read_from_one_string_with_arrows_aliases_and_codes() -> None:
    taxonomy = edition()
    for written in ("咨询 > 疾病预防控制", "咨询→疾病预防控制", "C/C02", f"{CURRENT}:C02"):
        found = taxonomy.by_path(written)
        assert found is not None, written
        assert found.code == "C02"
    assert taxonomy.by_path("咨询 > 没有这一类") is None
    assert taxonomy.by_path("") is None


def test_a_code_means_one_thing_in_all_editions() -> None:
    first, second = editions()
    assert set(first.nodes) & set(second.nodes) == set()


def test_editions_follow_each_other_without_a_gap() -> None:
    first, second = editions()
    assert first.valid_until == second.valid_from
    assert edition_on(date(2015, 12, 31)) is first
    assert edition_on(date(2016, 1, 1)) is second
    assert edition_on(date(1999, 1, 1)) is first


def test_a_centre_adds_a_leaf_below_an_existing_node() -> None:
    taxonomy = edition().with_local([leaf("C02.01.01.L01")])
    assert taxonomy.path("C02.01.01.L01") == ("咨询", "疾病预防控制", "预防接种", "HPV疫苗")
    assert taxonomy.node("C02.01.01.L01").local
    assert not taxonomy.node("C02.01.01.01").local


@pytest.mark.parametrize("code", ["C02.01.01.03", "C98.L01", "C02.L1", "c02.L01", "C02.01.01.L01x"])
def test_a_local_code_outside_its_pattern_is_refused(code: str) -> None:
    with pytest.raises(DefinitionInvalid, match="two digits"):
        edition().with_local([leaf(code)])


def test_a_local_code_is_never_given_out_twice() -> None:
    with pytest.raises(DefinitionInvalid, match="never reuse"):
        edition().with_local([leaf("C02.L01"), leaf("C02.L01", "别的")])


def test_a_leaf_is_selectable_between_its_days_only() -> None:
    ended = replace(leaf("C02.L01"), until=date(2027, 1, 1))
    taxonomy = edition().with_local([ended])
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [taxonomy.selectable("C02.L01", day) for day in days] == [False, True, True, False]
    assert not taxonomy.selectable("C02.L01")


def test_the_row_that_the_bulletin_lost_is_never_filed_under() -> None:
    assert not edition().selectable("C05.03.98")


def test_unknown_codes_and_editions_are_named() -> None:
    with pytest.raises(DefinitionInvalid, match="'Q01'"):
        edition().node("Q01")
    with pytest.raises(DefinitionInvalid, match="12320-2014"):
        edition("12320-1999")


@given(st.sampled_from(CODES), st.integers(0, 4))
def test_a_truncated_code_lies_on_the_lineage_at_or_above_the_level(code: str, level: int) -> None:
    taxonomy = edition()
    short = taxonomy.truncated(code, level)
    assert taxonomy.node(short).level == min(level, taxonomy.node(code).level)
    assert short in {node.code for node in taxonomy.lineage(code)}
    assert code in {node.code for node in taxonomy.within(short)}
