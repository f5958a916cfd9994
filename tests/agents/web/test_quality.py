"""Browsers tell how a call sounds."""

from __future__ import annotations

import pytest

from agents.roles import Role
from ivr.database import Pool
from tests.agents.conftest import Desk, record_call

TOLD = {
    "part": "6f1d1d3c-0b5e-4a44-9f0e-000000000001",
    "codec": "opus",
    "seconds": 15,
    "received": 740,
    "lost": 3,
    "jitter_ms": 6.5,
    "jitter_most_ms": 19.0,
    "round_trip_ms": 12.0,
    "round_trip_most_ms": 20.0,
}


async def test_what_a_browser_measured_is_read_beside_the_call(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    for seconds in (15, 30, 30):
        told = TOLD | {"seconds": seconds}
        assert (await desk.ask("PUT", f"/calls/{call_id}/quality", told, key=None)).status == 204
    await desk.enter(Role.SUPERVISOR)
    shown = await (await desk.ask("GET", f"/calls/{call_id}/quality")).json()
    [part] = shown["parts"]
    assert (part["person"], part["quality"]) == ("a1001", TOLD | {"seconds": 30})


async def test_nobody_tells_or_reads_of_somebody_elses_call(desk: Desk, pool: Pool) -> None:
    call_id = await record_call(pool)
    await desk.enter(person="a1002")
    assert (await desk.ask("PUT", f"/calls/{call_id}/quality", TOLD, key=None)).status == 404
    assert (await desk.ask("GET", f"/calls/{call_id}/quality")).status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"part": "x"},
        {"jitter_most_ms": 1.0},
        {"round_trip_ms": None},
        {"round_trip_most_ms": 1.0},
        {"received": -1},
        {"seconds": 10**9},
        {"more": 1},
    ],
)
async def test_figures_that_cannot_be_are_refused(
    desk: Desk, pool: Pool, wrong: dict[str, object]
) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    path = f"/calls/{call_id}/quality"
    assert (await desk.ask("PUT", path, TOLD | wrong, key=None)).status == 400
