"""An agent's own day, in figures and in calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.database import queries
from ivr.database import Session
from ivr.log import mask_number

LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class Day:
    """What was done since a moment."""

    calls: int
    talk_ms: int
    unanswered: int
    requests: int
    drafts: int
    states: Mapping[str, int]
    """Seconds by state."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A call that the agent spoke in."""

    call_id: str
    started_at: datetime
    direction: str
    number: str
    """Masked."""
    queue: str
    talk_ms: int
    saved: bool
    """Whether its form was saved."""


async def day(connection: Session, person: str, since: datetime) -> Day:
    """Count what somebody has done since a moment."""
    row = await queries.day_of_agent(connection, person=person, since=since)
    stays = queries.stays_of_agent(connection, person=person, since=since)
    states = {stay["state"]: int(stay["seconds"]) async for stay in stays}
    return Day(**dict(row), states=states)


async def calls(connection: Session, person: str, since: datetime) -> list[Spoken]:
    """List the calls that somebody spoke in since a moment, the last one first."""
    rows = queries.calls_of_agent(connection, person=person, since=since, most=LISTED)
    return [
        Spoken(
            row["call_id"],
            row["started_at"],
            row["direction"],
            mask_number(row["caller"]),
            row["queue"] or "",
            row["talk_ms"],
            row["saved"],
        )
        async for row in rows
    ]
