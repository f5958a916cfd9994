"""Messages as work: put on the list by the fold of a call, taken by one agent, and dealt with.

The row comes about in the transaction that stores the call's record, so no message is lost
between the two, and folding again changes nothing that people have done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ivr.calls import Call
from ivr.database import Session, queries

LEASE: Final = timedelta(minutes=30)
"""Long enough to hear it and to call; a browser that died keeps no message undone."""


@dataclass(frozen=True, slots=True)
class MessageWaiting:
    """A message that somebody has to deal with."""

    call_id: str
    queue: str
    urgent: bool
    left_at: datetime
    length_ms: int
    state: str
    """`new` or `taken`."""
    taken_by: str | None
    """The agent who deals with it, while the lease lasts."""
    taken_until: datetime | None
    transcript: str | None
    """By a speech recogniser, where a centre has one."""
    caller: str
    """Whole; who shows it to people masks it as their role wants."""
    recording_path: str | None
    """Below the archive; None until the sound has been finished."""


async def store_messages(connection: Session, calls: Iterable[Call]) -> None:
    """Put the messages of folded calls on the work list, once."""
    rows = [
        {
            "call_id": call.call_id,
            "queue": one.queue,
            "urgent": one.urgent,
            "left_ms": one.left_ms,
            "length_ms": one.length_ms,
            "counts": one.counts,
        }
        for call in calls
        for one in call.messages[:1]
    ]
    if rows:
        await queries.store_messages(connection, messages=msgspec.json.encode(rows).decode())


async def waiting_messages(
    connection: Session, queues: Sequence[str], *, most: int = 100
) -> list[MessageWaiting]:
    """List what the people of some queues have to deal with: urgent first, then the oldest."""
    rows = queries.messages_waiting(connection, queues=list(queues), most=most, lease=LEASE)
    return [MessageWaiting(**dict(row)) async for row in rows]


async def take_message(
    connection: Session,
    call_id: str,
    agent: str,
    *,
    lease: timedelta = LEASE,
    queues: Sequence[str] | None = None,
) -> bool:
    """Let one agent take a message, or hold it for longer.

    Args:
        connection: of a transaction.
        call_id: of the message.
        agent: who takes it.
        lease: how long nobody else may.
        queues: that the agent serves; None: all there are.

    Returns:
        Whether he has it: not when another has, there is none, or it is no matter of these queues.
    """
    served = None if queues is None else list(queues)
    taken = await queries.take_message(
        connection, call_id=call_id, agent=agent, lease=lease, queues=served
    )
    return _one(taken)


async def release_message(connection: Session, call_id: str, agent: str) -> bool:
    """Leave a message to the others; False for whoever does not have it."""
    return _one(await queries.release_message(connection, call_id=call_id, agent=agent))


async def finish_message(connection: Session, call_id: str, agent: str) -> bool:
    """Note that the agent who took a message has dealt with it; False for anybody else."""
    return _one(await queries.finish_message(connection, call_id=call_id, agent=agent))


def _one(status: object) -> bool:
    return str(status).endswith(" 1")
