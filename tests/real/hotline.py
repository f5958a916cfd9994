"""The whole hotline for the tests of real calls, with an oracle that shares nothing with it.

What happened is asked of SIPp's ledgers, of files, and of PostgreSQL by plain SQL. Each prompt is
a tone of its own, so that what a caller hears is recognised by its frequency.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import asyncpg
import soundfile

from deploy.stack.console import console
from deploy.stack.rtp import RATE, sine
from deploy.stack.sip import Address, Agent, Caller
from deploy.stack.stack import AGENT_ADDRESS, CALLER_ADDRESS, Stack
from ivr.config import REPOSITORY
from tests.real.sealed import unseal

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


class Journal:
    """Asterisk's journal, read as it grows; a whole line that is no JSON is an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = self._read = 0
        self.lines: list[dict[str, str]] = []
        self.by_call: dict[str, list[dict[str, str]]] = {}

    def refresh(self) -> Self:
        """Read what is new; a journal that was put aside begins anew."""
        if self._path.exists():
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_ino != self._inode:
                    self._inode, self._read = os.fstat(file.fileno()).st_ino, 0
                    self.lines, self.by_call = [], {}
                file.seek(self._read)
                self._take(file.read())
        return self

    def _take(self, data: bytes) -> None:
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for text in whole.splitlines():
            line = json.loads(text)
            self.lines.append(line)
            self.by_call.setdefault(line["linkedid"], []).append(line)


@dataclass
class Hotline:
    """A running copy, and what tests do with it."""

    stack: Stack
    workspace: Path
    database: str
    """Address of PostgreSQL, as the product's settings have it."""
    hours: Path
    """The hours in force; what is written there holds for the calls that follow."""
    _call_ids: dict[str, str] = field(init=False, default_factory=dict)

    @property
    def sip(self) -> Address:
        return Address("127.0.0.1", self.stack.ports.sip)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.stack.settings.spool.directory / "cel.jsonl")

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

    def lines(self) -> list[dict[str, str]]:
        return self.journal.refresh().lines

    def call_id(self, number: str) -> str | None:
        said = ("CALLER", f'{{"extra":"{number}"}}')
        if number not in self._call_ids:
            for call_id, lines in self.journal.refresh().by_call.items():
                if any((line["eventtype"], line["eventextra"]) == said for line in lines):
                    self._call_ids[number] = call_id
        return self._call_ids.get(number)

    def lines_of(self, number: str) -> list[dict[str, str]]:
        """Give the journal's lines of the call from `number`."""
        call_id = self.call_id(number)
        return self.journal.refresh().by_call.get(call_id, []) if call_id else []

    async def says(self, number: str, event: str, within: float = 20.0) -> None:
        """Wait until the journal holds `event` for the call from `number`."""
        await until(lambda: event in self.events(number), within)

    def contexts(self, number: str, event: str) -> list[str]:
        """Tell where in the dialplan the call from `number` was at each such event."""
        return [one["context"] for one in self.lines_of(number) if one["eventtype"] == event]

    def positions(self, number: str) -> list[int]:
        """Tell at which position of a queue the call entered, each time, by queue_log."""
        call_id = self.call_id(number)
        log = (self.stack.layout.asterisk / "log/queue_log").read_text("ascii")
        lines = (line.split("|") for line in log.splitlines())
        return [int(line[-1]) for line in lines if line[1:5:3] == [call_id, "ENTERQUEUE"]]

    def at(self, number: str, event: str) -> float:
        """Tell when the journal first has `event` for the call from `number`."""
        return next(
            float(one["eventtime"]) for one in self.lines_of(number) if one["eventtype"] == event
        )

    def events(self, number: str) -> list[str]:
        return [one["eventtype"] for one in self.lines_of(number)]

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

    def sound(self, row: asyncpg.Record) -> bytes:
        """Open a sealed recording; who opens it shares nothing with who sealed it."""
        recordings = self.stack.settings.recordings
        name = f"{row['call_id']}/{row['leg']}/{row['format']}"
        return unseal(recordings.archive / row["path"], recordings.keys, name)

    @asynccontextmanager
    async def night(self) -> AsyncIterator[None]:
        """Close the office: it is open for one minute a day, half a day from now."""
        day = self.hours.read_text("utf-8")
        hour = (datetime.now(ZoneInfo("Asia/Shanghai")).hour + 12) % 24
        spans = "\n".join(f'{kind} = ["{hour:02}:00-{hour:02}:01"]' for kind in _DAYS)
        night = day.replace('default = "always"', 'default = "elsewhen"')
        await self.replace_hours(f"{night}\n[schedules.elsewhen]\n{spans}\n")
        try:
            yield
        finally:
            await self.replace_hours(day)

    async def worth_rating(self, call_id: str) -> None:
        """Wait until who was joined last has spoken for one whole second of Asterisk's clock."""
        joined = [
            float(line["eventtime"])
            for line in self.journal.refresh().by_call[call_id]
            if line["eventtype"] == "BRIDGE_ENTER" and line["channame"].startswith("PJSIP/")
        ]
        await until(lambda: int(time.time()) > int(max(joined)), 5)

    @asynccontextmanager
    async def short_patience(self, seconds: int) -> AsyncIterator[None]:
        """Let callers wait for a lost agent for so long and no longer."""
        await console(self.stack.layout, f"dialplan set global REJOIN_SECONDS {seconds}")
        try:
            yield
        finally:
            await console(self.stack.layout, "dialplan set global REJOIN_SECONDS 60")

    async def replace_hours(self, text: str) -> None:
        """Put another hours.toml in force for the calls that follow."""
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
