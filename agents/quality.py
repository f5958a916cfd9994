"""How a call sounded in an agent's browser: kept for half a year, beside the call.

A browser tells the sums of its part of the call, again and again while it lasts. A page that was
loaded anew begins another part, so nothing is counted twice and a crash loses seconds alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from agents.database import queries
from ivr.database import Pool, Session

KEPT: Final = timedelta(days=183)
MOST_PARTS: Final = 50
"""Of one person in one call; more is no telephone."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a browser received of one part of a call."""

    part: str
    """Names the part, `[A-Za-z0-9-]{8,64}`; new for each time that a browser is in the call."""
    codec: str
    seconds: int
    received: int
    """RTP packets."""
    lost: int
    jitter_ms: float
    """Mean; the worst look beside it."""
    jitter_most_ms: float
    round_trip_ms: float | None
    """Mean; None where the other side never reported."""
    round_trip_most_ms: float | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What one person heard in one part of a call."""

    person: str
    measured: Measured
    told_at: datetime


async def keep(connection: Session | Pool, person: str, call_id: str, told: Measured) -> bool:
    """Keep what a browser tells; older news changes nothing. False: too many parts."""
    if await queries.parts_of_call(connection, call_id=call_id, person=person) >= MOST_PARTS:
        return False
    await queries.keep_quality(connection, call_id=call_id, person=person, **asdict(told))
    return True


async def of_call(connection: Session | Pool, call_id: str) -> list[Heard]:
    """Return how a call sounded, part by part."""
    found = []
    async for row in queries.quality_of_call(connection, call_id=call_id):
        told = dict(row)
        person, told_at = told.pop("person"), told.pop("told_at")
        found.append(Heard(person, Measured(**told), told_at))
    return found
