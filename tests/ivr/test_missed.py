from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr.config import Settings
from ivr.database import Pool, queries
from ivr.missed import Finish, claim_missed, finish_missed, missed_callers, release_missed
from tests.ivr import bookings, cel
from tests.ivr.ledgers import settle, took

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

QUEUES = ["general", "consult"]

LONG_AGO = timedelta(days=9000)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' calls lie on a day of their own, so here nothing is too long ago."""
    monkeypatch.setattr("ivr.missed.CALLED_WITHIN", LONG_AGO)


async def test_who_gave_up_after_ten_seconds_is_listed_once_and_others_are_not(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    calls = [cel.abandoned(1, wait=9), cel.abandoned(2, wait=12), cel.abandoned(3, wait=30)]
    await took(pool, settings, calls[0])
    assert await missed_callers(connection, QUEUES) == []
    await took(pool, settings, *calls[1:])
    (entry,) = await missed_callers(connection, QUEUES)
    assert (entry.number, entry.queue, entry.reason) == ("13800001234", "general", "abandoned")
    assert entry.call_id == calls[2].call_id, "the last time counts"
    assert await missed_callers(connection, ["consult"]) == []


async def test_only_one_agent_calls_and_a_lease_that_ran_out_is_taken_over(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, cel.abandoned())
    (entry,) = await missed_callers(connection, QUEUES)
    assert await claim_missed(connection, entry.missed_id, "a1001") == "13800001234"
    assert await claim_missed(connection, entry.missed_id, "a1002") is None
    assert await claim_missed(connection, entry.missed_id, "a1001") == "13800001234"
    assert not await release_missed(connection, entry.missed_id, "a1002")
    (entry,) = await missed_callers(connection, QUEUES)
    assert entry.claimed_by == "a1001"
    await connection.execute("UPDATE missed_caller SET claimed_until = now()")
    assert await claim_missed(connection, entry.missed_id, "a1002", lease=timedelta(minutes=1))
    assert not await finish_missed(connection, entry.missed_id, "a1001", Finish.CALLED)
    assert await finish_missed(connection, entry.missed_id, "a1002", Finish.NOT_REACHED)
    assert await claim_missed(connection, entry.missed_id, "a1001") is None
    assert await missed_callers(connection, QUEUES) == []


async def test_what_was_dealt_with_does_not_come_back_but_a_new_call_in_vain_does(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, cel.abandoned(1))
    (entry,) = await missed_callers(connection, QUEUES)
    await claim_missed(connection, entry.missed_id, "a1001")
    await finish_missed(connection, entry.missed_id, "a1001", Finish.DECLINED)
    await connection.execute("UPDATE call SET digest = sha256('other')")
    await connection.execute(
        "INSERT INTO fold_due (call_id, opened_at, node, ended) "
        "SELECT call_id, opened_at, node, true FROM call"
    )
    await settle(pool, settings)
    assert await missed_callers(connection, QUEUES) == []
    await took(pool, settings, cel.abandoned(2, wait=40))
    assert [one.call_id for one in await missed_callers(connection, QUEUES)] == [
        "n1-7-1795000000.2"
    ]


async def test_who_was_served_since_is_missed_no_longer(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    later = cel.answered(5, second=cel.SECOND + 600)
    await took(pool, settings, cel.abandoned(1), later)
    assert await connection.fetchval("SELECT state FROM missed_caller") == "served"


async def test_who_was_called_or_has_booked_is_missed_no_longer(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    booking = bookings.booked(6)
    await took(pool, settings, cel.abandoned(2))
    await took(pool, settings, booking)
    assert await connection.fetchval("SELECT state FROM missed_caller") == "booked"
    await took(pool, settings, cel.abandoned(7, wait=400))
    assert await missed_callers(connection, QUEUES) == [], "his ticket is open"
    await connection.execute("TRUNCATE missed_caller")
    await connection.execute("UPDATE callback_ticket SET state = 'expired', closed_at = now()")
    await took(pool, settings, cel.abandoned(8, wait=60))
    back = bookings.reached("n1-7-1795001000.c1", booking.call_id, begins=900)
    await took(pool, settings, back)
    assert await connection.fetchval("SELECT state FROM missed_caller") == "called"


async def test_a_ticket_in_vain_goes_on_the_list_and_so_do_withheld_numbers_not(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    withheld = cel.Journal(9).begins("").queues("general").after(30).hangs_up(source=cel.CALLER)
    await took(pool, settings, bookings.booked(), withheld.ends())
    assert await missed_callers(connection, QUEUES) == []
    ticket = await connection.fetchval(
        "UPDATE callback_ticket SET state = 'not_reached', closed_at = now() RETURNING ticket_id"
    )
    await queries.hand_to_people(connection, ticket_id=ticket, reason="not_reached")
    (entry,) = await missed_callers(connection, QUEUES)
    assert (entry.reason, entry.queue, entry.waited_ms // 1000) == ("not_reached", "consult", 130)


async def test_who_gave_up_a_day_ago_is_not_surprised_when_history_is_folded_again(
    pool: Pool, settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.missed.CALLED_WITHIN", timedelta(hours=24))
    day = 24 * 3600
    old = cel.Journal(1, second=int(time.time()) - day - 60).begins("13900000001")
    new = cel.Journal(2, second=int(time.time()) - day + 600).begins("13900000002")
    calls = [call.queues("general").after(30).hangs_up(source=cel.CALLER) for call in (old, new)]
    await took(pool, settings, *(call.ends() for call in calls))
    assert [one.number for one in await missed_callers(connection, QUEUES)] == ["13900000002"]
    assert await connection.fetchval("SELECT count(*) FROM missed_caller") == 1
    await connection.execute("UPDATE missed_caller SET missed_at = now() - interval '25 hours'")
    assert await missed_callers(connection, QUEUES) == []
    await connection.execute("UPDATE missed_caller SET reason = 'not_reached'")
    (entry,) = await missed_callers(connection, QUEUES)
    assert entry.reason == "not_reached", "his call-back was promised"


async def test_a_call_in_vain_that_is_recorded_after_the_talk_that_followed_lists_nobody(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, cel.answered(5, second=cel.SECOND + 600))
    await took(pool, settings, cel.abandoned(1))
    assert await missed_callers(connection, QUEUES) == []
    await took(pool, settings, cel.abandoned(2, second=cel.SECOND + 1200))
    assert [one.call_id for one in await missed_callers(connection, QUEUES)] == [
        "n1-7-1795001200.2"
    ]
