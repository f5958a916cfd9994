from __future__ import annotations

import pytest

from ivr.categories.confirmations import (
    Confirmation,
    disagreement,
    drift,
    precision,
    to_learn,
)


def filed(subject: str, agent: str, code: str, guess: str = "C02.01") -> Confirmation:
    return Confirmation(subject, agent, code, guess, f"记录{subject}")


def test_precision_is_by_guessed_category_and_the_worst_comes_first() -> None:
    rows = [filed("1", "a", "C02.01.03"), filed("2", "a", "C01.99"), filed("3", "a", "P", "P")]
    assert [(p.code, p.guessed, p.confirmed) for p in precision(rows)] == [
        ("C02", 2, 1),
        ("P", 1, 1),
    ]


def test_drift_is_the_share_of_calls_about_something_else() -> None:
    calm = [filed(str(n), "a", "C02") for n in range(8)] + [filed("9", "a", "T01")] * 2
    wave = [filed(str(n), "a", "C02") for n in range(4)] + [filed("9", "a", "C06.08")] * 6
    assert drift(calm, calm) == 0
    assert drift(calm, wave) == pytest.approx(0.6)
    with pytest.raises(ValueError, match="both sides"):
        drift(calm, [])


def test_disagreement_counts_only_what_two_agents_filed() -> None:
    rows = [
        filed("1", "a", "C02"), filed("1", "b", "C02"), filed("2", "a", "C02.01"),
        filed("2", "b", "C02.99"), filed("3", "a", "T01"), filed("3", "a", "P"),
    ]  # fmt: skip
    assert disagreement(rows) == {"C02": 0.5}


def test_the_last_label_of_a_request_is_learned_with_its_agent_as_the_source() -> None:
    (example,) = to_learn([filed("1", "a", "C02"), filed("1", "b", "T01")])
    assert (example.code, example.source, example.text) == ("T01", "b", "记录1")
