"""Redis may vanish at any time: what it holds is what Asterisk says, five seconds later."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.rig import Rig
from tests.faults.test_networks import WAITING, in_the_queue


async def flushed(rig: Rig) -> None:
    await rig.redis("FLUSHALL")


async def killed(rig: Rig) -> None:
    rig.hotline.stack.kill("valkey", signal.SIGKILL)
    await rig.hotline.stack.ready("valkey")


async def stopped(rig: Rig) -> None:
    rig.hotline.stack.kill("valkey", signal.SIGSTOP)
    await asyncio.sleep(3)
    rig.hotline.stack.kill("valkey", signal.SIGCONT)


async def full(rig: Rig) -> None:
    await rig.redis("CONFIG", "SET", "maxmemory", "1")
    await rig.redis("FLUSHALL")
    await asyncio.sleep(3)
    assert await rig.shown() is None
    await rig.redis("CONFIG", "SET", "maxmemory", "0")


async def of_another_type(rig: Rig) -> None:
    put = "redis.call('DEL', KEYS[1]) redis.call('SADD', KEYS[1], 'not ours')"
    for key in ("hotline:n1:live", "hotline:n1:events"):
        await rig.redis("EVAL", put, "1", key)


async def test_the_live_state_is_whole_five_seconds_after_redis_was(rig: Rig) -> None:
    async with rig.load((WAITING,), agents=()) as load:
        await in_the_queue(rig)
        await rig.live_state_agrees(within=10)
        for fault in (flushed, killed, stopped, full, of_another_type):
            await fault(rig)
            await rig.live_state_agrees(within=5)
    report = await rig.settles(*load.ledgers)
    assert not report.violations, str(report)
    assert report.figures["accepted"] == WAITING.most
