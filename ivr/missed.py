"""漏接来电: callers who gave up waiting, and call-backs in vain, as a list from which people call.

One open entry a number, offered once: what was dealt with does not come back. An agent claims an
entry before the number is shown to be called; the claim is a lease, so that two never call the
same person, and a browser that died does not keep anybody from being called.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from ivr.callback import CALLED_WITHIN, was_missed
from ivr.calls import Call, Direction, Disposition
from ivr.database import Session, queries
from ivr.tickets import served_ms

LEASE: Final = timedelta(minutes=10)
"""Long enough for a call; who still talks then asks for the claim again."""


class Finish(StrEnum):
    """How an agent leaves an entry."""

    CALLED = "called"
    NOT_REACHED = "not_reached"
    DECLINED = "declined"
    """The person wants nothing more."""


@dataclass(frozen=True, slots=True)
class MissedCaller:
    """Somebody to call back."""

    missed_id: int
    number: str
    """Whole; who shows it to people masks it as their role wants."""
    queue: str
    reason: str
    """`abandoned`, `not_reached` (by call-backs) or `expired` (a ticket)."""
    call_id: str
    """The call that he gave up, or in which he booked."""
    waited_ms: int
    missed_at: datetime
    claimed_by: str | None
    """The agent who is to call, while the claim lasts."""
    claimed_until: datetime | None


async def store_missed(connection: Session, calls: Iterable[Call]) -> None:
    """List who gave up this day, and strike off who spoke with us since; part of a fold's storing.

    After `ivr.tickets.store_tickets`: who has a ticket is not missed.
    """
    missed, spoken = [], []
    for call in calls:
        if was_missed(call):
            missed.append(_given_up(call))
        if row := _spoken(call):
            spoken.append(row)
    if missed:
        await queries.note_missed(connection, missed=_json(missed), within=CALLED_WITHIN)
    if spoken:
        await queries.close_missed(connection, answered=_json(spoken))


def _given_up(call: Call) -> dict[str, Any]:
    return {
        "caller": call.caller,
        "queue": call.queue,
        "call_id": call.call_id,
        "wait_ms": call.wait_ms,
        "ended_ms": call.ended_ms,
    }


def _spoken(call: Call) -> dict[str, Any] | None:
    """Say whom this call settles: who was answered, whom we reached, who booked."""
    if (at := served_ms(call)) is not None:
        return {"number": call.caller, "outcome": "served", "at_ms": at}
    if call.bookings:
        booked = call.bookings[0]
        return {"number": booked.number, "outcome": "booked", "at_ms": booked.booked_ms}
    reached = call.direction is Direction.OUTBOUND and call.disposition is Disposition.ANSWERED
    if reached:
        return {"number": call.dialled, "outcome": "called", "at_ms": call.ended_ms}
    return None


async def missed_callers(
    connection: Session, queues: Sequence[str], *, most: int = 100
) -> list[MissedCaller]:
    """List whom the people of some queues may call back, who gave up last first."""
    rows = queries.missed_open(connection, queues=list(queues), most=most, within=CALLED_WITHIN)
    return [MissedCaller(**dict(row)) async for row in rows]


async def claim_missed(
    connection: Session,
    missed_id: int,
    agent: str,
    *,
    lease: timedelta = LEASE,
    queues: Sequence[str] | None = None,
) -> str | None:
    """Let one agent call.

    Args:
        connection: of a transaction.
        missed_id: whom.
        agent: who calls.
        lease: how long nobody else may.
        queues: that the agent serves; None: all there are.

    Returns:
        The number; None while another has the claim, when it is done, or no matter of these queues.
    """
    row = await queries.claim_missed(
        connection,
        missed_id=missed_id,
        agent=agent,
        seconds=lease.total_seconds(),
        queues=None if queues is None else list(queues),
    )
    return None if row is None else str(row["number"])


async def release_missed(connection: Session, missed_id: int, agent: str) -> bool:
    """Give a claim back; False for whoever does not have it."""
    return _one(await queries.release_missed(connection, missed_id=missed_id, agent=agent))


async def finish_missed(connection: Session, missed_id: int, agent: str, how: Finish) -> bool:
    """Close an entry; False for whoever does not have the claim any more."""
    done = await queries.finish_missed(
        connection, missed_id=missed_id, agent=agent, outcome=how.value
    )
    return _one(done)


def _one(status: object) -> bool:
    return str(status).endswith(" 1")


def _json(rows: object) -> str:
    return msgspec.json.encode(rows).decode()
