from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from unittest.mock import AsyncMock

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.callback import Policy
from ivr.config import Settings
from ivr.database import Pool, queries
from ivr.recall import Recaller
from ivr.records import load_call
from ivr.tickets import forget_machine, note_machine, store_tickets
from tests.ivr import bookings, cel
from tests.ivr.ledgers import settle, took
from tests.ivr.test_callback import folded

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Call = Callable[[str, str], cel.Journal]

FIRST = "n1-7-1795000000.1"
ATTEMPT = "n1-7-1795001000.c1"


async def place(connection: Connection, number: str = bookings.MOBILE) -> str:
    """Commit an attempt for the open ticket of a number, as the bridge does."""
    ticket_id = await connection.fetchval(
        "UPDATE callback_ticket SET state = 'calling' WHERE number = $1 AND state = 'waiting' "
        "RETURNING ticket_id",
        number,
    )
    row = await queries.commit_attempt(
        connection, ticket_id=ticket_id, node="n1", boot=7, seconds=20
    )
    return str(row["attempt_id"])


async def states(connection: Connection) -> list[str]:
    rows = await connection.fetch("SELECT state FROM callback_ticket ORDER BY ticket_id")
    return [row["state"] for row in rows]


async def test_a_booking_becomes_a_ticket_with_the_record_that_holds_the_first_entry(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = bookings.booked()
    await took(pool, settings, call)
    row = await connection.fetchrow("SELECT * FROM callback_ticket")
    assert row is not None
    visit = folded(call).visits[0]
    entered = datetime.fromtimestamp(visit.entered_ms // 1000, UTC)
    assert (row["call_id"], row["number"], row["queue"]) == (FIRST, bookings.MOBILE, "consult")
    assert (row["state"], row["tries"], row["entered_at"]) == ("waiting", 0, entered)
    assert await load_call(connection, FIRST) == folded(call)


async def test_folding_again_makes_no_second_ticket_and_changes_none(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, bookings.booked())
    await connection.execute(
        "UPDATE callback_ticket SET state = 'reached', tries = 1, closed_at = now()"
    )
    await connection.execute("UPDATE call SET digest = sha256('other')")
    await connection.execute(
        "INSERT INTO fold_due (call_id, opened_at, node, ended) "
        "SELECT call_id, opened_at, node, true FROM call"
    )
    await settle(pool, settings)
    assert await states(connection) == ["reached"]


async def test_one_number_has_one_open_ticket_a_queue_and_the_first_one_keeps_its_place(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    calls = [bookings.booked(1), bookings.booked(2), bookings.booked(3, queue="appt")]
    await took(pool, settings, *calls)
    rows = await connection.fetch("SELECT call_id, queue, state FROM callback_ticket ORDER BY 1")
    assert [tuple(row) for row in rows] == [
        (calls[0].call_id, "consult", "waiting"),
        (calls[1].call_id, "consult", "merged"),
        (calls[2].call_id, "appt", "waiting"),
    ]
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(
            "UPDATE callback_ticket SET state = 'waiting', closed_at = NULL WHERE call_id = $1",
            calls[1].call_id,
        )


async def test_a_number_that_we_do_not_dial_makes_no_ticket_and_costs_no_record(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, bookings.booked(to="00442079460000"[:12]))
    assert await states(connection) == []
    assert await connection.fetchval("SELECT disposition FROM call") == "callback_booked"


async def test_a_caller_who_calls_in_again_and_is_served_is_not_called_back(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, bookings.booked(caller="+8613800001234", to=bookings.MOBILE))
    later = cel.answered(5, second=cel.SECOND + 600)
    await took(pool, settings, later)
    assert await states(connection) == ["served"]


async def test_the_last_talk_counts_in_whatever_order_a_backlog_is_recorded(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, bookings.booked(2))
    talks = [
        cel.answered(number, second=cel.SECOND + seconds)
        for number, seconds in ((3, -600), (4, 600), (5, -300))
    ]
    await store_tickets(connection, [folded(talk) for talk in talks])
    assert await states(connection) == ["served"]


async def test_he_is_served_while_he_still_talks_and_a_talk_before_the_booking_does_not_count(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, bookings.booked(2))
    await took(pool, settings, cel.answered(3, second=cel.SECOND - 600))
    assert await states(connection) == ["waiting"]
    talking = cel.answered(4, second=cel.SECOND + 600)
    talking.lines = talking.lines[: next(i for i, x in enumerate(talking.lines) if "EXIT" in x)]
    await took(pool, settings, talking)
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 minute'")
    await settle(pool, settings)
    assert await states(connection) == ["served"]


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (bookings.reached, "answered"),
        (bookings.rung_in_vain, "no_answer"),
        (lambda *ids: bookings.given_up(bookings.placed(*ids)), "withdrawn"),
    ],
)
async def test_what_became_of_an_attempt_is_known_from_the_journal(
    pool: Pool,
    settings: Settings,
    connection: Connection,
    call: object,
    outcome: str,
) -> None:
    await took(pool, settings, bookings.booked())
    attempt = await place(connection)
    assert re.fullmatch(r"n1-7-\d{10}\.c\d+", attempt)
    await took(pool, settings, call(attempt, FIRST))  # type: ignore[operator]  # one of the three above
    row = await connection.fetchrow("SELECT * FROM callback_attempt")
    assert row is not None
    assert (row["attempt_id"], row["outcome"], row["round"]) == (attempt, outcome, 1)
    assert await connection.fetchval(
        "SELECT callback_of FROM call WHERE call_id = $1", attempt
    ) == (FIRST)


async def test_an_attempt_that_the_database_forgot_is_put_back_from_the_journal(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, bookings.booked())
    await took(pool, settings, bookings.reached(ATTEMPT, FIRST))
    row = await connection.fetchrow("SELECT * FROM callback_attempt")
    assert row is not None
    assert (row["attempt_id"], row["outcome"], row["round"]) == (ATTEMPT, "answered", 1)
    assert row["dialled_at"] is not None


async def rung(pool: Pool, settings: Settings, connection: Connection) -> str:
    """Ring somebody who booked; his call goes on."""
    await took(pool, settings, bookings.booked())
    attempt = await place(connection)
    assert not await note_machine(connection, attempt, "a1001", Policy()), "nobody was rung yet"
    await queries.give_number(connection, attempt_id=attempt)
    return attempt


async def moved(pool: Pool, settings: Settings) -> None:
    """The bridge moves what is over."""
    link = AsyncMock(connected=False)
    await Recaller(pool, settings, AsyncMock(), (link, link), now=lambda: cel.SECOND).step()


@pytest.mark.parametrize("late", ["in the call", "before it is moved", "after it is moved"])
async def test_an_agent_may_say_that_a_machine_answered_and_the_ticket_goes_on(
    pool: Pool, settings: Settings, connection: Connection, late: str
) -> None:
    attempt = await rung(pool, settings, connection)
    call = bookings.reached(attempt, FIRST)
    if late == "in the call":
        assert await note_machine(connection, attempt, "a1001", Policy())
        assert await states(connection) == ["calling"], "settled when the call is over"
    await took(pool, settings, call)
    ended = folded(call).ended_ms
    assert ended is not None
    await connection.execute(
        "UPDATE callback_attempt SET resolved_at = now() WHERE outcome IS NOT NULL"
    )
    if late != "before it is moved":
        await moved(pool, settings)
    if late != "in the call":
        assert await note_machine(connection, attempt, "a1001", Policy())
    await moved(pool, settings)
    row = await connection.fetchrow(
        "SELECT * FROM callback_ticket JOIN callback_attempt USING (ticket_id)"
    )
    assert row is not None
    assert (row["state"], row["tries"], row["outcome"]) == ("waiting", 1, "machine")
    assert row["due_at"] == row["resolved_at"] + Policy().pause
    assert row["not_reached_by"] == "a1001"


async def test_said_twice_it_counts_once_and_it_is_no_matter_of_a_later_try(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    attempt = await rung(pool, settings, connection)
    await took(pool, settings, bookings.reached(attempt, FIRST))
    await connection.execute("UPDATE callback_attempt SET resolved_at = now()")
    await moved(pool, settings)
    for _ in range(2):
        assert await note_machine(connection, attempt, "a1001", Policy())
    row = await connection.fetchrow("SELECT state, tries FROM callback_ticket")
    assert row is not None
    assert tuple(row) == ("waiting", 1)
    await connection.execute("UPDATE callback_ticket SET state = 'reached', closed_at = now()")
    assert await note_machine(connection, attempt, "a1001", Policy())
    assert await states(connection) == ["reached"], "by the next try, which was not in vain"


async def test_what_is_taken_back_in_the_call_was_never_said(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    attempt = await rung(pool, settings, connection)
    assert await note_machine(connection, attempt, "a1001", Policy())
    assert await forget_machine(connection, attempt, Policy())
    await took(pool, settings, bookings.reached(attempt, FIRST))
    assert await connection.fetchval("SELECT outcome FROM callback_attempt") == "answered"
    assert not await forget_machine(connection, attempt, Policy()), "nothing was said"


async def noted_after(pool: Pool, settings: Settings, connection: Connection) -> str:
    """An agent says when the call is over that he met a machine."""
    attempt = await rung(pool, settings, connection)
    await took(pool, settings, bookings.reached(attempt, FIRST))
    await connection.execute("UPDATE callback_attempt SET resolved_at = now()")
    await moved(pool, settings)
    assert await note_machine(connection, attempt, "a1001", Policy())
    return attempt


@pytest.mark.parametrize("once_more", [False, True], ids=["taken back", "and said again"])
async def test_what_is_taken_back_after_the_call_leaves_him_reached(
    pool: Pool, settings: Settings, connection: Connection, *, once_more: bool
) -> None:
    attempt = await noted_after(pool, settings, connection)
    assert await forget_machine(connection, attempt, Policy())
    assert not await forget_machine(connection, attempt, Policy()), "once"
    if once_more:
        assert await note_machine(connection, attempt, "a1001", Policy())
    await moved(pool, settings)
    row = await connection.fetchrow(
        "SELECT state, tries, outcome FROM callback_ticket JOIN callback_attempt USING (ticket_id)"
    )
    assert row is not None
    assert tuple(row) == (("waiting", 1, "machine") if once_more else ("reached", 1, "answered"))


async def test_before_the_bridge_has_moved_the_ticket_it_moves_as_was_said_last(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    attempt = await rung(pool, settings, connection)
    await note_machine(connection, attempt, "a1001", Policy())
    await took(pool, settings, bookings.reached(attempt, FIRST))
    await connection.execute("UPDATE callback_attempt SET resolved_at = now()")
    assert await forget_machine(connection, attempt, Policy())
    assert await states(connection) == ["calling"]
    await moved(pool, settings)
    assert await states(connection) == ["reached"]


async def test_when_he_is_being_called_once_more_it_is_too_late_to_take_it_back(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    attempt = await noted_after(pool, settings, connection)
    await place(connection)
    refused = connection.transaction()  # whoever is refused commits nothing
    await refused.start()
    assert not await forget_machine(connection, attempt, Policy())
    await refused.rollback()
    assert await states(connection) == ["calling"]
    await connection.execute("DELETE FROM callback_attempt WHERE attempt_id <> $1", attempt)
    await connection.execute("UPDATE callback_attempt SET resolved_at = now() - interval '2 hours'")
    assert not await forget_machine(connection, attempt, Policy()), "long ago"


@pytest.mark.parametrize("claimed", [False, True], ids=["nobody calls", "somebody calls"])
async def test_whom_people_were_to_call_is_off_their_list_unless_somebody_calls_him_now(
    pool: Pool, settings: Settings, connection: Connection, *, claimed: bool
) -> None:
    attempt = await rung(pool, settings, connection)
    await took(pool, settings, bookings.reached(attempt, FIRST))
    await connection.execute("UPDATE callback_attempt SET resolved_at = now()")
    await connection.execute(
        "UPDATE callback_ticket SET state = 'reached', tries = 3, closed_at = now()"
    )
    assert await note_machine(connection, attempt, "a1001", Policy())
    if claimed:
        await connection.execute(
            "UPDATE missed_caller SET claimed_by = 'a1002', claimed_until = now() + '1 minute'"
        )
    assert await forget_machine(connection, attempt, Policy()) is not claimed
    assert await states(connection) == ["not_reached" if claimed else "reached"]
    state = await connection.fetchval("SELECT state FROM missed_caller")
    assert state == ("open" if claimed else "called")


@pytest.mark.parametrize("again", ["the bridge", "the agent"])
async def test_what_a_ledger_of_the_release_before_did_not_know_is_mended(
    pool: Pool, settings: Settings, connection: Connection, again: str
) -> None:
    """It settles what was said in the call by the journal alone."""
    attempt = await rung(pool, settings, connection)
    assert await note_machine(connection, attempt, "a1001", Policy())
    await connection.execute(
        "UPDATE callback_attempt SET outcome = 'answered', resolved_at = now()"
    )
    if again == "the agent":
        await connection.execute(
            "UPDATE callback_ticket SET state = 'reached', tries = 1, closed_at = now()"
        )
        assert await note_machine(connection, attempt, "a1001", Policy())
    await moved(pool, settings)
    row = await connection.fetchrow(
        "SELECT state, tries, outcome FROM callback_ticket JOIN callback_attempt USING (ticket_id)"
    )
    assert row is not None
    assert tuple(row) == ("waiting", 1, "machine")
    await connection.execute("UPDATE callback_ticket SET state = 'reached', closed_at = now()")
    assert await note_machine(connection, attempt, "a1001", Policy())
    assert await states(connection) == ["reached"], "by the next try"


@pytest.mark.parametrize(
    ("call", "changed"),
    [
        (bookings.rung_in_vain, ""),
        (bookings.reached, "UPDATE callback_attempt SET resolved_at = now() - interval '2 hours'"),
    ],
    ids=["nobody answered", "long ago"],
)
async def test_what_is_settled_otherwise_or_long_over_stays_as_it_is(
    pool: Pool, settings: Settings, connection: Connection, call: Call, changed: str
) -> None:
    attempt = await rung(pool, settings, connection)
    await took(pool, settings, call(attempt, FIRST))
    await connection.execute(changed or "SELECT 1")
    assert not await note_machine(connection, attempt, "a1001", Policy())
    assert not await note_machine(connection, "n1-7-1795009999.c9", "a1001", Policy())
    assert await connection.fetchval("SELECT outcome FROM callback_attempt") != "machine"


async def test_who_rang_in_vain_is_not_made_a_machine_by_what_an_agent_said(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    attempt = await rung(pool, settings, connection)
    assert await note_machine(connection, attempt, "a1001", Policy())
    await took(pool, settings, bookings.rung_in_vain(attempt, FIRST))
    assert await connection.fetchval("SELECT outcome FROM callback_attempt") == "no_answer"


async def test_after_the_last_try_a_machine_hands_the_ticket_to_people(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    attempt = await rung(pool, settings, connection)
    await took(pool, settings, bookings.reached(attempt, FIRST))
    await connection.execute("UPDATE callback_attempt SET resolved_at = now()")
    await connection.execute(
        "UPDATE callback_ticket SET state = 'reached', tries = 3, closed_at = now()"
    )
    assert await note_machine(connection, attempt, "a1001", Policy())
    assert await states(connection) == ["not_reached"]
    assert await connection.fetchval("SELECT reason FROM missed_caller") == "not_reached"


# ---- numbers ----------------------------------------------------------------------------------

MOBILES = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
FIXED = st.from_regex(
    r"(010[2-8][0-9]{7}|02[0-9][2-8][0-9]{7}|0[3-9][0-9]{2}[2-8][0-9]{6,7})", fullmatch=True
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MOBILES | FIXED, st.sampled_from(["", "+86", "0086", "86"]))
async def test_a_number_is_the_same_however_it_is_written(
    connection: Connection, number: str, prefix: str
) -> None:
    written = f"{prefix}{number.removeprefix('0') if prefix else number}"
    assert await connection.fetchval("SELECT citizen_number($1)", written) == number
    zero = f"0{number}" if number[0] == "1" else number
    assert await connection.fetchval("SELECT citizen_number($1)", zero) == number


@pytest.mark.parametrize(
    "number", ["", "120", "12320", "83620521", "0085212345678", "+442079460000", "anonymous", "0"]
)
async def test_what_is_no_citizen_of_the_mainland_is_nobody(
    connection: Connection, number: str
) -> None:
    assert await connection.fetchval("SELECT citizen_number($1)", number) is None
