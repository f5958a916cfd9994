"""Redis may vanish at any time: what it holds is what Asterisk says, five seconds later."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.faults.rig import Rig
from tests.faults.test_networks import WAITING, in_the_queue

FAULTS = ("flushed", "killed", "stopped", "full", "of another type")


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_live_state_is_whole_five_seconds_after_redis_was(rig: Rig, fault: str) -> None:
    stack = rig.hotline.stack
    async with rig.load((WAITING,), agents=()) as load:
        await in_the_queue(rig)
        await rig.live_state_agrees(within=10)
        match fault:
            case "flushed":
                await rig.redis("FLUSHALL")
            case "killed":
                stack.kill("valkey", signal.SIGKILL)
                await stack.ready("valkey")
            case "stopped":
                stack.kill("valkey", signal.SIGSTOP)
                await asyncio.sleep(3)
                stack.kill("valkey", signal.SIGCONT)
            case "full":
                await rig.redis("CONFIG", "SET", "maxmemory", "1")
                await rig.redis("FLUSHALL")
                await asyncio.sleep(3)
                assert await rig.shown() is None
                await rig.redis("CONFIG", "SET", "maxmemory", "0")
            case _:
                for key in ("hotline:n1:live", "hotline:n1:events"):
                    await rig.redis("DEL", key)
                    await rig.redis("SADD", key, "somebody else's")
        await rig.live_state_agrees(within=5)
        await rig.hang_up_all()
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    assert report.figures["accepted"] == WAITING.most
