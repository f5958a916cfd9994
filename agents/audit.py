"""The audit: one line for every sensitive read or change, in the transaction of what it tells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from agents.database import queries
from ivr.database import Pool, Session

NEWEST: Final = 2**63 - 1
"""Above the number of any line."""
BREAKS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Filters:
    """Which lines are wanted; an empty word lets all pass."""

    first: date
    last: date
    """Days of China, both included."""
    actor: str = ""
    action: str = ""
    object: str = ""
    """Any part of what it was done to."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as an auditor sees it."""

    seq: int
    happened_at: datetime
    actor: str
    action: str
    object: str
    detail: str
    """JSON."""
    hash: str


@dataclass(frozen=True, slots=True)
class Break:
    """A line at which the chain does not hold."""

    seq: int
    happened_at: datetime
    why: str
    """`changed`, `missing` (lines before it are gone), or `relinked`."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a walk along the whole chain has found."""

    lines: int
    """Number of the newest line, which is also how many there must be."""
    newest_hash: str
    """To be noted outside: nothing in a chain tells that its end was cut off."""
    breaks: tuple[Break, ...]
    """The first of them."""


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


async def lines(
    connection: Session, wanted: Filters, most: int, *, before: int = NEWEST
) -> list[Line]:
    """Return the newest lines that are wanted, below a number."""
    rows = queries.audit_lines(
        connection,
        first=wanted.first,
        last=wanted.last,
        actor=wanted.actor,
        action=wanted.action,
        object=wanted.object,
        before=before,
        most=most,
    )
    return [Line(**dict(row)) async for row in rows]


async def actions(connection: Session) -> list[str]:
    """Return every action that was ever written down, by name."""
    return [row["action"] async for row in queries.audit_actions(connection)]


async def chain(connection: Session) -> Chain:
    """Walk along the whole chain; reads every line."""
    end = await queries.audit_end(connection)
    found = [
        Break(**dict(row)) async for row in queries.audit_breaks(connection, most=BREAKS_SHOWN)
    ]
    if end is None:
        return Chain(0, "", tuple(found))
    return Chain(end["seq"], end["hash"], tuple(found))
