from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.staffing import Load, agents_needed, erlang_b, seats, service

HALF_HOUR = 1_800.0
O_8 = Load(calls=100, interval_seconds=HALF_HOUR, handling_seconds=180)
O_9 = Load(calls=360, interval_seconds=HALF_HOUR, handling_seconds=240)
O_10 = Load(calls=90, interval_seconds=HALF_HOUR, handling_seconds=240)


@pytest.mark.parametrize(
    ("agents", "waiting", "level", "speed"),
    [(12, 0.44939, 0.64016, 40.44), (13, 0.28527, 0.79559, 17.12), (14, 0.17413, 0.88835, 7.836)],
)
def test_oracle_8(agents: int, waiting: float, level: float, speed: float) -> None:
    found = service(O_8, agents, 20)
    assert O_8.erlangs == pytest.approx(10)
    assert found.waiting == pytest.approx(waiting, abs=5e-6)
    assert found.service_level == pytest.approx(level, abs=5e-6)
    assert found.speed_seconds == pytest.approx(speed, rel=5e-4)


def test_oracle_8_occupancy_and_seats() -> None:
    assert service(O_8, 14, 20).occupancy == pytest.approx(0.7143, abs=5e-5)
    assert seats(14, 0.3) == 20


def test_oracle_9() -> None:
    found = service(O_9, 55, 15)
    assert O_9.erlangs == pytest.approx(48)
    assert found.waiting == pytest.approx(0.23870, abs=5e-6)
    assert found.service_level == pytest.approx(0.84588, abs=5e-6)
    assert found.speed_seconds == pytest.approx(8.184, abs=5e-4)
    assert found.occupancy == pytest.approx(0.8727, abs=5e-5)


@pytest.mark.parametrize(
    ("agents", "level"),
    [(13, 0.338), (14, 0.575), (15, 0.735), (16, 0.841), (17, 0.907), (18, 0.948), (19, 0.972)],
)
def test_oracle_10(agents: int, level: float) -> None:
    assert service(O_10, agents, 15).service_level == pytest.approx(level, abs=5e-4)


def test_oracle_10_needs_19_for_95_percent_in_15_seconds() -> None:
    assert agents_needed(O_10, 15, 0.95).agents == 19
    assert service(O_10, 18, 15).service_level == pytest.approx(0.9480, abs=5e-5)


@pytest.mark.parametrize("agents", [0, 9, 10])
def test_no_more_agents_than_erlangs_is_a_queue_that_only_grows(agents: int) -> None:
    found = service(O_8, agents, 20)
    assert found.service_level == 0
    assert math.isinf(found.speed_seconds)


@pytest.mark.parametrize("target", [0, 1, 1.5, -1])
def test_a_target_that_is_no_share_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        agents_needed(O_8, 20, target)


def test_a_load_beyond_all_agents_is_refused() -> None:
    with pytest.raises(ValueError, match="agents can carry"):
        agents_needed(Load(1e9, 60, 600), 15, 0.9)


@given(st.floats(0, 300), st.integers(1, 400))
def test_one_more_agent_never_loses_more_calls(erlangs: float, agents: int) -> None:
    assert 0 <= erlang_b(erlangs, agents) <= erlang_b(erlangs, agents - 1) <= 1


@given(st.floats(0.1, 500), st.floats(10, 900), st.floats(1, 120), st.floats(0.05, 0.99))
def test_the_fewest_agents_are_found(
    calls: float, handling: float, threshold: float, target: float
) -> None:
    load = Load(calls, HALF_HOUR, handling)
    found = agents_needed(load, threshold, target)
    assert found.service_level >= target
    assert service(load, found.agents - 1, threshold).service_level < target


def test_an_idle_queue_needs_one_agent() -> None:
    assert agents_needed(Load(0, HALF_HOUR, 180), 15, 0.9).agents == 1
