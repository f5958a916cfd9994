"""Whether the live picture in Redis is what Asterisk itself says: who waits where, who is paused.

Reads, and changes nothing. Both are asked again and again for five seconds, which is how long a
picture may need to be whole after Redis was away: what differs every time is wrong, and what has
just happened is not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from ivr.asterisk.actions import QueueStatus
from ivr.asterisk.link import Link, Pace
from ivr.asterisk.snapshot import Snapshot, snapshot
from ivr.config import Settings
from ivr.errors import HotlineError
from ivr.live import connect, state_key
from ivr.queues import agent_of

_LOOKS: Final = 6
_PAUSE_SECONDS: Final = 1.0
_CONNECT_STEP_SECONDS: Final = 0.05

Fact = tuple[str, str, str]
"""`waiting` or `paused`, the queue, and the channel's unique id or the agent."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found."""

    differences: tuple[str, ...] = ()
    """What only one of the two says, for as long as was looked."""
    facts: int = 0
    """How many things Asterisk said the last time."""
    unasked: str = ""
    """Why there was nothing to compare with; empty otherwise."""


async def compare(settings: Settings) -> Compared:
    """Hold Redis against Asterisk, both ways.

    Without an account for Asterisk's manager, or while Asterisk is away, nothing can be said.
    """
    if not settings.ami.secret.get_secret_value():
        return Compared(unasked="no account for Asterisk's manager is set")
    link = Link(settings.ami, pace=Pace(snapshot=None))
    async with asyncio.TaskGroup() as tasks, connect(settings.redis) as redis:
        running = tasks.create_task(link.run())
        try:
            async with asyncio.timeout(settings.ami.deadline_seconds):
                while not link.connected:  # noqa: ASYNC110 - the link has no event to wait for
                    await asyncio.sleep(_CONNECT_STEP_SECONDS)
            return await _look(link, redis, state_key(settings.node.name))
        except (TimeoutError, HotlineError):
            return Compared(unasked="Asterisk does not answer")
        finally:
            running.cancel()


async def _look(link: Link, redis: Redis, key: str) -> Compared:
    told: set[str] = set()
    facts: set[Fact] = set()
    for look in range(_LOOKS):
        if look:
            await asyncio.sleep(_PAUSE_SECONDS)
        facts = said(snapshot(await link.ask(QueueStatus())))
        now = set(differences(facts, await _shown(redis, key)))
        told = told & now if look else now
        if not told:
            break
    return Compared(tuple(sorted(told)), len(facts))


async def _shown(redis: Redis, key: str) -> Mapping[str, Any] | None:
    try:
        found = await redis.get(key)
    except (OSError, RedisError):
        return None
    state: Mapping[str, Any] | None = json.loads(found) if found else None
    return state


def said(seen: Snapshot) -> set[Fact]:
    """Return who waits and who is paused, by Asterisk's word."""
    return {("waiting", caller.queue, caller.uniqueid) for caller in seen.callers} | {
        ("paused", member.queue, agent_of(member.interface))
        for member in seen.members
        if member.paused
    }


def differences(facts: set[Fact], state: Mapping[str, Any] | None) -> Iterable[str]:
    """Say what only one of the two knows; a picture that is absent or out of date is one thing."""
    if state is None:
        return ["there is no picture"]
    if not state["current"]:
        return ["the picture is said to be out of date"]
    shown: set[Fact] = {
        ("waiting", queue, caller["channel"])
        for queue, line in state["queues"].items()
        for caller in line["waiting"]
    } | {
        ("paused", queue, agent)
        for agent, seat in state["agents"].items()
        for queue in seat["paused"]
    }
    return [
        *(f"Redis alone: {' '.join(fact)}" for fact in shown - facts),
        *(f"Asterisk alone: {' '.join(fact)}" for fact in facts - shown),
    ]
