from __future__ import annotations

import pytest

from ivr.categories.taxonomy import edition
from ivr.categories.topic import topic


@pytest.mark.parametrize(
    ("consultation", "grievances"),
    [("C02.01.99", ["T04", "J04", "S04"]), ("C05.01", ["T05", "S05"]), ("C13.02", ["T10", "J10"])],
)
def test_a_grievance_shares_the_topic_of_the_consultation_about_the_same_matter(
    consultation: str, grievances: list[str]
) -> None:
    assert {topic(code) for code in grievances} == {topic(consultation)}


def test_every_code_has_a_topic_and_bookings_are_their_own() -> None:
    assert all(topic(code) for code in edition().nodes)
    assert topic("B01.06") == topic("B03") == "B"
    assert topic("C06.01.11") != topic("C06.02")
