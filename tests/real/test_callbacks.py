"""Call-backs on a real Asterisk: booked by key, kept in line, agent first, then the citizen.

A hotline of its own, because minutes are seconds here. What happened is asked of the journal, of
SIPp and of PostgreSQL by plain SQL.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio
import soundfile

from deploy.stack import postgres
from deploy.stack.rtp import RATE, share_of, sine
from deploy.stack.sip import Agent, Caller, free_port
from deploy.stack.stack import CALLER_ADDRESS, Stack
from ivr.config import REPOSITORY
from tests.real.hotline import AGENT_TONE, MAIN, OFFER, PLACE, Hotline, until, write_tones

CONFIRM, ENTER, BOOKED, STAY, TO_AGENT, VOID = 1330.0, 2900.0, 2700.0, 1420.0, 3100.0, 2200.0
_TONES = {
    "m_cb-1": (CONFIRM, 0.5),
    "m_cb-2": (CONFIRM, 1.5),
    "f_cb": (ENTER, 1.0),
    "p_cb_ok": (BOOKED, 1.0),
    "p_cb_stay": (STAY, 1.0),
    "p_cb_agent": (TO_AGENT, 0.5),
    "p_cb_void": (VOID, 1.0),
    "n_yao": (CONFIRM, 0.1),
    **{f"n_{digit}": (CONFIRM, 0.1) for digit in range(10)},
}
_PAUSE_SECONDS = 2
_RING_SECONDS = 5
_numbers = itertools.count(1)


@dataclass
class Citizen(Agent):
    """The telephone of somebody outside, behind the trunk: it needs no password."""

    host: str = CALLER_ADDRESS
    tone: float = 440.0
    port: int = 0

    async def _sign(self, expires: int, within: float) -> int:
        del expires, within
        self._port = self.port
        return 0


class Callbacks(Hotline):
    """What these tests do with the hotline."""

    outside: int
    """The port at which every telephone outside is reached."""

    def mobile(self) -> str:
        """Give an invented mobile number that no other call of this run has."""
        return f"1990000{next(_numbers):04}"

    def citizen(self, *, ring_seconds: float = 0.5, talk_seconds: float = 30.0) -> Citizen:
        return Citizen(
            sip=self.sip,
            workspace=self.workspace,
            port=self.outside,
            ring_seconds=ring_seconds,
            talk_seconds=talk_seconds,
        )

    async def ticket(self, number: str, *states: str, within: float = 60.0) -> asyncpg.Record:
        """Wait until the newest ticket of a number is in one of these states."""
        sql = "SELECT * FROM callback_ticket WHERE number = $1 ORDER BY ticket_id DESC LIMIT 1"
        rows: list[asyncpg.Record] = []
        try:
            async with asyncio.timeout(within):
                while not (rows := await self.rows(sql, number)) or rows[0]["state"] not in states:  # noqa: ASYNC110 - a row changes
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"expected {states}, came {rows}") from None
        return rows[0]

    async def attempts(self, ticket: asyncpg.Record) -> list[asyncpg.Record]:
        sql = "SELECT * FROM callback_attempt WHERE ticket_id = $1 ORDER BY round"
        return await self.rows(sql, ticket["ticket_id"])

    def rung(self, attempt_ids: list[str]) -> Counter[str]:
        """Count, by attempt, the channels that were made to the outside: the journal's word."""
        return Counter(
            line["linkedid"]
            for line in self.lines()
            if line["linkedid"] in attempt_ids
            and line["eventtype"] == "CHAN_START"
            and line["channame"].startswith("PJSIP/trunk-")
        )

    def has(self, call_id: str, event: str) -> bool:
        """Tell whether the journal has such an event for this call."""
        return any(
            line["linkedid"] == call_id and line["eventtype"] == event for line in self.lines()
        )

    async def place_regained(self, number: str) -> None:
        """Wait until this caller is in app_queue again, at the first position."""
        await until(lambda: self.positions(number)[1:] == [1], 15)

    async def ask(self, account: str, *actions: dict[str, str]) -> bytes:
        """Ask Asterisk over an AMI session of the tests' own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stack.ports.ami)
        secret = self.stack.memory.secret(f"ami {account}")
        login = {"Action": "Login", "Username": account, "Secret": secret, "Events": "off"}
        for action in (login, *actions, {"Action": "Logoff"}):
            lines = "".join(f"{key}: {value}\r\n" for key, value in action.items())
            writer.write(f"{lines}\r\n".encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        return answer

    async def originate(self, attempt_id: str, not_after: int) -> None:
        """Order a place holder as the bridge does, but late or by a wrong name."""
        values = {
            "CALLBACK_OF": "n1-1-1795000000.1",
            "CALLBACK_QUEUE": "anyone",
            "CALLBACK_PLACE": "1000",
            "CALLBACK_UNTIL": str(not_after + 600),
            "NOT_AFTER": str(not_after),
        }
        answer = await self.ask(
            "dialer",
            {
                "Action": "Originate",
                "Channel": "Local/s@callback-line",
                "ChannelId": attempt_id,
                "Context": "callback-call",
                "Exten": "s",
                "Priority": "1",
                "Async": "true",
                "Variable": ",".join(f"{name}={value}" for name, value in values.items()),
            },
        )
        assert b"successfully queued" in answer, answer

    def joined_agent_at(self, call_id: str) -> float:
        """Tell when an agent's telephone entered a bridge of this call."""
        return next(
            float(line["eventtime"])
            for line in self.lines()
            if line["linkedid"] == call_id
            and line["eventtype"] == "BRIDGE_ENTER"
            and line["channame"].startswith("PJSIP/agent-")
        )

    async def books(self, number: str, parties: AsyncExitStack, *, others: bool = False) -> None:
        """Let somebody wait, be offered a call back, and confirm his own number."""
        caller = await waiting(self, number, parties, others=others)
        await caller.rtp.wait_for(OFFER, 60)
        caller.press("1")
        await caller.rtp.wait_for(CONFIRM, 40)
        caller.press("1")
        await caller.rtp.wait_for(BOOKED, 40)
        await caller.ended(10)


async def waiting(
    hotline: Hotline, number: str, parties: AsyncExitStack, *, others: bool = False
) -> Caller:
    caller = await parties.enter_async_context(hotline.caller(number))
    await caller.rtp.wait_for(MAIN, 40)
    caller.press("0")
    if others:
        await caller.rtp.wait_for(PLACE, 40)
    await hotline.says(number, "QUEUE", 10)
    return caller


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hotline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callbacks]:
    """A hotline whose trunk leads somewhere, and whose minutes are seconds."""
    folder = tmp_path_factory.mktemp("callbacks")
    outer = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    hours = folder / "hours.toml"
    shutil.copy(REPOSITORY / "dialplans/hours.toml", hours)
    outside = free_port(CALLER_ADDRESS)
    outer |= {
        "HOTLINE_DEFINITIONS__HOURS": str(hours),
        "HOTLINE_TELEPHONY__TRUNK_CONTACT": f"sip:{CALLER_ADDRESS}:{outside}",
        "HOTLINE_TELEPHONY__QUALIFY_SECONDS": "0",
        "HOTLINE_CALLBACK__PERMITTED": "00:00-24:00",
        "HOTLINE_CALLBACK__PAUSE_SECONDS": str(_PAUSE_SECONDS),
        "HOTLINE_CALLBACK__RING_SECONDS": str(_RING_SECONDS),
        "HOTLINE_CALLBACK__LOOK_SECONDS": "0.2",
    }
    paces = {"offer_after_seconds": 8, "offer_every_seconds": 5, "place_every_seconds": 4}
    async with Stack(
        folder / "stack", environment=outer, rated_after_seconds=60, paces=paces
    ) as stack:
        write_tones(stack.layout.sounds)
        for key, (tone, seconds) in _TONES.items():
            path = stack.layout.sounds / "zh/hotline" / f"{key}.wav"
            soundfile.write(path, sine(tone, seconds), RATE, subtype="PCM_16")
        await stack.start("postgres", "valkey", "migrate", "asterisk", "ivr", "ledger")
        database = postgres.url(stack.ports.postgres, stack.memory.secret("postgres"))
        copy = Callbacks(stack, folder / "sipp", database, hours)
        copy.outside = outside
        yield copy


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
        agent = await parties.enter_async_context(hotline.agent(talk_seconds=6))
        await first.rtp.wait_for(AGENT_TONE, 90)
        await citizen.rtp.wait_for(AGENT_TONE, 90)
        assert not last.rtp.hears(AGENT_TONE)
        await agent.rtp.wait_for(440.0, 5)
        await last.rtp.wait_for(AGENT_TONE, 90)
        await last.ended(20)
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
    assert 2_000 < rows[0]["talk_ms"] < 12_000
    row = await hotline.recording(attempt["attempt_id"])
    sound, rate = soundfile.read(io.BytesIO(hotline.sound(row)), dtype="int16")
    middle = sound[len(sound) // 2 - rate // 2 : len(sound) // 2 + rate // 2]
    assert share_of(middle[:, 0], 440.0) > 0.8, "left: the citizen"
    assert share_of(middle[:, 1], AGENT_TONE) > 0.8, "right: the agent"


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
        assert pause >= _PAUSE_SECONDS
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


async def test_an_order_that_comes_late_or_from_an_earlier_start_rings_nobody(
    hotline: Callbacks,
) -> None:
    now, boot = int(time.time()), hotline.stack.layout.boots.read_text().strip()
    orders = {
        f"n1-{boot}-{now}.c901": now - 1,
        f"n1-{int(boot) + 1}-{now}.c902": now + 20,
    }
    async with hotline.agent() as agent:
        for attempt, not_after in orders.items():
            await hotline.originate(attempt, not_after)
        for attempt in orders:
            await until(lambda attempt=attempt: hotline.has(attempt, "LINKEDID_END"), 10)  # type: ignore[misc]  # bound at once
        assert agent.ledger.at("INVITE", sent=False) is None
    assert hotline.rung(list(orders)) == {}


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
            await agent.rtp.wait_for(VOID, 20)
            await until(lambda: hotline.has(attempt["attempt_id"], "LINKEDID_END"), 20)
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
