"""The whole hotline for the tests of real calls, with an oracle that shares nothing with it.

What happened is asked of SIPp's ledgers, of files, and of PostgreSQL by plain SQL. Each prompt is
a tone of its own, so that what a caller hears is recognised by its frequency.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import soundfile

from deploy.stack.rtp import RATE, sine
from deploy.stack.sip import Address, Agent, Caller
from deploy.stack.stack import AGENT_ADDRESS, CALLER_ADDRESS, Stack
from ivr.config import REPOSITORY

WELCOME, PLAIN, MAIN, CONSULT, RATE_US, MUSIC = 500.0, 620.0, 740.0, 980.0, 1100.0, 1240.0
RATE_WHY, MESSAGE, OFFER, NIGHT, PLACE = 1750.0, 1900.0, 2100.0, 2300.0, 2500.0
"""Hertz of what callers hear, in the tests' sounds."""
CALLER_TONE, AGENT_TONE = 440.0, 880.0

TONES = {
    "p_welcome": (WELCOME, 1.0),
    "p_plain_menu": (PLAIN, 2.0),
    "m_main": (MAIN, 2.0),
    "m_consult": (CONSULT, 2.0),
    "p_rate": (RATE_US, 1.5),
    "p_rate_why": (RATE_WHY, 1.5),
    "f_vm": (MESSAGE, 1.0),
    "m_offer": (OFFER, 1.5),
    "p_wait-1": (PLACE, 1.0),
    "m_night-1": (NIGHT, 1.0),
    "m_night-3": (NIGHT, 0.5),
}
"""Hertz and seconds by prompt, or by piece of one with values; all others are short, at 1,500."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday", "makeup")
_numbers = itertools.count(1)


def write_tones(sounds: Path) -> None:
    prompts = tomllib.loads((REPOSITORY / "dialplans/prompts.toml").read_text("utf-8"))["prompts"]
    for locale in ("zh", "en"):
        folder = sounds / locale / "hotline"
        folder.mkdir(parents=True, exist_ok=True)
        for key in {*prompts, *TONES}:
            tone, seconds = TONES.get(key, (1500.0, 0.4))
            soundfile.write(folder / f"{key}.wav", sine(tone, seconds), RATE, subtype="PCM_16")
    for music in ("music", "calm"):
        (sounds / music).mkdir(exist_ok=True)
        soundfile.write(sounds / music / "tone.wav", sine(MUSIC, 5.0), RATE, subtype="PCM_16")


@dataclass
class Hotline:
    """A running copy, and what tests do with it."""

    stack: Stack
    workspace: Path
    database: str
    """Address of PostgreSQL, as the product's settings have it."""
    hours: Path
    """The hours in force; what is written there holds for the calls that follow."""

    @property
    def sip(self) -> Address:
        return Address("127.0.0.1", self.stack.ports.sip)

    @property
    def journal(self) -> Path:
        return self.stack.settings.spool.directory / "cel.jsonl"

    def number(self) -> str:
        """Give an invented number that no other call of this run has."""
        return f"0250000{next(_numbers):04}"

    def caller(self, number: str = "", /, **options: Any) -> Caller:  # noqa: ANN401 - as Caller takes them
        return Caller(
            sip=self.sip,
            workspace=self.workspace,
            host=CALLER_ADDRESS,
            tone=CALLER_TONE,
            caller=number or self.number(),
            **options,
        )

    def agent(self, id: str = "a1001", /, **options: Any) -> Agent:  # noqa: A002, ANN401 - as Agent takes them
        return Agent(
            sip=self.sip,
            workspace=self.workspace,
            host=AGENT_ADDRESS,
            id=id,
            secret=self.stack.agent_secret(id),
            **{"tone": AGENT_TONE, **options},
        )

    def lines(self) -> Iterator[dict[str, str]]:
        """Read the journal, line by line, as JSON: a torn line is an error here."""
        if self.journal.exists():
            for line in self.journal.read_bytes().splitlines():
                yield json.loads(line)

    def call_id(self, number: str) -> str | None:
        for line in self.lines():
            if line["eventtype"] == "CALLER" and line["eventextra"] == f'{{"extra":"{number}"}}':
                return line["linkedid"]
        return None

    async def says(self, number: str, event: str, within: float = 20.0) -> None:
        """Wait until the journal holds `event` for the call from `number`."""
        await until(lambda: event in self.events(number), within)

    def contexts(self, number: str, event: str) -> list[str]:
        """Tell where in the dialplan the call from `number` was at each such event."""
        call_id = self.call_id(number)
        return [
            line["context"]
            for line in self.lines()
            if line["linkedid"] == call_id and line["eventtype"] == event
        ]

    def positions(self, number: str) -> list[int]:
        """Tell at which position of a queue the call entered, each time, by queue_log."""
        call_id = self.call_id(number)
        log = (self.stack.layout.asterisk / "log/queue_log").read_text("ascii")
        lines = (line.split("|") for line in log.splitlines())
        return [int(line[-1]) for line in lines if line[1:5:3] == [call_id, "ENTERQUEUE"]]

    def at(self, number: str, event: str) -> float:
        """Tell when the journal first has `event` for the call from `number`."""
        call_id = self.call_id(number)
        return next(
            float(line["eventtime"])
            for line in self.lines()
            if line["linkedid"] == call_id and line["eventtype"] == event
        )

    def events(self, number: str) -> list[str]:
        call_id = self.call_id(number)
        return [line["eventtype"] for line in self.lines() if line["linkedid"] == call_id]

    async def rows(self, sql: str, *values: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.database, timeout=5)
        try:
            return list(await connection.fetch(sql, *values, timeout=5))
        finally:
            await connection.close(timeout=5)

    async def record(self, number: str, within: float = 20.0) -> asyncpg.Record:
        """Wait for the one final record of the call from `number`."""
        sql = "SELECT * FROM call WHERE caller = $1"
        async with asyncio.timeout(within):
            while not (rows := await self.rows(sql, number)) or not rows[0]["final"]:  # noqa: ASYNC110 - a row appears
                await asyncio.sleep(0.1)
        assert len(rows) == 1
        return rows[0]

    async def recording(
        self, call_id: str, within: float = 20.0, *, leg: str = "both"
    ) -> asyncpg.Record:
        sql = "SELECT * FROM recording WHERE call_id = $1 AND leg = $2 AND state = 'kept'"
        async with asyncio.timeout(within):
            while not (rows := await self.rows(sql, call_id, leg)):  # noqa: ASYNC110 - a row appears
                await asyncio.sleep(0.1)
        return rows[0]

    @asynccontextmanager
    async def night(self) -> AsyncIterator[None]:
        """Close the office: it is open for one minute a day, half a day from now."""
        day = self.hours.read_text("utf-8")
        hour = (datetime.now(ZoneInfo("Asia/Shanghai")).hour + 12) % 24
        spans = "\n".join(f'{kind} = ["{hour:02}:00-{hour:02}:01"]' for kind in _DAYS)
        night = day.replace('default = "always"', 'default = "elsewhen"')
        await self._replace_hours(f"{night}\n[schedules.elsewhen]\n{spans}\n")
        try:
            yield
        finally:
            await self._replace_hours(day)

    async def _replace_hours(self, text: str) -> None:
        log = self.stack.layout.logs / "ivr.log"
        before = log.read_text("utf-8").count("definitions.replaced")
        self.hours.write_text(text, "utf-8")
        await until(lambda: log.read_text("utf-8").count("definitions.replaced") > before, 10)

    async def unpause(self, id: str = "a1001") -> None:  # noqa: A002 - the trade's word
        """Take an agent back who let it ring, by an AMI of the tests' own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.stack.ports.ami)
        secret = self.stack.memory.secret("ami live")
        actions = (
            {"Action": "Login", "Username": "live", "Secret": secret, "Events": "off"},
            {"Action": "QueuePause", "Interface": f"PJSIP/agent-{id}", "Paused": "false"},
            {"Action": "Logoff"},
        )
        for action in actions:
            lines = "".join(f"{key}: {value}\r\n" for key, value in action.items())
            writer.write(f"{lines}\r\n".encode())
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
        assert b"Interface unpaused successfully" in answer, answer


async def until(condition: Callable[[], bool], within: float) -> None:
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - another process cannot set our event
            await asyncio.sleep(0.05)
