"""The nemesis: kills and stops components at random instants, several in one round.

Its chance has a seed. What it kills is brought back by the supervisor as in production; what it
stops and nobody watches is let go on after a while, or killed as it stands.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.rig import DATABASE_AWAY, Rig

COMPONENTS: Final = ("ivr", "ledger", "postgres", "valkey", "asterisk")
WATCHED: Final = frozenset({"ivr", "ledger"})
"""They feed a watchdog; who stops them is answered with SIGKILL after five seconds."""

_BACK_SECONDS: Final = 240.0
_LONGEST_STOP: Final = 2.0
_LONGEST_GAP: Final = 0.8
_STOPPING_ROUNDS: Final = 0.2
_STOPS: Final = 0.5
"""How often a component is stopped instead of killed outright, in rounds of which some stop."""
_BACKENDS: Final = 0.3
"""How often one of PostgreSQL's sessions is killed instead of the whole server."""


@dataclass
class Nemesis:
    """Strikes in rounds; in each, every component once and in a new order."""

    rig: Rig
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    back_at: float = 0.0
    """When the last component was back, in seconds since the epoch."""
    slowest: dict[str, float] = field(default_factory=dict)
    """Seconds until a component that was killed served again, at most."""

    async def round(self) -> None:
        """Strike every component, and wait until all are back."""
        order = self.chance.sample(COMPONENTS, len(COMPONENTS))
        stops = _STOPS * (self.chance.random() < _STOPPING_ROUNDS)
        gaps = [self.chance.uniform(0, _LONGEST_GAP) for _ in order]
        async with asyncio.TaskGroup() as strikes:
            for number, name in enumerate(order):
                strikes.create_task(self._strike(name, sum(gaps[:number]), stops))
        self.back_at = time.time()

    async def _strike(self, name: str, after: float, stops: float) -> None:
        blow = self._blow(name, stops)
        await asyncio.sleep(after)
        began = time.monotonic()
        await blow()
        self.kills[name] += 1
        async with asyncio.timeout(_BACK_SECONDS):
            await self._back(name)
        took = time.monotonic() - began
        self.slowest[name] = round(max(self.slowest.get(name, 0.0), took), 2)

    def _blow(self, name: str, stops: float) -> Callable[[], Awaitable[None]]:
        """Decide now, so that the seed decides everything."""
        stack, stopped = self.rig.hotline.stack, self.chance.random() < stops
        holds = self.chance.uniform(0.1, _LONGEST_STOP)
        backend = self.chance.random() < _BACKENDS
        whichever = self.chance.random()

        async def strike() -> None:
            if stopped:
                self.stops[name] += 1
                stack.kill(name, signal.SIGSTOP)
                if name in WATCHED:
                    await self._gone(name)
                    return
                await asyncio.sleep(holds)
            if name == "postgres" and backend and not stopped:
                await self._kill_session(whichever)
                return
            stack.kill(name, signal.SIGKILL)

        return strike

    async def _gone(self, name: str) -> None:
        stack = self.rig.hotline.stack
        pid = stack.pid(name)
        async with asyncio.timeout(_BACK_SECONDS):
            while stack.pid(name) == pid:  # noqa: ASYNC110 - the supervisor sets no event of ours
                await asyncio.sleep(0.05)

    async def _kill_session(self, whichever: float) -> None:
        """Kill one process of the server; PostgreSQL then ends all sessions and recovers."""
        postmaster = self.rig.hotline.stack.pid("postgres")
        path = Path(f"/proc/{postmaster}/task/{postmaster}/children")
        try:
            children = path.read_text("ascii").split()  # noqa: ASYNC240 - the kernel's, at once
        except OSError:
            children = []
        if children:
            with suppress(ProcessLookupError):
                os.kill(int(children[int(whichever * len(children))]), signal.SIGKILL)

    async def _back(self, name: str) -> None:
        await self.rig.hotline.stack.ready(name)
        if name != "postgres":
            return
        while True:
            with suppress(*DATABASE_AWAY):
                await self.rig.rows("SELECT 1")
                return
            await asyncio.sleep(0.05)
