"""What operators and machines do under load: reloads, rotated journals, few file handles."""

from __future__ import annotations

import asyncio
import resource
import time

from tests.faults.load import WANDERER
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
