"""Tickets of call-backs as the ledger keeps them: made, and moved on, by the records of calls.

Everything here happens in the transaction that stores the records. So a booking is as safe as the
journal line that says it, and neither bridge nor Redis need be alive for it. What is to be dialled,
and when, is decided by `ivr.recall` in the bridge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from ivr.callback import FOR_PEOPLE, Happening, Policy, Ticket, TicketState, after, result_of
from ivr.calls import Call, Direction, VisitOutcome
from ivr.database import Session, queries

_ANY_POLICY: Final = Policy()
"""For what befalls a ticket whatever the centre has set."""

NOTED_WITHIN: Final = timedelta(hours=1)
"""After a call its agent may still say that he did not reach the citizen. Later nobody would expect
to be rung once more."""

_TAKEN_FOR_ANSWERED: Final = frozenset({TicketState.CALLING, TicketState.REACHED})
_TAKEN_FOR_VAIN: Final = frozenset({TicketState.WAITING, TicketState.NOT_REACHED})


async def store_tickets(connection: Session, calls: Sequence[Call]) -> None:
    """Make tickets of bookings, note what became of attempts, close tickets of those served."""
    if bookings := [row for call in calls for row in _bookings(call)]:
        rows = _json(bookings)
        await queries.store_bookings(connection, bookings=rows)
        await queries.store_merged_bookings(connection, bookings=rows)
    if results := [row for call in calls if (row := _result(call))]:
        await queries.resolve_attempts(connection, results=_json(results))
    # A backlog may hold several talks of one caller, in any order.
    if served := [(call.caller, at) for call in calls if (at := served_ms(call)) is not None]:
        await _close_served(connection, served)


def served_ms(call: Call) -> int | None:
    """Say when a caller was connected with an agent, the last time; None when he never was."""
    if call.direction is not Direction.INBOUND or not call.caller:
        return None
    connected = [
        visit.connected_ms for visit in call.visits if visit.outcome is VisitOutcome.ANSWERED
    ]
    return max((at for at in connected if at is not None), default=None)


async def _close_served(connection: Session, served: Sequence[tuple[str, int]]) -> None:
    rows = queries.tickets_of_served(
        connection,
        callers=[caller for caller, _ in served],
        served_ms=[at for _, at in served],
    )
    found = [row async for row in rows]
    for row in found:
        ticket = after(ticket_of(row), Happening.SERVED, row["happened_at"], _ANY_POLICY)
        await save_ticket(connection, row["ticket_id"], ticket)


def ticket_of(row: Mapping[str, Any]) -> Ticket:
    """Read a row of `callback_ticket`."""
    return Ticket(
        state=TicketState(row["state"]),
        tries=row["tries"],
        due_at=row["due_at"],
        booked_at=row["booked_at"],
        closed_at=row["closed_at"],
    )


async def save_ticket(connection: Session, ticket_id: int, ticket: Ticket) -> None:
    """Put a ticket where the rules have it; its row must be locked."""
    await queries.save_ticket(
        connection,
        ticket_id=ticket_id,
        state=ticket.state.value,
        tries=ticket.tries,
        due_at=ticket.due_at,
        closed_at=ticket.closed_at,
    )


async def note_machine(connection: Session, attempt_id: str, person: str, policy: Policy) -> bool:
    """Let an agent say that an answering machine, or somebody else, has answered a call-back.

    While the call goes on it is kept with the attempt, and the try counts as one in vain when the
    journal has settled it. When it has already, the ticket moves on at once. Said twice, it
    counts once.

    Args:
        connection: inside a transaction.
        attempt_id: the call's id.
        person: who says so.
        policy: how many tries there are.

    Returns:
        False when this was no call-back, rang nobody, is settled otherwise or ended long ago.
    """
    row = await queries.lock_rung_attempt(
        connection, attempt_id=attempt_id, seconds=NOTED_WITHIN.total_seconds()
    )
    if row is None:
        return False
    await queries.note_machine(connection, attempt_id=attempt_id, person=person)
    if row["outcome"] == Happening.ANSWERED:
        await _go_on(connection, row["ticket_id"], row["resolved_at"], policy)
    return True


async def forget_machine(connection: Session, attempt_id: str, policy: Policy) -> bool:
    """Let an agent take `note_machine` back, in the call or after it.

    Args:
        connection: inside a transaction, which must not be committed when it is too late.
        attempt_id: the call's id.
        policy: how many tries there are.

    Returns:
        False when there is nothing to take back, or it is too late: the citizen is being called
        once more, people call him now, or the call ended long ago.
    """
    row = await queries.lock_noted_attempt(
        connection, attempt_id=attempt_id, seconds=NOTED_WITHIN.total_seconds()
    )
    if row is None:
        return False
    await queries.forget_machine(connection, attempt_id=attempt_id)
    if row["outcome"] != Happening.MACHINE:
        return True
    return await _stay_reached(connection, attempt_id, row["ticket_id"], policy)


async def _go_on(connection: Session, ticket_id: int, at: datetime, policy: Policy) -> None:
    # Also one that the bridge has still to move: it may have read the attempt a moment ago.
    row = await queries.lock_ticket(connection, ticket_id=ticket_id)
    ticket = ticket_of(row)
    if ticket.state not in _TAKEN_FOR_ANSWERED or row["booked_again"]:
        return
    ticket = after(ticket, Happening.MACHINE, at, policy)
    await save_ticket(connection, ticket_id, ticket)
    if ticket.state in FOR_PEOPLE:
        await queries.hand_to_people(connection, ticket_id=ticket_id, reason=ticket.state.value)


async def _stay_reached(
    connection: Session, attempt_id: str, ticket_id: int, policy: Policy
) -> bool:
    row = await queries.lock_ticket(connection, ticket_id=ticket_id)
    if not await queries.was_last_attempt(connection, attempt_id=attempt_id):
        return False
    ticket = ticket_of(row)
    if ticket.state is TicketState.NOT_REACHED:
        taken = await queries.take_from_people(connection, ticket_id=ticket_id)
        if not str(taken).endswith(" 1"):
            return False
    if ticket.state in _TAKEN_FOR_VAIN:
        at = await queries.this_moment(connection)
        await save_ticket(connection, ticket_id, after(ticket, Happening.TAKEN_BACK, at, policy))
    return True


def _bookings(call: Call) -> Iterable[dict[str, Any]]:
    for one in call.bookings[:1]:
        yield {
            "call_id": call.call_id,
            "node": call.node,
            "number": one.number,
            "queue": one.queue,
            "urgency": one.urgency,
            "entered_ms": one.entered_ms,
            "booked_ms": one.booked_ms,
        }


def _result(call: Call) -> dict[str, Any] | None:
    result = None if call.callback_of is None else result_of(call)
    if result is None:
        return None
    return {
        "attempt_id": call.call_id,
        "callback_of": call.callback_of,
        "outcome": result.value,
        "ended_ms": call.ended_ms,
    }


def _json(rows: object) -> str:
    return msgspec.json.encode(rows).decode()
