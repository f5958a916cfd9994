"""Everything is killed again and again under load, and no call is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter

import pytest

from tests.faults.nemesis import COMPONENTS, Nemesis
from tests.faults.rig import SOAK, Rig

ROUNDS = 200 if SOAK else 20
"""In each, every component is killed once."""
_ROUNDS_A_LOAD = 20
"""Telephones sign on for ten minutes, so a long run has several loads, each judged by itself."""
_BREATH = 1.0
_SUMMED = ("dialled", "accepted", "known_by_time_only", "trying_only", "trying_only_recorded")


@pytest.mark.timeout(10_000 if SOAK else 900)
async def test_what_is_killed_again_and_again_under_load_loses_and_doubles_no_call(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    nemesis, total, began = Nemesis(rig, rig.chance()), Counter[str](), time.monotonic()
    for done in range(0, ROUNDS, _ROUNDS_A_LOAD):
        async with rig.load(patient=True) as load:
            for _ in range(done, min(done + _ROUNDS_A_LOAD, ROUNDS)):
                await asyncio.sleep(nemesis.chance.uniform(0, _BREATH))
                await nemesis.round()
                await rig.unpause_all()
        report = await rig.settles(*load.ledgers, back_at=nemesis.back_at)
        assert not report.violations, str(report)
        total.update({name: round(report.figures[name]) for name in _SUMMED})
        with capsys.disabled():
            print(_figures(nemesis, total, report.figures, began), flush=True)  # noqa: T201 - progress
    assert {name: nemesis.kills[name] for name in COMPONENTS} == dict.fromkeys(COMPONENTS, ROUNDS)
    assert total["accepted"] > 10 * ROUNDS
    await rig.live_state_agrees(within=30)


def _figures(nemesis: Nemesis, total: Counter[str], latest: dict[str, float], began: float) -> str:
    """Put the figures so far into a line of JSON; the last line has all of them."""
    return json.dumps(
        {
            "kills": nemesis.kills,
            "of_these_stopped_first": nemesis.stops,
            "back_after_s_max": nemesis.slowest,
            "lost": 0,
            "doubled": 0,
            **latest,
            **total,
            "seconds": round(time.monotonic() - began),
        }
    )
