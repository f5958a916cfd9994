"""A burst: two thousand calls, twenty a second, and a record for each."""

from __future__ import annotations

import json

import pytest

from tests.faults.load import Callers
from tests.faults.rig import Rig

BURST = (
    Callers(14, stays=0.3, longer=2.0, most=1400),
    Callers(4, keys=((0.8, "0"), (2.0, "0")), stays=5.0, most=400),
    Callers(2, keys=((0.8, "1"), (1.6, "1")), stays=1.0, longer=3.0, most=200),
)


@pytest.mark.timeout(400)
async def test_two_thousand_calls_at_twenty_a_second_are_two_thousand_records(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    await rig.unpause_all()
    before = await rig.rows("SELECT count(*) AS n FROM call")
    async with rig.load(BURST, patient=True) as load:
        await load.all_dialled(within=200)
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    assert (report.figures["dialled"], report.figures["accepted"]) == (2000, 2000)
    assert report.figures["known_by_time_only"] == 0, "whoever calls is known, however short"
    assert report.figures["records"] == before[0]["n"] + 2000
    await rig.live_state_agrees(within=30)
    with capsys.disabled():
        print(json.dumps(report.figures))  # noqa: T201 - the figures of a run
