from __future__ import annotations

import asyncio

import pytest

from ivr.asterisk.ami import Event
from ivr.asterisk.backlog import Backlog, Dropped


def events(name: str, count: int) -> list[Event]:
    return [Event(f"Event: {name}\r\nN: {n}".encode()) for n in range(count)]


async def taken(backlog: Backlog[str], count: int) -> list[str]:
    out: list[str] = []
    async with asyncio.timeout(5):
        async for item in backlog.items():
            out.append(item if isinstance(item, str) else f"{item.name}{item.get('N')}")
            if len(out) == count:
                break
    return out


async def test_everything_comes_out_in_the_order_it_went_in() -> None:
    backlog: Backlog[str] = Backlog(100)
    backlog.put("up")
    backlog.extend(events("A", 2))
    backlog.extend(events("B", 1))
    backlog.put("down")
    assert await taken(backlog, 5) == ["up", "A0", "A1", "B0", "down"]


async def test_the_reader_waits_at_a_kept_place() -> None:
    backlog: Backlog[str] = Backlog(100)
    place = backlog.keep_place()
    backlog.extend(events("A", 1))
    reading = asyncio.ensure_future(taken(backlog, 2))
    await asyncio.sleep(0.01)
    assert not reading.done()
    assert not place.passed.is_set()
    place.fill("snapshot")
    assert await reading == ["snapshot", "A0"]
    assert place.passed.is_set()


async def test_a_place_that_is_closed_empty_holds_nobody_up() -> None:
    backlog: Backlog[str] = Backlog(100)
    backlog.keep_place().close()
    backlog.extend(events("A", 1))
    assert await taken(backlog, 1) == ["A0"]


async def test_what_a_snapshot_redraws_is_shed_first() -> None:
    backlog: Backlog[str] = Backlog(10)
    backlog.extend([*events("VarSet", 5), *events("Hangup", 3)])
    assert not backlog.shed.is_set()
    backlog.extend([*events("Newexten", 4), *events("QueueCallerJoin", 2)])
    assert backlog.shed.is_set()
    assert backlog.dropped == Dropped(shed=9, lost=0)
    assert await taken(backlog, 5) == [
        *("Hangup0", "Hangup1", "Hangup2", "QueueCallerJoin0", "QueueCallerJoin1")
    ]


async def test_the_oldest_go_when_nothing_redrawable_is_left() -> None:
    backlog: Backlog[str] = Backlog(10)
    backlog.put("up")
    backlog.extend(events("Hangup", 8))
    backlog.extend(events("AgentConnect", 4))
    assert backlog.dropped == Dropped(shed=0, lost=2)
    assert (await taken(backlog, 3)) == ["up", "Hangup2", "Hangup3"]


async def test_one_read_larger_than_the_bound_keeps_its_newest() -> None:
    backlog: Backlog[str] = Backlog(10)
    backlog.extend(events("Hangup", 25))
    assert len(backlog) == 10
    assert backlog.dropped == Dropped(shed=0, lost=15)
    assert await taken(backlog, 1) == ["Hangup15"]


@pytest.mark.parametrize("name", ["VarSet", "Hangup"])
async def test_a_flood_without_a_reader_stays_within_the_bound(name: str) -> None:
    backlog: Backlog[str] = Backlog(100)
    for _ in range(1_000):
        backlog.extend(events(name, 7))
        backlog.put("marker")
        assert len(backlog) <= 100
    assert len(backlog._batches) <= 200
    assert backlog._count == sum(len(b) for b in backlog._batches if isinstance(b, list))


@pytest.mark.parametrize(("limit", "reads"), [(5_000, 600), (20_000, 17_000)])
async def test_a_reader_that_does_not_wait_keeps_up_with_the_fullest_reads(
    limit: int, reads: int
) -> None:
    """In each turn asyncio's own loop brings up to 600 events, uvloop up to 17,000."""
    backlog: Backlog[str] = Backlog(limit)
    reading = asyncio.ensure_future(taken(backlog, 20 * reads))
    for _ in range(20):
        backlog.extend(events("Hangup", reads))
        await asyncio.sleep(0)
    assert len(await reading) == 20 * reads
    assert backlog.dropped == Dropped()
