"""A hotline that calls back, for tests: minutes are seconds, and its trunk leads to somebody.

What happened is asked of the journal, of SIPp and of PostgreSQL by plain SQL.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import soundfile

from deploy.stack import postgres
from deploy.stack.rtp import RATE, sine
from deploy.stack.sip import Agent, Caller, free_port
from deploy.stack.stack import CALLER_ADDRESS, Stack
from ivr.config import REPOSITORY
from tests.real.hotline import MAIN, OFFER, PLACE, Hotline, until, write_tones

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
PAUSE_SECONDS = 2
RING_SECONDS = 5
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

    def channels(self, call_id: str) -> list[str]:
        """Give the names of a call's channels, in the order in which they began."""
        return [
            line["channame"]
            for line in self.lines()
            if line["linkedid"] == call_id and line["eventtype"] == "CHAN_START"
        ]

    def in_line(self, channel: str) -> bool:
        """Tell whether a channel itself has entered app_queue."""
        return any(
            line["channame"] == channel
            and (line["eventtype"], line["appname"]) == ("APP_START", "Queue")
            for line in self.lines()
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

    async def agent_hangs_up(self, agent: str = "a1001") -> None:
        """End what an agent's telephone is doing, over Asterisk: no clock of SIPp's decides."""
        channels = [
            line["channame"]
            for line in self.lines()
            if line["eventtype"] == "CHAN_START"
            and line["channame"].startswith(f"PJSIP/agent-{agent}-")
        ]
        answer = await self.ask("live", {"Action": "Hangup", "Channel": channels[-1]})
        assert b"Channel Hungup" in answer, answer

    @asynccontextmanager
    async def halted(self, table: str) -> AsyncIterator[None]:
        """Let everybody who asks for a table wait."""
        connection = await asyncpg.connect(self.database, timeout=5)
        try:
            async with connection.transaction():
                await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                yield
        finally:
            await connection.close(timeout=5)

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

    async def promised(self, number: str, *, minutes: int = 30) -> None:
        """Owe somebody a call back who has been waiting so long, without playing his call."""
        caller = self.number()
        async with self.caller(caller) as before:
            await before.rtp.wait_for(MAIN, 40)
            before.hang_up()
            await before.ended(10)
        call = await self.record(caller, 40)
        await self.rows(
            "INSERT INTO callback_ticket (opened_at, call_id, node, number, queue, urgency,"
            " entered_at, booked_at, due_at) SELECT $1, $2, 'n1', $3, 'anyone', 0,"
            " now() - make_interval(mins => $4), now(), now()",
            call["opened_at"],
            call["call_id"],
            number,
            minutes,
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


@asynccontextmanager
async def running_callbacks(
    folder: Path, *, rated_after: int = 60, **paces: int
) -> AsyncIterator[Callbacks]:
    """Start the whole of it below `folder`; a talk of fewer seconds than that is not rated."""
    outer = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    hours = folder / "hours.toml"
    shutil.copy(REPOSITORY / "dialplans/hours.toml", hours)
    outside = free_port(CALLER_ADDRESS)
    outer |= {
        "HOTLINE_DEFINITIONS__HOURS": str(hours),
        "HOTLINE_TELEPHONY__TRUNK_CONTACT": f"sip:{CALLER_ADDRESS}:{outside}",
        "HOTLINE_TELEPHONY__QUALIFY_SECONDS": "0",
        "HOTLINE_CALLBACK__PERMITTED": "00:00-24:00",
        "HOTLINE_CALLBACK__PAUSE_SECONDS": str(PAUSE_SECONDS),
        "HOTLINE_CALLBACK__RING_SECONDS": str(RING_SECONDS),
        "HOTLINE_CALLBACK__LOOK_SECONDS": "0.2",
    }
    paces = {
        "offer_after_seconds": 8,
        "offer_every_seconds": 5,
        "place_every_seconds": 4,
        **paces,
    }
    async with Stack(
        folder / "stack", environment=outer, rated_after_seconds=rated_after, paces=paces
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
