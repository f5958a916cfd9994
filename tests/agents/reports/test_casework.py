from __future__ import annotations

from datetime import datetime

from agents.reports.casework import (
    Contact,
    Dispatch,
    Extension,
    FollowUp,
    closed_in_time,
    first_contact_resolution,
    followed_up,
)
from agents.reports.rounding import Ratio


def october(day: int, hour: int = 9) -> datetime:
    return datetime(2016, 10, day, hour)  # noqa: DTZ001 - the rules compare, they do not convert


def due(day: int) -> datetime:
    return datetime(2016, 10, day, 23, 59, 59)  # noqa: DTZ001 - as above


def test_first_contact_resolution_counts_closed_windows_only_in_o_5() -> None:
    contacts = [
        Contact("A", "疫苗", october(1)),
        Contact("B", "医保", october(2)),
        Contact("B", "医保", october(5)),
        Contact("C", "医保", october(3)),
        Contact("C", "疫苗", october(4)),
        Contact("D", "疫苗", october(10)),
        Contact("D", "疫苗", october(18)),
        Contact("E", "疫苗", october(28)),
        Contact(None, "疫苗", october(6)),
        Contact(None, "医保", october(7)),
    ]
    result = first_contact_resolution(contacts, october(31))
    assert result.solved == Ratio(5, 6)
    assert result.solved.printed() == "83.3"
    assert (result.withheld, result.open_windows) == (2, 1)


def test_a_contact_exactly_seven_days_later_is_a_repeat() -> None:
    twice = [Contact("A", "疫苗", october(1)), Contact("A", "疫苗", october(8))]
    assert first_contact_resolution(twice, october(31)).solved == Ratio(0, 1)


def test_cases_are_closed_in_time_against_the_due_time_in_force_in_o_6() -> None:
    dispatches = [
        Dispatch(due(12), october(11)),
        Dispatch(due(12), october(12, 18)),
        Dispatch(due(12), october(13)),
        Dispatch(due(20), october(25), (Extension(october(18), due(26)),)),
        Dispatch(due(20), october(25), (Extension(october(21), due(26)),)),
        Dispatch(due(28)),
        Dispatch(datetime(2016, 11, 2), october(30)),  # noqa: DTZ001 - as above
        Dispatch(due(15), returned=True),
        Dispatch(due(31), october(31)),
        Dispatch(due(9), october(1), on_the_spot=True),
        Dispatch(due(9), withdrawn=True),
    ]
    start, end = october(1, 0), datetime(2016, 11, 1)  # noqa: DTZ001 - as above
    result = closed_in_time(dispatches, start, end)
    assert result == Ratio(4, 7)
    assert result.printed() == "57.1"


def test_an_extension_moves_the_case_into_the_later_cohort() -> None:
    moved = Dispatch(due(30), None, (Extension(october(20), datetime(2016, 11, 5)),))  # noqa: DTZ001
    assert closed_in_time([moved], october(1, 0), datetime(2016, 11, 1)).denominator == 0  # noqa: DTZ001


def test_the_anonymous_need_no_follow_up_and_the_unreached_count_against_it() -> None:
    cases = [
        FollowUp(reachable=True, completed=True),
        FollowUp(reachable=True, completed=False),
        FollowUp(reachable=False, completed=False),
    ]
    assert followed_up(cases) == Ratio(1, 2)
