"""A small centre without processes: what Asterisk and SIPp wrote, and the ledger's parts."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr import failpoints
from ivr.config import Settings
from ivr.database import Pool
from ivr.folding import Folding
from ivr.intake import Intake
from ivr.recordings.sweeper import Sweeper
from tests.faults.checker import Evidence, Report, check
from tests.ivr import cel

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

TALK = 4.0


def spoken(number: int, *, agent: str = "", second: int = 0, boot: int = 7) -> cel.Journal:
    """A caller whose number no other has asks for a person, speaks, and is hung up on."""
    second = second or cel.SECOND + 100 * number
    call = cel.Journal(number, boot, second).begins(f"025199{number:02}").chooses("main", "0")
    agent, serial = agent or "a1001", number
    phone = cel.phone(agent, serial)
    call.queues("anyone").after(1).rings(agent, serial).connects(agent, serial).after(TALK)
    call.parts(phone).hangs_up(phone, source=phone).parts(cel.CALLER)
    return call.says("LEFT", "anyone:CONTINUE").hangs_up(source="dialplan/builtin").ends()


@dataclass
class Centre:
    """A small centre: what Asterisk and SIPp wrote, and the ledger's parts to take it in."""

    pool: Pool
    settings: Settings
    connection: Connection
    folder: Path

    @property
    def evidence(self) -> Evidence:
        recordings = self.settings.recordings
        return Evidence(
            database=self.settings.database.url,
            journal=self.settings.spool.directory,
            log=self.folder,
            incoming=recordings.incoming,
            archive=recordings.archive,
            keys=recordings.keys,
            ledgers=(self.folder / "ledger",),
        )

    def hears(self, *calls: cel.Journal) -> None:
        """Asterisk writes journal and sound, SIPp its ledger."""
        raw = self.settings.recordings.incoming
        with (self.settings.spool.directory / "cel.jsonl").open("a") as journal:
            journal.writelines(call.text() for call in calls)
        with (self.folder / "ledger").open("a") as ledger:
            for call in calls:
                number = f"025199{call.number:02}"
                for way, line in (("S", "INVITE sip:12320@a SIP/2.0"), ("R", "SIP/2.0 200 OK")):
                    row = ("d", "t", str(call.second), way, f"{number}@load", "CSeq:1 INVITE", line)
                    ledger.write("\t".join(row) + "\n")
        for call in calls:
            sound = raw / f"{call.call_id}.raw"
            sound.write_bytes(b"\x10\x20" * int(2 * 8000 * TALK))
            then = time.time() - 5
            os.utime(sound, (then, then))

    async def takes_in(self) -> None:
        """The ledger does all that is to be done."""
        intake, folding = (
            Intake(self.pool, self.settings),
            Folding(self.pool, self.settings.database),
        )
        for step in (intake.step, folding.step, Sweeper(self.pool, self.settings).step):
            while await step():
                pass

    async def dies_at(self, place: str) -> None:
        """The ledger dies at a place, and another one goes on."""

        def strike(reached: str) -> None:
            if reached == place:
                raise Died

        failpoints.arm(strike)
        try:
            with pytest.raises(Died):
                await self.takes_in()
        finally:
            failpoints.disarm()
        await self.takes_in()

    async def judged(self) -> Report:
        return await check(self.evidence, back_at=time.time())


class Died(BaseException):
    """The process is killed at this point."""
