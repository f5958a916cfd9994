"""Call-backs on a real Asterisk: booked by key, kept in line, agent first, then the citizen."""

from __future__ import annotations

import asyncio
import io
import itertools
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
import soundfile

from deploy.stack.rtp import share_of
from tests.real.call_backs import (
    BOOKED,
    CONFIRM,
    ENTER,
    PAUSE_SECONDS,
    STAY,
    VOID,
    Callbacks,
    running_callbacks,
    waiting,
)
from tests.real.hotline import AGENT_TONE, MAIN, OFFER, until

_TALKED_SECONDS = 2.5
_HALT_SECONDS = 3.0
"""Longer than an agent's question took before it was given up."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hotline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callbacks]:
    async with running_callbacks(tmp_path_factory.mktemp("callbacks")) as running:
        yield running


async def test_a_call_back_keeps_the_place_between_two_who_wait_on_the_line(
    hotline: Callbacks,
) -> None:
    before, books, behind = hotline.number(), hotline.mobile(), hotline.number()
    async with AsyncExitStack() as parties:
        first = await waiting(hotline, before, parties)
        await asyncio.sleep(1.1)  # another second: another place
        booking = asyncio.create_task(hotline.books(books, parties, others=True))
        await hotline.says(books, "QUEUE", 20)
        await asyncio.sleep(1.1)
        last = await waiting(hotline, behind, parties, others=True)
        await booking
        ticket = await hotline.ticket(books, "calling")
        citizen = await parties.enter_async_context(hotline.citizen())
        agent = await parties.enter_async_context(hotline.agent(talk_seconds=110))
        await first.rtp.wait_for(AGENT_TONE, 90)
        await hotline.agent_hangs_up()
        await citizen.rtp.wait_for(AGENT_TONE, 90)
        assert not last.rtp.hears(AGENT_TONE)
        await agent.rtp.wait_for(440.0, 30)
        await asyncio.sleep(_TALKED_SECONDS)
        await hotline.agent_hangs_up()
        await last.rtp.wait_for(AGENT_TONE, 90)
        await hotline.agent_hangs_up()
        await last.ended(40)
    ticket = await hotline.ticket(books, "reached")
    (attempt,) = await hotline.attempts(ticket)
    assert (attempt["outcome"], ticket["tries"]) == ("answered", 1)
    assert hotline.rung([attempt["attempt_id"]]) == {attempt["attempt_id"]: 1}
    ids = [hotline.call_id(before), attempt["attempt_id"], hotline.call_id(behind)]
    served = [hotline.joined_agent_at(str(call_id)) for call_id in ids]
    assert served == sorted(served), "nobody was overtaken, and he overtook nobody"
    call = await hotline.record(books)
    assert (call["disposition"], call["queue"]) == ("callback_booked", "anyone")
    rows = await hotline.rows("SELECT * FROM call WHERE call_id = $1", attempt["attempt_id"])
    assert [
        (r["direction"], r["dialled"], r["disposition"], r["agent"], r["callback_of"]) for r in rows
    ] == [("outbound", books, "answered", "a1001", call["call_id"])]
    assert rows[0]["talk_ms"] > _TALKED_SECONDS * 1_000 - 500
    row = await hotline.recording(attempt["attempt_id"])
    sound, rate = soundfile.read(io.BytesIO(hotline.sound(row)), dtype="int16")
    middle = sound[len(sound) // 2 - rate // 2 : len(sound) // 2 + rate // 2]
    assert share_of(middle[:, 0], 440.0) > 0.8, "left: the citizen"
    assert share_of(middle[:, 1], AGENT_TONE) > 0.8, "right: the agent"


async def test_a_database_that_halts_for_a_moment_costs_nobody_his_turn(
    hotline: Callbacks,
) -> None:
    number = hotline.mobile()
    async with AsyncExitStack() as parties:
        await hotline.promised(number)
        ticket = await hotline.ticket(number, "calling")
        (attempt,) = await hotline.attempts(ticket)
        citizen = await parties.enter_async_context(hotline.citizen())
        async with hotline.halted("callback_attempt"):
            await parties.enter_async_context(hotline.agent(talk_seconds=10))
            await until(lambda: hotline.has(attempt["attempt_id"], "AGENT"), 40)
            await asyncio.sleep(_HALT_SECONDS)
        await citizen.rtp.wait_for(AGENT_TONE, 90)
        await hotline.ticket(number, "reached")
    assert [one["outcome"] for one in await hotline.attempts(ticket)] == ["answered"]


async def test_who_is_not_reached_three_times_goes_to_people_and_is_rung_no_more(
    hotline: Callbacks,
) -> None:
    number = hotline.mobile()
    async with AsyncExitStack() as parties:
        await hotline.books(number, parties)
        citizen = await parties.enter_async_context(hotline.citizen(ring_seconds=60))
        await parties.enter_async_context(hotline.agent(talk_seconds=60))
        ticket = await hotline.ticket(number, "not_reached", within=90)
        invites = (citizen._folder / "ledger").read_text("iso-8859-1").count("\tINVITE sip:")
    attempts = await hotline.attempts(ticket)
    assert [one["outcome"] for one in attempts] == ["no_answer"] * 3
    assert ticket["tries"] == 3
    ids = [one["attempt_id"] for one in attempts]
    assert hotline.rung(ids) == dict.fromkeys(ids, 1)
    for before, later in itertools.pairwise(attempts):
        pause = (later["intended_at"] - before["resolved_at"]).total_seconds()
        assert pause >= PAUSE_SECONDS
    calls = await hotline.rows("SELECT disposition FROM call WHERE call_id = ANY ($1::text[])", ids)
    assert [call["disposition"] for call in calls] == ["no_answer"] * 3
    (missed,) = await hotline.rows("SELECT * FROM missed_caller WHERE number = $1", number)
    assert (missed["reason"], missed["state"]) == ("not_reached", "open")
    assert invites == 3, "so says the telephone that rang"


async def test_another_number_is_entered_checked_and_read_back(hotline: Callbacks) -> None:
    withheld, number = "anonymous", hotline.mobile()
    async with AsyncExitStack() as parties:
        caller = await parties.enter_async_context(hotline.caller(withheld))
        await caller.rtp.wait_for(MAIN, 40)
        caller.press("0")
        await caller.rtp.wait_for(OFFER, 60)
        caller.press("1")
        await caller.rtp.wait_for(ENTER, 40)  # a withheld number cannot be confirmed
        caller.press("00852123#")
        await asyncio.sleep(2)
        await caller.rtp.wait_for(ENTER, 40)
        caller.press(f"{hotline.mobile()}#")
        await caller.rtp.wait_for(CONFIRM, 40)
        caller.press("2")
        await caller.rtp.wait_for(ENTER, 40)
        caller.press(f"{number}#")
        await caller.rtp.wait_for(CONFIRM, 40)
        caller.press("1")
        await caller.rtp.wait_for(BOOKED, 40)
        await caller.ended(10)
        ticket = await hotline.ticket(number, "waiting", "calling")
        (first,) = await hotline.rows("SELECT * FROM call WHERE call_id = $1", ticket["call_id"])
        assert (first["caller"], first["disposition"]) == ("", "callback_booked")
        citizen = await parties.enter_async_context(hotline.citizen())
        await parties.enter_async_context(hotline.agent(talk_seconds=3))
        await citizen.rtp.wait_for(AGENT_TONE, 90)
        await hotline.ticket(number, "reached")


async def test_who_confirms_nothing_goes_on_waiting_at_his_place(hotline: Callbacks) -> None:
    first, second = hotline.mobile(), hotline.number()
    async with AsyncExitStack() as parties:
        undecided = await waiting(hotline, first, parties)
        await asyncio.sleep(1.1)
        other = await waiting(hotline, second, parties, others=True)
        await undecided.rtp.wait_for(OFFER, 60)
        undecided.press("1")
        await undecided.rtp.wait_for(STAY, 40)
        await hotline.place_regained(first)
        await parties.enter_async_context(hotline.agent(talk_seconds=2))
        await undecided.rtp.wait_for(AGENT_TONE, 90)
        assert not other.rtp.hears(AGENT_TONE)
        await other.rtp.wait_for(AGENT_TONE, 90)
        await undecided.ended(20)
        await other.ended(20)
    assert await hotline.rows("SELECT 1 FROM callback_ticket WHERE number = $1", first) == []


async def test_a_booking_outlives_bridge_ledger_and_redis_and_is_kept_when_they_are_back(
    hotline: Callbacks,
) -> None:
    number = hotline.mobile()
    async with AsyncExitStack() as parties:
        caller = await waiting(hotline, number, parties)
        await caller.rtp.wait_for(OFFER, 60)
        for name in ("ledger", "ivr", "valkey"):
            await hotline.stack.stop(name)
        caller.press("1")
        await caller.rtp.wait_for(CONFIRM, 40)
        caller.press("1")
        await caller.rtp.wait_for(BOOKED, 40)
        await caller.ended(10)
        assert await hotline.rows("SELECT 1 FROM callback_ticket WHERE number = $1", number) == []
        await hotline.stack.start("valkey", "ivr", "ledger")
        await hotline.ticket(number, "waiting", "calling", within=40)
        citizen = await parties.enter_async_context(hotline.citizen())
        await parties.enter_async_context(hotline.agent(talk_seconds=3))
        await citizen.rtp.wait_for(AGENT_TONE, 90)
        await hotline.ticket(number, "reached")


@pytest.mark.parametrize("moment", ["in line", "with the agent", "ringing outside"])
async def test_a_bridge_killed_in_the_middle_rings_nobody_twice_and_forgets_nobody(
    hotline: Callbacks, moment: str
) -> None:
    number = hotline.mobile()
    async with AsyncExitStack() as parties:
        await hotline.books(number, parties)
        ticket = await hotline.ticket(number, "calling")
        (attempt,) = await hotline.attempts(ticket)
        await until(lambda: hotline.has(attempt["attempt_id"], "CALLBACK_OF"), 10)
        if moment == "in line":
            hotline.stack.kill("ivr", signal.SIGKILL)
            await hotline.stack.ready("ivr")
        if moment == "with the agent":  # it is stopped, so the question hangs, and then it dies
            hotline.stack.kill("ivr", signal.SIGSTOP)
        citizen = await parties.enter_async_context(hotline.citizen(ring_seconds=2.5))
        await parties.enter_async_context(hotline.agent(talk_seconds=12))
        if moment == "with the agent":
            await until(lambda: hotline.has(attempt["attempt_id"], "AGENT"), 20)
            hotline.stack.kill("ivr", signal.SIGKILL)
        if moment == "ringing outside":
            await until(lambda: bool(hotline.rung([attempt["attempt_id"]])), 20)
            hotline.stack.kill("ivr", signal.SIGKILL)
        await citizen.rtp.wait_for(AGENT_TONE, 90)
        ticket = await hotline.ticket(number, "reached", within=40)
    attempts = await hotline.attempts(ticket)
    ids = [one["attempt_id"] for one in attempts]
    assert hotline.rung(ids).total() == 1 == ticket["tries"]
    outcomes = ["answered"] if moment != "with the agent" else ["withdrawn", "answered"]
    assert [one["outcome"] for one in attempts] == outcomes


async def test_who_calls_in_again_and_is_served_is_taken_out_of_the_line(
    hotline: Callbacks,
) -> None:
    number = hotline.mobile()
    async with AsyncExitStack() as parties:
        await hotline.books(number, parties)
        ticket = await hotline.ticket(number, "calling")
        (attempt,) = await hotline.attempts(ticket)
        citizen = await parties.enter_async_context(hotline.citizen())
        again = await parties.enter_async_context(hotline.caller(number))
        await again.rtp.wait_for(MAIN, 40)
        again.press("5")  # a crisis is served before everybody else
        await asyncio.sleep(2)
        await parties.enter_async_context(hotline.agent(talk_seconds=3))
        await again.rtp.wait_for(AGENT_TONE, 90)
        await hotline.ticket(number, "served")
        await until(lambda: hotline.has(attempt["attempt_id"], "LINKEDID_END"), 20)
        await again.ended(20)
        await asyncio.sleep(3)
        assert not citizen.rtp.hears(AGENT_TONE)
    assert hotline.rung([attempt["attempt_id"]]) == {}


async def test_an_elderly_caller_hears_no_offer_and_may_ask_for_a_call_back_all_the_same(
    hotline: Callbacks,
) -> None:
    number = hotline.mobile()
    await hotline.rows(
        "INSERT INTO caller_profile (number, elderly, noted_by) VALUES ($1, true, 'a1001')", number
    )
    async with hotline.caller(number) as caller:
        await hotline.says(number, "QUEUE", 20)  # the direct profile: no menu first
        with pytest.raises(TimeoutError):
            await caller.rtp.wait_for(OFFER, 16)
        assert set(hotline.positions(number)) == {1}, "never out of his place"
        caller.press("1")
        await caller.rtp.wait_for(CONFIRM, 40)
        caller.press("1")
        await caller.rtp.wait_for(BOOKED, 40)
        await caller.ended(10)
    ticket = await hotline.ticket(number, "waiting", "calling")
    await hotline.rows(
        "UPDATE callback_ticket SET state = 'expired', closed_at = now() WHERE ticket_id = $1",
        ticket["ticket_id"],
    )


@pytest.mark.parametrize(
    ("seconds", "starts", "rings"),
    [(20, 0, True), (-1, 0, False), (20, 1, False), (20, -1, False)],
    ids=["in time", "late", "of a later start", "of an earlier start"],
)
async def test_an_order_that_comes_late_or_from_another_start_rings_nobody(
    hotline: Callbacks, seconds: int, starts: int, *, rings: bool
) -> None:
    now, boot = int(time.time()), int(hotline.stack.layout.boots.read_text().strip())
    attempt = f"n1-{boot + starts}-{now}.c{900 + 10 * starts + seconds}"
    async with hotline.agent(talk_seconds=60) as agent:
        await hotline.originate(attempt, now + seconds)
        await until(lambda: hotline.has(attempt, "LINKEDID_END"), 30)
        assert (agent.ledger.at("INVITE", sent=False) is not None) == rings
    assert hotline.rung([attempt]) == {}, "a made-up order has no number"


async def test_outside_the_permitted_times_the_dialplan_itself_rings_nobody_outside(
    hotline: Callbacks,
) -> None:
    number = hotline.mobile()
    async with AsyncExitStack() as parties:
        await hotline.books(number, parties)
        ticket = await hotline.ticket(number, "calling")
        (attempt,) = await hotline.attempts(ticket)
        await hotline.ask("live", {"Action": "Setvar", "Variable": "PERMITTED_UNTIL", "Value": "0"})
        try:
            agent = await parties.enter_async_context(hotline.agent(talk_seconds=20))
            await until(lambda: hotline.has(attempt["attempt_id"], "AGENT"), 30)
            await agent.rtp.wait_for(VOID, 20)
            await until(lambda: hotline.has(attempt["attempt_id"], "LINKEDID_END"), 30)
        finally:
            await hotline.ask(
                "live", {"Action": "Setvar", "Variable": "PERMITTED_UNTIL", "Value": "86400"}
            )
        assert hotline.rung([attempt["attempt_id"]]) == {}
        await hotline.rows(
            "UPDATE callback_ticket SET state = 'expired', closed_at = now() WHERE ticket_id = $1",
            ticket["ticket_id"],
        )
    (row,) = [r for r in await hotline.attempts(ticket) if r["round"] == 1]
    assert row["dialled_at"] is None, "the number was not even given out"
