"""A hotline whose trunk leads to one telephone outside, for the tests of callers and transfers.

The SIPp of that telephone keeps every message, so what the other side is told is read from the
wire. Minutes are seconds, and the menus are a copy that a test may edit.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import soundfile

from deploy.stack import postgres
from deploy.stack.rtp import RATE, sine
from deploy.stack.sip import Agent, free_port
from deploy.stack.stack import CALLER_ADDRESS, Stack
from ivr.asterisk.link import Link, Pace
from ivr.config import REPOSITORY, AmiSettings
from ivr.transfers import Conversation
from tests.real.hotline import Hotline, until, write_tones

OUTSIDE_TONE, BACK, DIRECT, WARNING, HELD = 1_650.0, 2_700.0, 2_900.0, 3_100.0, 1_330.0
EMERGENCY, SURGE, SELF, CONFIRM, QUIT = 560.0, 1_420.0, 800.0, 1_560.0, 2_400.0
_TONES = {
    "p_transfer_back": (BACK, 1.0),
    "m_direct": (DIRECT, 1.5),
    "p_warning": (WARNING, 1.0),
    "m_held": (HELD, 2.0),
    "p_emerg": (EMERGENCY, 0.6),
    "p_surge": (SURGE, 1.0),
    "m_self": (SELF, 2.0),
    "m_quit": (QUIT, 2.0),
    "m_cb-1": (CONFIRM, 0.6),
    "m_cb-2": (CONFIRM, 1.0),
}
RING_SECONDS = 5


@dataclass
class Outside(Agent):
    """A telephone behind the trunk: it needs no password, and keeps what it is told."""

    host: str = CALLER_ADDRESS
    tone: float = OUTSIDE_TONE
    port: int = 0
    keeps_messages: bool = True

    async def _sign(self, expires: int, within: float) -> int:
        del expires, within
        self._port = self.port or self._port
        return 0

    @property
    def address(self) -> tuple[str, int]:
        """Where it is reached; without a `port` of its own the kernel has chosen."""
        return (self.host, self._port)

    def invited(self) -> tuple[str, str, str]:
        """Give the number that was called, and the caller's in From and P-Asserted-Identity."""
        invite = re.search(r"INVITE sip:(.*?)\n\n", self.messages().replace("\r", ""), re.DOTALL)
        assert invite is not None, "no INVITE came"
        headers = invite[0]
        asserted = re.search(r"^P-Asserted-Identity:.*?<sip:(.*?)@", headers, re.MULTILINE)
        sender = re.search(r"^From:.*?<sip:(.*?)@", headers, re.MULTILINE)
        assert sender is not None
        return (invite[1].partition("@")[0], sender[1], asserted[1] if asserted else "")


class Exchange(Hotline):
    """What these tests do with the hotline."""

    outside_port: int
    link: Link

    def outside(self, *, ring_seconds: float = 0.5, talk_seconds: float = 30.0) -> Outside:
        return Outside(
            sip=self.sip,
            workspace=self.workspace,
            port=self.outside_port,
            ring_seconds=ring_seconds,
            talk_seconds=talk_seconds,
        )

    def talk(self, number: str) -> Conversation:
        """Find the channels of a conversation in the journal."""
        call_id = self.call_id(number)
        names = [
            line["channame"]
            for line in self.lines()
            if line["linkedid"] == call_id and line["eventtype"] == "CHAN_START"
        ]
        caller = next(name for name in names if name.startswith("PJSIP/trunk"))
        agent = [name for name in names if name.startswith("PJSIP/agent-")][-1]
        return Conversation(str(call_id), caller, agent)

    async def withdraw_call_back(self, number: str) -> None:
        """Take back what `number` booked, lest a later test's agent is rung for it."""
        closed = (
            "UPDATE callback_ticket SET state = 'refused', closed_at = now()"
            " WHERE number = $1 AND state IN ('waiting', 'calling') RETURNING ticket_id"
        )
        held = "SELECT FROM callback_attempt WHERE outcome IS NULL"
        async with asyncio.timeout(30):
            while not await self.rows(closed, number):  # noqa: ASYNC110 - a row appears
                await asyncio.sleep(0.1)
            while await self.rows(held):  # noqa: ASYNC110 - a row changes
                await asyncio.sleep(0.1)

    def facts(self, number: str, event: str) -> list[str]:
        call_id = self.call_id(number)
        return [
            line["eventextra"].removeprefix('{"extra":"').removesuffix('"}')
            for line in self.lines()
            if line["linkedid"] == call_id and line["eventtype"] == event
        ]


@asynccontextmanager
async def running_exchange(folder: Path) -> AsyncIterator[Exchange]:
    """Start the whole of it below `folder`."""
    outer = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    hours = folder / "hours.toml"
    shutil.copy(REPOSITORY / "dialplans/hours.toml", hours)
    shutil.copytree(REPOSITORY / "dialplans/menus", folder / "menus")
    outside = free_port(CALLER_ADDRESS)
    outer |= {
        "HOTLINE_DEFINITIONS__HOURS": str(hours),
        "HOTLINE_DEFINITIONS__MENUS": str(folder / "menus"),
        "HOTLINE_TELEPHONY__TRUNK_CONTACT": f"sip:{CALLER_ADDRESS}:{outside}",
        "HOTLINE_TELEPHONY__QUALIFY_SECONDS": "0",
        "HOTLINE_TELEPHONY__SKILLS__A1003__QUIT": "5",
    }
    paces = {
        "transfer_ring_seconds": RING_SECONDS,
        "oncall_ring_seconds": RING_SECONDS,
        "overflow_after_seconds": 10,
        "place_every_seconds": 4,
    }
    async with Stack(
        folder / "stack", environment=outer, rated_after_seconds=1, paces=paces
    ) as stack:
        write_tones(stack.layout.sounds)
        for key, (tone, seconds) in _TONES.items():
            path = stack.layout.sounds / "zh/hotline" / f"{key}.wav"
            soundfile.write(path, sine(tone, seconds), RATE, subtype="PCM_16")
        await stack.start("postgres", "valkey", "migrate", "asterisk", "ivr", "ledger")
        database = postgres.url(stack.ports.postgres, stack.memory.secret("postgres"))
        copy = Exchange(stack, folder / "sipp", database, hours)
        copy.outside_port = outside
        async with linked(stack) as copy.link:
            yield copy


@asynccontextmanager
async def linked(stack: Stack) -> AsyncIterator[Link]:
    """Speak with Asterisk over the account of the bridge."""
    secret = stack.memory.secret("ami live")
    settings = AmiSettings.model_validate({"port": stack.ports.ami, "secret": secret})
    link = Link(settings, pace=Pace(snapshot=None))
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(link.run()), tasks.create_task(link.deliver(lambda _: None))]
        await until(lambda: link.connected, 10)
        yield link
        for task in running:
            task.cancel()
