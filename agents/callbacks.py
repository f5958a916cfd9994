"""Call-backs that are due: whom the centre rings of itself, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents.database import queries
from ivr.database import Session
from ivr.log import mask_number

LISTED: Final = 100


@dataclass(frozen=True, slots=True)
class Due:
    """A promise to call back that is not kept yet."""

    call_id: str
    """The call in which it was made."""
    number: str
    """Masked."""
    queue: str
    state: str
    """`waiting` or `calling`."""
    tries: int
    booked_at: datetime
    due_at: datetime


async def has_rung(connection: Session, call_id: str) -> bool:
    """Tell whether a call is a call-back for which a number was given out."""
    return bool(await queries.has_rung(connection, call_id=call_id))


async def talked_in(connection: Session, call_id: str, person: str) -> bool:
    """Tell whether somebody spoke in a call; whose telephone only rang did not."""
    return bool(await queries.talked_in(connection, call_id=call_id, person=person))


async def was_not_reached(connection: Session, call_id: str) -> bool:
    """Tell whether an agent has said that a call-back met a machine, or somebody else."""
    return bool(await queries.was_not_reached(connection, call_id=call_id))


async def due(connection: Session, queues: Sequence[str]) -> list[Due]:
    """List the call-backs of some queues, the one that is due first first."""
    rows = queries.callbacks_due(connection, queues=list(queues), most=LISTED)
    found = [dict(row) async for row in rows]
    return [Due(**{**row, "number": mask_number(row["number"])}) for row in found]
