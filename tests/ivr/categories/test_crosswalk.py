from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.categories.crosswalk import Crosswalk, crosswalk_2014_to_2016, parse_crosswalk
from ivr.categories.taxonomy import edition
from ivr.errors import DefinitionInvalid


def crosswalk() -> Crosswalk:
    return crosswalk_2014_to_2016()


def test_every_older_code_is_either_mapped_or_listed_as_unmapped() -> None:
    walk = crosswalk()
    mapped = {code for code in edition("12320-2014").nodes if walk.forward(code)}
    assert mapped | set(walk.unmapped) == set(edition("12320-2014").nodes)
    assert walk.unmapped == ("K09",)


def test_booking_left_the_consultations_and_the_crosswalk_says_so() -> None:
    changed = [c.code for c in crosswalk().counterparts.values() if c.service_changes]
    assert changed == ["K01"]
    assert crosswalk().forward("K01") == "B"


def test_newer_nodes_that_nothing_leads_to_are_listed() -> None:
    unreached = crosswalk().unreached
    assert {"C03", "C05", "P", "O"} <= set(unreached)
    assert "C06.01" not in unreached
    assert "C01.01" not in unreached


@pytest.mark.parametrize(
    ("newer", "older"),
    [("C02.01.01.01", "K06"), ("B01.01", "K01"), ("C05.01", "K"), ("T01", "U"), ("P", None)],
)
def test_a_newer_code_is_restated_under_the_nearest_older_one(
    newer: str, older: str | None
) -> None:
    assert crosswalk().backward(newer, edition()) == older


def test_a_target_outside_the_newer_edition_is_refused() -> None:
    tree = {"services": [{"code": "K", "maps_to_2016": "Q"}]}
    older = replace(edition("12320-2014"), id="broken")
    with pytest.raises(DefinitionInvalid, match="'Q'"):
        parse_crosswalk(tree, older, edition())
