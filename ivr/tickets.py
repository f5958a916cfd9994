"""Tickets of call-backs as the ledger keeps them: made, and moved on, by the records of calls.

Everything here happens in the transaction that stores the records. So a booking is as safe as the
journal line that says it, and neither bridge nor Redis need be alive for it. What is to be dialled,
and when, is decided by `ivr.recall` in the bridge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ivr.callback import FOR_PEOPLE, Happening, Policy, Ticket, TicketState, after, result_of
from ivr.calls import Call, Direction, VisitOutcome
from ivr.database import Session, queries

_ANY_POLICY: Final = Policy()
"""For what befalls a ticket whatever the centre has set."""


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


async def note_machine(connection: Session, attempt_id: str, policy: Policy) -> bool:
    """Let an agent say that an answering machine answered: the try counts as one in vain.

    Args:
        connection: inside a transaction.
        attempt_id: the call's id.
        policy: how many tries there are.

    Returns:
        False when this was no call-back, rang nobody, or is settled otherwise.
    """
    row = await queries.lock_ticket_of_attempt(connection, attempt_id=attempt_id)
    if row is None:
        return False
    noted = str(await queries.note_machine(connection, attempt_id=attempt_id)).endswith(" 1")
    ticket = ticket_of(row)
    if noted and ticket.state is TicketState.REACHED and not row["booked_again"]:
        ticket = after(ticket, Happening.MACHINE, row["closed_at"], policy)
        await save_ticket(connection, row["ticket_id"], ticket)
        if ticket.state in FOR_PEOPLE:
            await queries.hand_to_people(
                connection, ticket_id=row["ticket_id"], reason=ticket.state.value
            )
    return noted


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
