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
STRETCH: Final = 50_000
"""Lines that are walked along at once: a fifth of a second, and some 20 MB in PostgreSQL."""


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
    """What a walk along a stretch of the chain has found."""

    checked: int
    """Number of the last line of the stretch."""
    lines: int
    """Number of the newest line, which is also how many there must be."""
    newest_hash: str
    """To be noted outside: nothing in a chain tells that its end was cut off."""
    faults: int
    """At how many lines of the stretch the chain does not hold."""
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


async def chain(connection: Session, after: int = 0, most: int = STRETCH) -> Chain:
    """Walk along a stretch of the chain; the next begins after its last line.

    Args:
        connection: for reading.
        after: number of the last line that was looked at before.
        most: how many lines.
    """
    end = await queries.audit_end(connection)
    newest, newest_hash = (0, "") if end is None else (end["seq"], end["hash"])
    until = max(after, min(after + most, newest))
    rows = [
        dict(row)
        async for row in queries.audit_breaks(
            connection, after=after, until=until, most=BREAKS_SHOWN
        )
    ]
    faults = rows[0]["faults"] if rows else 0
    breaks = tuple(Break(row["seq"], row["happened_at"], row["why"]) for row in rows)
    return Chain(until, newest, newest_hash, faults, breaks)
