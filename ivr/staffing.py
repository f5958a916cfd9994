"""How many agents a queue needs: Erlang C. Pure.

Calls arrive at random, wait as long as it takes, and are served by agents who are all alike.
Callers who give up make the real need a little smaller, so the answer errs on their side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MOST_AGENTS: Final = 10_000
"""The search ends here; no hotline has more."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a queue has to carry."""

    calls: float
    """Calls offered within the interval."""
    interval_seconds: float
    handling_seconds: float
    """Mean time an agent is busy with one call: talk, hold and after-call work."""

    @property
    def erlangs(self) -> float:
        """Agents that would be busy without a pause: arrival rate times handling time."""
        return self.calls / self.interval_seconds * self.handling_seconds


@dataclass(frozen=True, slots=True)
class Service:
    """What callers would meet with a number of agents."""

    agents: int
    waiting: float
    """Share of calls that wait at all."""
    service_level: float
    """Share answered within the threshold."""
    speed_seconds: float
    """Mean speed of answer over all calls; infinite when the queue only grows."""
    occupancy: float
    """Share of their time that agents are busy."""


def erlang_b(erlangs: float, agents: int) -> float:
    """Share of calls lost if nobody could wait, by the recursion that cannot overflow."""
    lost = 1.0
    for serving in range(1, agents + 1):
        lost = erlangs * lost / (serving + erlangs * lost)
    return lost


def service(load: Load, agents: int, threshold_seconds: float) -> Service:
    """Say what `agents` achieve; with no more agents than erlangs the queue only grows."""
    erlangs = load.erlangs
    if agents <= erlangs:
        return Service(agents, 1.0, 0.0, math.inf, 1.0)
    lost = erlang_b(erlangs, agents)
    occupancy = erlangs / agents
    waiting = lost / (1 - occupancy * (1 - lost))
    spare = agents - erlangs
    late = waiting * math.exp(-spare * threshold_seconds / load.handling_seconds)
    speed = waiting * load.handling_seconds / spare
    return Service(agents, waiting, 1 - late, speed, occupancy)


def agents_needed(load: Load, threshold_seconds: float, target: float) -> Service:
    """Find the fewest agents who answer the share `target` (below 1) within the threshold.

    Raises:
        ValueError: the target cannot be met by any number of agents, or by `MOST_AGENTS`.
    """
    if not 0 < target < 1:
        raise ValueError(f"Expected a target between 0 and 1; came {target}.")
    for agents in range(max(1, math.floor(load.erlangs) + 1), MOST_AGENTS + 1):
        found = service(load, agents, threshold_seconds)
        if found.service_level >= target:
            return found
    raise ValueError(f"Expected a load that {MOST_AGENTS} agents can carry; came {load}.")


def seats(agents: int, shrinkage: float) -> int:
    """Give the people to plan for `agents` at work, with the share `shrinkage` away.

    Breaks, training and illness are shrinkage; 0.3 is common.
    """
    return math.ceil(agents / (1 - shrinkage))
