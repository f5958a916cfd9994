"""What operators and machines do under load: reloads, rotated files, too little of everything."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from ivr import counterparts
from ivr.counterparts import Checked
from ivr.database import make_pool
from tests.faults.load import ASKING, WANDERER
from tests.faults.rig import AGENTS, Rig
from tests.real.hotline import until

RELOADS = ("core reload", "queue reload all", "module reload res_pjsip.so", "dialplan reload")


async def memberships(rig: Rig) -> set[tuple[str, ...]]:
    """Give every agent's place in every queue, by Asterisk's own word."""
    async with rig.manager() as manager:
        said = await manager.events("QueueStatus", "QueueStatusComplete")
    return {
        (m["Queue"], m["Location"], m["Penalty"], m["Paused"])
        for m in said
        if m["Event"] == "QueueMember"
    }


async def test_reloads_and_rotations_under_load_drop_no_call_no_pause_and_no_line(
    rig: Rig,
) -> None:
    await rig.unpause_all()
    async with rig.manager() as manager:
        interface = f"PJSIP/agent-{AGENTS[-1]}"
        await manager.ask("QueuePause", Interface=interface, Paused="true", Reason="meal")
    before = await memberships(rig)
    async with rig.load(agents=AGENTS[:-1]) as load:
        for command in RELOADS:
            await asyncio.sleep(1)
            await rig.asterisk(command)
            assert await memberships(rig) == before, command
            await until(rig.journal.exists, 10)
            rig.journal.rename(rig.journal.with_name(f"cel.jsonl.{time.time_ns()}"))
        await asyncio.sleep(1)
    report = await rig.settles(*load.ledgers)
    await rig.unpause_all()
    assert before
    assert not report.violations, str(report)
    assert report.figures["accepted"] == report.figures["dialled"]
    assert report.figures.get("disposition_engine_lost", 0) == await rig.count(
        "SELECT count(*) FROM call WHERE disposition = 'engine_lost' AND boot < $1", rig.boot()
    ), "none of the present start"


async def test_a_journal_that_is_copied_and_truncated_is_read_once(rig: Rig) -> None:
    """As logrotate's copytruncate does it, at a moment at which nothing is written."""
    async with rig.load((WANDERER,)) as load:
        await asyncio.sleep(2)
    assert not (await rig.settles(*load.ledgers)).violations
    rig.journal.with_name(f"cel.jsonl.{time.time_ns()}").write_bytes(rig.journal.read_bytes())
    with rig.journal.open("r+b") as stream:
        stream.truncate(0)
    async with rig.load((WANDERER,)) as load:
        await asyncio.sleep(2)
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)


async def counterparts_of(rig: Rig, since: datetime) -> Checked:
    """Ask CDR file and queue_log about every call since then, even those that have just ended."""
    settings = rig.hotline.stack.settings
    async with make_pool(settings.database, purpose="test") as pool, pool.acquire() as connection:
        with patch.object(counterparts, "SETTLED", timedelta(0)):
            return await counterparts.check(connection, settings, since=since)


async def test_cdr_file_and_queue_log_that_are_rotated_under_load_still_tell_the_same(
    rig: Rig,
) -> None:
    """Renamed and reloaded as logrotate does it, and at last copied and truncated."""
    await rig.unpause_all()
    since, log = datetime.now(UTC), rig.journal.parents[1]
    files, aside = (log / "cdr-custom/cdr.jsonl", log / "queue_log"), []
    async with rig.load() as load:
        for number in ("3", "2"):
            await asyncio.sleep(5)
            aside += [file.rename(file.with_name(f"{file.name}.{number}")) for file in files]
            await rig.asterisk("logger reload")
        await asyncio.sleep(5)
    assert not (await rig.settles(*load.ledgers)).violations
    for file in files:
        copy = file.with_name(f"{file.name}.1")
        copy.write_bytes(file.read_bytes())
        os.truncate(file, 0)
        aside.append(copy)
    async with rig.load() as after:
        await asyncio.sleep(5)
    report = await rig.settles(*load.ledgers, *after.ledgers)
    assert not report.violations, str(report)
    parts = [path.read_bytes().count(b"\n") for path in (*files, *aside)]
    assert all(parts), "each holds a part"
    checked = await counterparts_of(rig, since)
    assert checked.differences == []
    assert checked.lines + checked.unreadable == sum(parts)
    assert checked.calls >= report.figures["accepted"] - 1
    for path in aside:
        path.unlink()


@asynccontextmanager
async def a_tenth_of_the_processor(rig: Rig, *names: str) -> AsyncIterator[None]:
    """Let components run for a hundredth of a second in each tenth, which needs no cgroup."""

    async def hold_back() -> None:
        while True:
            for name in names:
                rig.hotline.stack.kill(name, signal.SIGSTOP)
            await asyncio.sleep(0.09)
            for name in names:
                rig.hotline.stack.kill(name, signal.SIGCONT)
            await asyncio.sleep(0.01)

    holding = asyncio.create_task(hold_back())
    try:
        yield
    finally:
        holding.cancel()
        with suppress(asyncio.CancelledError):
            await holding
        for name in names:
            rig.hotline.stack.kill(name, signal.SIGCONT)


async def test_a_tenth_of_a_processor_makes_bridge_and_ledger_late_and_loses_nothing(
    rig: Rig,
) -> None:
    await rig.unpause_all()
    async with a_tenth_of_the_processor(rig, "ivr", "ledger"), rig.load((ASKING, WANDERER)) as load:
        await asyncio.sleep(15)
    report = await rig.settles(*load.ledgers, back_at=time.time())
    assert not report.violations, str(report)
    assert report.figures["accepted"] == report.figures["dialled"]


@pytest.mark.parametrize("component", ["ivr", "ledger"])
async def test_a_component_that_gets_no_more_memory_loses_and_doubles_nothing(
    rig: Rig, component: str
) -> None:
    """It does without, refuses what it cannot do now, or dies and comes back without the limit."""
    await rig.unpause_all()
    pid = rig.hotline.stack.pid(component)
    assert pid is not None
    before, refused = resource.prlimit(pid, resource.RLIMIT_AS), "recording.failed"
    refusals = rig.logged("ledger", refused)
    used = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[0]) * resource.getpagesize()  # noqa: ASYNC240 - the kernel's, at once
    try:
        async with rig.load() as load:
            resource.prlimit(pid, resource.RLIMIT_AS, (used, before[1]))
            await asyncio.sleep(8)
    finally:
        if rig.hotline.stack.pid(component) == pid:
            resource.prlimit(pid, resource.RLIMIT_AS, before)
    report = await rig.settles(*load.ledgers, back_at=time.time())
    assert not report.violations, str(report)
    assert report.figures["accepted"] == report.figures["dialled"]
    if component == "ledger":
        assert rig.logged("ledger", refused) > refusals, "it was felt"


async def test_a_bridge_without_file_handles_sends_callers_to_the_plain_menu(rig: Rig) -> None:
    pid = rig.hotline.stack.pid("ivr")
    assert pid is not None
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    try:
        async with rig.load() as load:
            handles = rig.handles(pid)
            # Enough for what runs, and for next to no caller.
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (handles + 1, before[1]))
            await asyncio.sleep(5)
    finally:
        if rig.hotline.stack.pid("ivr") == pid:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    fallen = "SELECT count(*) FROM call WHERE fallback IS NOT NULL AND caller = ANY($1)"
    assert await rig.count(fallen, rig.numbers(load)) > 0
    await rig.live_state_agrees(within=20)
