"""Everything is killed again and again under load, and no call is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.faults.nemesis import COMPONENTS, Nemesis
from tests.faults.rig import SOAK, Rig

ROUNDS = 200 if SOAK else 20
"""In each, every component is killed once."""
_ROUNDS_A_LOAD = 25
"""Telephones sign on for ten minutes, so a long run has several loads, one after the other."""
_BREATH = 1.0


@pytest.mark.timeout(7200 if SOAK else 600)
async def test_what_is_killed_again_and_again_under_load_loses_and_doubles_no_call(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    nemesis = Nemesis(rig, rig.chance())
    ledgers: list[Path] = []
    began = time.monotonic()
    for first in range(0, ROUNDS, _ROUNDS_A_LOAD):
        async with rig.load(patient=True) as load:
            ledgers += load.ledgers
            for number in range(first, min(first + _ROUNDS_A_LOAD, ROUNDS)):
                await asyncio.sleep(nemesis.chance.uniform(0, _BREATH))
                await nemesis.round()
                await rig.unpause_all()
                if SOAK:
                    with capsys.disabled():
                        _tell(nemesis, number + 1, began)
    report = await rig.settles(*ledgers, back_at=nemesis.back_at)
    assert not report.violations, str(report)
    assert {name: nemesis.kills[name] for name in COMPONENTS} == dict.fromkeys(COMPONENTS, ROUNDS)
    assert report.figures["accepted"] > 10 * ROUNDS
    await rig.live_state_agrees(within=30)
    figures = {
        "kills": nemesis.kills,
        "of_these_stopped_first": nemesis.stops,
        "back_after_s_max": nemesis.slowest,
        "lost": 0,
        "doubled": 0,
        **report.figures,
        "seconds": round(time.monotonic() - began),
    }
    with capsys.disabled():
        print(json.dumps(figures))  # noqa: T201 - the figures of a run


def _tell(nemesis: Nemesis, number: int, began: float) -> None:
    after = time.monotonic() - began
    print(f"round {number} of {ROUNDS}, {after:.0f} s, kills {dict(nemesis.kills)}", flush=True)  # noqa: T201 - progress
