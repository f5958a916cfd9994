from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.scheme import Reading, network, parse_scheme, scheme, schemes
from agents.reports.tally import Count, Period, Settlement, tally_counts
from ivr.errors import DefinitionInvalid

OCTOBER = date(2016, 10, 1)
PERIOD = Period(OCTOBER, OCTOBER)
NATIONAL = scheme("national-2016")


def reading(scheme_id: str = "national-2016", /, **counts: int) -> Reading:
    cells = [
        Count(OCTOBER, "jiangsu", code[0], code.replace("_", "."), Settlement.ON_THE_SPOT, n)
        for code, n in counts.items()
    ]
    return Reading(scheme(scheme_id), tally_counts(cells), PERIOD)


def codes(rows: Any) -> list[str]:  # noqa: ANN401 - rows of either kind
    return [row.node.code for row in rows]


def test_both_schemes_are_shipped_and_an_unknown_one_is_refused_by_name() -> None:
    assert schemes() == ("jiangsu-2014", "national-2016")
    with pytest.raises(DefinitionInvalid, match="national-2015"):
        scheme("national-2015")


def test_rows_stand_by_count_then_by_the_trees_order_with_the_rest_last() -> None:
    found = reading(T02=1, T05=7, T03=7, T99=50).children("T")
    assert codes(found)[:3] == ["T03", "T05", "T02"]
    assert codes(found)[-1] == "T99"
    assert len(found) == len(NATIONAL.taxonomy.children("T"))


def test_equal_counts_share_a_rank_and_the_next_rank_is_left_out() -> None:
    found = reading(T01=9, T02=7, T03=7, T05=1).ranking("T")
    assert [row.rank for row in found[:4]] == [1, 2, 2, 4]


def test_the_province_ranks_its_rest_like_any_row() -> None:
    found = reading("jiangsu-2014", K99=5, K01=9, K02=1).children("K")
    assert codes(found)[:3] == ["K01", "K99", "K02"]


def test_the_rest_is_named_among_the_leaders_only_where_the_scheme_says_so() -> None:
    assert codes(reading(T99=9, T01=1).ranking("T"))[0] == "T01"
    assert codes(reading(C10_99=9, C10_01=1).ranking("C10"))[0] == "C10.99"


def test_a_rest_by_name_is_sorted_last_too() -> None:
    assert codes(reading(C04_02_11=99, C04_02_01=1).children("C04.02"))[-1] == "C04.02.11"


def test_a_grouping_node_gives_way_to_its_members_in_a_ranking_but_not_in_a_table() -> None:
    counts = {"C02_01_01_01": 5, "C02_01_01_02": 2, "C02_01_02": 3}
    found = reading("national-2016", **counts)
    assert codes(found.ranking("C02.01"))[:3] == ["C02.01.01.01", "C02.01.02", "C02.01.01.02"]
    assert codes(found.children("C02.01"))[0] == "C02.01.01"


def test_a_row_known_by_subtraction_only_is_shown_only_with_a_count() -> None:
    assert "C05.03.98" not in codes(reading(C05_03_01=1).children("C05.03"))
    assert "C05.03.98" in codes(reading(C05_03_98=1).children("C05.03"))


@given(
    st.dictionaries(
        st.sampled_from([n.code for n in NATIONAL.taxonomy.children("T")]), st.integers(0, 9)
    )
)
def test_a_table_loses_no_request_and_no_row(counts: dict[str, int]) -> None:
    found = reading("national-2016", **counts)
    rows = found.children("T")
    assert sum(row.count for row in rows) == sum(counts.values()) == found.count("T")
    assert len(rows) == len(NATIONAL.taxonomy.children("T"))


def test_a_scheme_that_names_an_unknown_code_is_refused() -> None:
    data: dict[str, Any] = {
        "id": "x",
        "taxonomy": "12320-2016",
        "services": ["C"],
        "overview": ["C"],
        "watched": ["C77"],
    }
    with pytest.raises(DefinitionInvalid, match="C77"):
        parse_scheme(data)
    with pytest.raises(DefinitionInvalid, match="different types"):
        parse_scheme(data | {"watched": [], "overview": ["T"]})
    with pytest.raises(DefinitionInvalid, match="no section for 'C09'"):
        NATIONAL.detail("C09")


def test_networks_list_units_that_are_no_provinces_in_their_order() -> None:
    national = [member.unit.name for member in network("national")]
    assert len(national) == 31
    assert {"浙江省嘉善县", "湖北省武汉市", "天津市"} <= set(national)
    assert [m.unit.brief_name for m in network("jiangsu")][:3] == ["南京", "无锡", "徐州"]


def test_a_unit_belongs_to_a_network_in_the_months_of_its_membership() -> None:
    member = network("national")[0]
    assert member.within(PERIOD)
