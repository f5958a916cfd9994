"""Legal holds: what is held is deleted by nobody, however old. Set and released with a reason."""

from __future__ import annotations

import json

from ivr.calls import CALL_ID
from ivr.database import Session, queries
from ivr.errors import ValueRefused

_LONGEST_REASON = 500


async def set_hold(connection: Session, call_id: str, *, reason: str, person: str) -> bool:
    """Hold everything recorded of a call, in the caller's transaction, and say so in the audit.

    Returns:
        False when it is held already; nothing changes then.

    Raises:
        ValueRefused: there is no such call, or no reason.
    """
    _check_reason(reason)
    await lock_call(connection, call_id)
    hold = await queries.set_hold(connection, call_id=call_id, reason=reason, person=person)
    if hold is None:
        return False
    await certify(connection, person, "recording.held", call_id, {"reason": reason})
    return True


async def release_hold(connection: Session, call_id: str, *, reason: str, person: str) -> bool:
    """Take the hold off a call; returns False when there is none. Raises as `set_hold` does."""
    _check_reason(reason)
    await lock_call(connection, call_id)
    hold = await queries.release_hold(connection, call_id=call_id, reason=reason, person=person)
    if hold is None:
        return False
    await certify(connection, person, "recording.released", call_id, {"reason": reason})
    return True


async def lock_call(connection: Session, call_id: str) -> None:
    """Let no hold and no deletion of this call happen beside us until the transaction ends.

    Raises:
        ValueRefused: there is no such call.
    """
    known = CALL_ID.fullmatch(call_id) and await queries.lock_recorded_call(
        connection, call_id=call_id
    )
    if not known:
        raise ValueRefused(f"Expected a call that was recorded, came {call_id[:60]!a}.")


async def certify(
    connection: Session, actor: str, action: str, target: str, detail: dict[str, object]
) -> None:
    """Write a row of the hash-chained audit."""
    await queries.write_certificate(
        connection, actor=actor, action=action, object=target, detail=json.dumps(detail)
    )


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= len(reason) <= _LONGEST_REASON:
        raise ValueRefused(f"Expected a reason of 1 to {_LONGEST_REASON} characters.")
