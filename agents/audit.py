"""The audit: one line for every sensitive read or change, in the transaction of what it tells."""

from __future__ import annotations

import json

from agents.database import queries
from ivr.database import Pool, Session


async def note(
    connection: Session | Pool, actor: str, action: str, about: str, **detail: object
) -> None:
    """Write that somebody did something to something.

    Args:
        connection: that of the change itself, so that neither is there without the other.
        actor: staff id; empty when nobody is known.
        action: stable name, such as `number.revealed`.
        about: what it was done to, such as `call:n1-17-1763785000.42`; never a number or a name.
        detail: what else an auditor needs, ready for JSON.
    """
    await queries.note_in_audit(
        connection,
        actor=actor,
        action=action,
        object=about,
        detail=json.dumps(detail, ensure_ascii=False),
    )
