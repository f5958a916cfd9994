"""Harassing callers in PostgreSQL: marked by one person, judged by another, written down always.

What follows from a confirmation is decided in `ivr.screening`; here it is stored, with its reason,
both persons and its end, and with a row of the audit in the same transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from ivr.callers import national_number
from ivr.database import Session, queries
from ivr.errors import HotlineError
from ivr.log import mask_number
from ivr.screening import MEMORY, Block, Level, confirmed, may_judge

_log = structlog.get_logger()

Now = Callable[[], datetime]
_LONGEST_BLOCK: Final = MEMORY


class MarkRefused(HotlineError):
    """This mark cannot be made or judged."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def mark(
    connection: Session, number: str, *, by: str, reason: str, call_id: str | None = None
) -> int:
    """Mark a call as harassing; give the mark's number.

    Raises:
        MarkRefused: the number is withheld or none, or no reason or person is given.
    """
    kept = national_number(number)
    if not kept:
        raise MarkRefused("Expected the caller's number; a withheld one belongs to nobody.")
    if not reason.strip() or not by.strip():
        raise MarkRefused("Expected a reason and who marks.")
    mark_id: int = await queries.mark_harassment(
        connection, number=kept, call_id=call_id, reason=reason.strip(), marked_by=by.strip()
    )
    await _audit(connection, by, "harassment.mark", mark_id, {"number": mask_number(kept)})
    _log.info("harassment.marked", mark=mark_id, call_id=call_id)
    return mark_id


async def confirm(connection: Session, mark_id: int, *, by: str, now: Now = _utc_now) -> Block:
    """Confirm a mark, as somebody else than who made it; give the block that follows.

    Raises:
        MarkRefused: there is no such open mark, or it is the judge's own.
    """
    row = await _open_mark(connection, mark_id, by)
    number, at = row["number"], now()
    await queries.lock_number(connection, number=number)
    confirmations = [
        one["judged_at"]
        async for one in queries.confirmations(connection, number=number, since=at - MEMORY)
    ]
    since = at - MEMORY - _LONGEST_BLOCK
    blocks = [
        Block(Level(one["level"]), one["begins_at"], one["expires_at"], one["lifted_at"])
        async for one in queries.blocks_of(connection, number=number, since=since)
    ]
    block = confirmed(blocks, confirmations, at)
    await _judge(connection, mark_id, "confirmed", by, at)
    await queries.add_block(
        connection,
        mark_id=mark_id,
        number=number,
        level=int(block.level),
        reason=row["reason"],
        marked_by=row["marked_by"],
        approved_by=by,
        begins_at=block.begins_at,
        expires_at=block.expires_at,
    )
    detail = {"level": int(block.level), "expires_at": block.expires_at.isoformat()}
    await _audit(connection, by, "harassment.confirm", mark_id, detail)
    _log.info("harassment.confirmed", mark=mark_id, level=int(block.level))
    return block


async def dismiss(connection: Session, mark_id: int, *, by: str, now: Now = _utc_now) -> None:
    """Dismiss a mark, as somebody else than who made it; raises as `confirm` does."""
    await _open_mark(connection, mark_id, by)
    await _judge(connection, mark_id, "dismissed", by, now())
    await _audit(connection, by, "harassment.dismiss", mark_id, {})
    _log.info("harassment.dismissed", mark=mark_id)


async def lift(connection: Session, number: str, *, by: str, now: Now = _utc_now) -> int:
    """Take back every block of a number that is in force; give how many there were."""
    kept = national_number(number)
    done = await queries.lift_blocks(connection, number=kept, lifted_by=by, lifted_at=now())
    count = int(str(done).rpartition(" ")[2])
    if count:
        detail = {"number": mask_number(kept), "blocks": count}
        await _audit(connection, by, "harassment.lift", 0, detail)
        _log.info("harassment.lifted", blocks=count)
    return count


async def _open_mark(connection: Session, mark_id: int, by: str) -> Any:  # noqa: ANN401 - a row
    row = await queries.lock_mark(connection, mark_id=mark_id)
    if row is None or row["state"] != "open":
        raise MarkRefused(f"Expected an open mark, {mark_id} is none.")
    if not may_judge(row["marked_by"], by):
        raise MarkRefused("Expected a second person: who marks does not judge.")
    return row


async def _judge(connection: Session, mark_id: int, state: str, by: str, at: datetime) -> None:
    await queries.judge_mark(connection, mark_id=mark_id, state=state, judged_by=by, judged_at=at)


async def _audit(
    connection: Session, actor: str, action: str, mark_id: int, detail: dict[str, object]
) -> None:
    await queries.audit_harassment(
        connection,
        actor=actor,
        action=action,
        object=f"harassment_mark:{mark_id}",
        detail=json.dumps(detail, ensure_ascii=False),
    )
