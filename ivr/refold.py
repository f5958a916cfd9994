"""Folds history again and holds the stored records against it; says which differ, or mends them.

The record is a function of its lines, so whatever stands in its tables must come out again. It does
not where a row was changed by hand, and for every call after the fold itself has learnt something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ivr.config import Settings
from ivr.database import Session, make_pool, queries
from ivr.folding import Due, digest, folds
from ivr.records import load_call

EVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Refolded:
    """What folding history again showed."""

    calls: int
    unlike: tuple[str, ...]
    """Ids of calls whose record is not the fold of their lines."""


async def refold(
    settings: Settings,
    *,
    since: datetime = EVER,
    mend: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Refolded:
    """Fold every finished call that began at or after `since` again.

    Batch by batch, each from one snapshot, so it may run for hours beside the ledger.

    Args:
        settings: the database.
        since: where to begin.
        mend: have the ledger put the differing records in place anew.
        progress: told how many calls have been looked at.
    """
    calls = 0
    unlike: list[str] = []
    async with make_pool(settings.database, purpose="refold") as pool:
        after: tuple[datetime, str] | None = (since, "")
        while after is not None:
            async with (
                pool.acquire(timeout=settings.database.acquire_seconds) as connection,
                connection.transaction(isolation="repeatable_read", readonly=not mend),
            ):
                rows = await _next_batch(connection, *after)
                wrong = await unlike_their_fold(connection, rows)
                if mend and wrong:
                    await queries.fold_anew(connection, call_ids=wrong)
            calls, after = calls + len(rows), _last(rows)
            unlike += wrong
            progress(calls)
    return Refolded(calls, tuple(unlike))


async def _next_batch(
    connection: Session, opened_at: datetime, call_id: str
) -> list[Mapping[str, Any]]:
    rows = queries.final_calls_after(connection, opened_at=opened_at, call_id=call_id, most=_BATCH)
    return [row async for row in rows]


def _last(rows: Sequence[Mapping[str, Any]]) -> tuple[datetime, str] | None:
    return (rows[-1]["opened_at"], rows[-1]["call_id"]) if rows else None


async def unlike_their_fold(connection: Session, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the ids of those calls whose lines, digest and tables do not all tell the same.

    Args:
        connection: in a snapshot in which none of the calls is due.
        rows: `call_id`, `opened_at`, `node` and `digest` in hex.
    """
    due = [Due(row["call_id"], row["opened_at"], row["node"], 0) for row in rows]
    again = await folds(connection, due)
    wrong = []
    for row in rows:
        folded, stored = again.get(row["call_id"]), await load_call(connection, row["call_id"])
        digests = {digest(call) if call else "" for call in (folded, stored)}
        if digests != {row["digest"]}:
            wrong.append(str(row["call_id"]))
    return wrong
