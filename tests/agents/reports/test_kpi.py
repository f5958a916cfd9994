from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reports.kpi import (
    FiguresDisagree,
    Outcome,
    Populations,
    QueueCall,
    Satisfaction,
    SeatTime,
    populations,
    queue_indicators,
    service_level,
)
from agents.reports.rounding import Ratio


def answered(wait: int, talk: int, hold: int, after: int) -> QueueCall:
    return QueueCall(wait * 1000, Outcome.ANSWERED, talk * 1000, hold * 1000, after * 1000)


QUEUE_DAY = [
    answered(4, 180, 0, 30),
    answered(15, 240, 20, 40),
    answered(16, 120, 0, 20),
    answered(20, 300, 0, 60),
    answered(21, 90, 10, 30),
    answered(75, 150, 0, 20),
    QueueCall(3_000, Outcome.ABANDONED),
    QueueCall(5_000, Outcome.ABANDONED),
    QueueCall(12_000, Outcome.ABANDONED),
    QueueCall(60_000, Outcome.ABANDONED),
    QueueCall(120_000, Outcome.FLOWED),
    QueueCall(90_000, Outcome.CALLBACK),
]


def test_a_queue_day_gives_the_populations_of_o_2() -> None:
    assert populations(QUEUE_DAY) == Populations(12, 6, 4, 2, 1, 1)


def test_a_queue_day_gives_the_shares_of_o_2() -> None:
    fifteen, twenty = queue_indicators(QUEUE_DAY, 15), queue_indicators(QUEUE_DAY, 20)
    assert fifteen.connected_gross.printed() == "50.0"
    assert fifteen.connected.printed() == "60.0"
    assert (fifteen.in_time, fifteen.in_time_gross.printed()) == (Ratio(2, 10), "16.7")
    assert (twenty.in_time, twenty.in_time_gross.printed()) == (Ratio(4, 10), "33.3")
    assert fifteen.abandoned.printed() == "20.0"
    assert fifteen.abandoned_gross.printed() == "33.3"


def test_a_queue_day_gives_the_times_of_o_2() -> None:
    day = queue_indicators(QUEUE_DAY)
    seconds = {
        "ASA": day.answer_speed_ms,
        "talk": day.talk_ms,
        "hold": day.hold_ms,
        "after": day.after_ms,
        "AHT": day.handle_ms,
        "abandon": day.abandon_wait_ms,
        "abandon net": day.abandon_wait_net_ms,
    }
    assert {
        name: str(Ratio(r.numerator, r.denominator * 1000).value()) for name, r in seconds.items()
    } == {
        "ASA": "25.17",
        "talk": "180.00",
        "hold": "5.00",
        "after": "33.33",
        "AHT": "218.33",
        "abandon": "20.00",
        "abandon net": "36.00",
    }
    assert day.handle_ms.numerator == 1_310_000
    assert day.median_wait_ms == Decimal(18_000)


def test_our_service_level_is_none_of_the_five_that_circulate_in_o_3() -> None:
    assert service_level(860, 1000, 60, 10).printed() == "81.9"


def test_after_call_work_beyond_three_minutes_is_not_work() -> None:
    assert queue_indicators([answered(1, 60, 0, 4_000)]).after_ms == Ratio(180_000, 1)


def test_an_empty_queue_has_no_shares_and_no_median() -> None:
    empty = queue_indicators([])
    assert empty.connected.percent() is None
    assert empty.median_wait_ms is None


def test_populations_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(FiguresDisagree, match="N_req 12"):
        Populations(12, 6, 4, 2, 1, 0)
    with pytest.raises(FiguresDisagree, match="short 5"):
        Populations(4, 0, 4, 5, 0, 0)


@given(
    st.lists(
        st.builds(QueueCall, st.integers(0, 10**6), st.sampled_from(Outcome), st.integers(0, 9))
    )
)
def test_every_call_leaves_the_queue_in_exactly_one_way(calls: list[QueueCall]) -> None:
    counted = populations(calls)
    assert counted.requested == len(calls)
    assert 0 <= counted.net <= len(calls)


def test_occupancy_and_utilisation_divide_by_different_hours_in_o_4() -> None:
    day = SeatTime(logged_in=14_400, handle=9_000, available=3_600)
    assert day.occupancy.printed(2) == "71.43"
    assert day.utilisation.printed(2) == "62.50"


def test_satisfaction_counts_only_who_rated_in_o_7() -> None:
    ratings = Satisfaction(offered=100, satisfied=30, fair=6, dissatisfied=4)
    assert ratings.participation.printed() == "40.0"
    assert ratings.rate.printed() == "90.0"
    assert ratings.interval() == (Decimal("76.9"), Decimal("96.0"))
    assert Satisfaction(5, 0, 0, 0).interval() is None
