from __future__ import annotations

import dataclasses
import random

import pytest

from ivr import events
from ivr.events import ChannelEnded, ChannelStarted, Event, KeyChosen, chronology

BASE = (1_000_000, "n1-7-1795000000.1", "n1-7-1795000000.1", "PJSIP/trunk-00000001")


def test_every_fact_is_frozen_and_says_what_happened() -> None:
    for kind in Event.__subclasses__():
        assert dataclasses.is_dataclass(kind)
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # dataclasses keep it there
        assert kind.__doc__
        assert kind.__name__ in (events.__doc__ or "")


def test_facts_of_one_microsecond_have_one_order() -> None:
    """A channel starts before it ends, and two keys differ by what was pressed."""
    facts = [
        ChannelStarted(*BASE, "from-trunk"),
        KeyChosen(*BASE, "main", "1"),
        KeyChosen(*BASE, "main", "2"),
        ChannelEnded(*BASE),
    ]
    for seed in range(10):
        shuffled = random.Random(seed).sample(facts, len(facts))  # noqa: S311 - no secret
        assert sorted(shuffled, key=chronology) == facts


@pytest.mark.parametrize("field", range(4))
def test_facts_that_differ_anywhere_have_different_places(field: int) -> None:
    other = list(BASE)
    other[field] = BASE[0] + 1 if field == 0 else f"{BASE[field]}9"
    assert chronology(ChannelEnded(*BASE)) != chronology(ChannelEnded(*other))  # type: ignore[arg-type]  # one of four
