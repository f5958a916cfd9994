from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from ivr import failpoints, ledger
from ivr.config import Settings
from ivr.database import Pool
from ivr.folding import Folding
from ivr.intake import Intake
from ivr.recordings.sweeper import Sweeper
from ivr.records import load_record
from ivr.supervision import Supervisor
from ivr.verify import verify
from tests.ivr import cel
from tests.ivr.ledgers import append, settle, took
from tests.ivr.recordings.test_sweeper import recorded

if TYPE_CHECKING:
    from tests.ivr.conftest import Server

    Connection = asyncpg.Connection[asyncpg.Record]

WITHIN = 60.0
"""Seconds after which a wait is given up; nothing here is measured."""

FINAL = "SELECT count(*) FROM call WHERE final"


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    """The ledger runs in this process."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(ledger.run(settings, Supervisor({})))
        yield
        task.cancel()


async def until(settings: Settings, question: str, accepted: Callable[[Any], bool] = bool) -> None:
    """Ask the database until it says so, however often it is away."""
    async with asyncio.timeout(WITHIN):
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(settings.database.url, timeout=2)
                try:
                    if accepted(await connection.fetchval(question)):
                        return
                finally:
                    await connection.close(timeout=2)
            await asyncio.sleep(0.05)


async def stored_lines(connection: Connection) -> list[str]:
    rows = await connection.fetch("SELECT lines FROM spool_line")
    return sorted(line for row in rows for line in row["lines"].split("\n"))


async def assert_in_order(settings: Settings) -> None:
    assert [finding for finding in await verify(settings) if not finding.holds] == []


@pytest.mark.parametrize("counted", ["8\n", "7\n", "", "many", None])
async def test_a_call_that_a_killed_asterisk_left_open_ends_though_no_other_call_comes(
    counted: str | None, pool: Pool, settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    boots = tmp_path / "boots"
    if counted is not None:
        boots.write_text(counted)
    watched = settings.spool.model_copy(update={"boots": boots})
    settings = settings.model_copy(update={"spool": watched})
    lost = cel.Journal(1).begins().queues().rings().connects().after(30).says("RATING_OFFERED")
    await took(pool, settings, lost)
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 min'")
    await settle(pool, settings)
    await ledger.Ledger(pool, settings).upkeep()
    await settle(pool, settings)
    found = await connection.fetchval("SELECT disposition FROM call")
    assert found == ("engine_lost" if counted == "8\n" else None)


async def test_sound_that_never_came_is_missed(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, cel.answered())
    await connection.execute(
        "UPDATE call SET started_at = now() - interval '1 h', ended_at = now() - interval '11 min'"
    )
    async with running(settings):
        await until(settings, "SELECT count(*) FROM recording WHERE state = 'missing'")


async def test_a_call_becomes_a_record(settings: Settings, connection: Connection) -> None:
    call = cel.answered()
    async with running(settings):
        append(settings, call)
        await until(settings, FINAL)
    record = await load_record(connection, call.call_id)
    assert record is not None
    shown = record.as_json()
    assert shown == {
        "call_id": "n1-7-1795000000.1",
        "node": "n1",
        "direction": "inbound",
        "caller": "138****1234",
        "dialled": "12320",
        "started_at": "2026-11-18T19:06:40.001+08:00",
        "ended_at": shown["ended_at"],
        "disposition": "answered",
        "menu_path": "main:1/consult:1",
        "queue": "consult",
        "wait_ms": shown["wait_ms"],
        "agent": "a1001",
        "talk_ms": shown["talk_ms"],
        "recording": None,
        "requests": (
            {
                "scheme": "12320-2016",
                "service": "咨询",
                "code": "C02",
                "path": "咨询 > 疾病预防控制",
                "confidence": 1.0,
                "source": "menu",
            },
        ),
    }
    assert shown["wait_ms"] == pytest.approx(4000, abs=5)
    assert shown["talk_ms"] == pytest.approx(30_000, abs=5)


async def test_a_folder_that_is_not_there_yet_is_waited_for(settings: Settings) -> None:
    settings.spool.directory.rmdir()
    async with running(settings):
        await asyncio.sleep(0.2)
        settings.spool.directory.mkdir()
        append(settings, cel.answered())
        await until(settings, FINAL)


async def test_a_database_that_dies_and_returns_is_caught_up_with(
    settings: Settings, postgres: Server
) -> None:
    async with running(settings):
        append(settings, cel.answered(1))
        await until(settings, FINAL, lambda count: count == 1)
        postgres.stop(signal.SIGQUIT)
        append(settings, cel.left_in_menu(2), cel.abandoned(3, agent="a1002"))
        await asyncio.sleep(0.3)
        postgres.spawn()
        await until(settings, FINAL, lambda count: count == 3)


async def test_a_database_that_freezes_is_given_up_within_the_deadlines(
    settings: Settings, postgres: Server, connection: Connection
) -> None:
    """Its connections are not waited for, and it is believed again when it thaws."""
    quick = {"acquire_seconds": 0.3, "command_seconds": 0.3}
    settings = settings.model_copy(update={"database": settings.database.model_copy(update=quick)})
    append(settings, cel.answered(1))
    async with running(settings):
        await until(settings, FINAL, lambda count: count == 1)
        backends = [
            row["pid"]
            for row in await connection.fetch(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'hotline-ledger'"
            )
        ]
        assert backends
        assert postgres.process is not None
        frozen = [*backends, postgres.process.pid]
        try:
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            append(settings, cel.left_in_menu(2))
            await asyncio.sleep(1)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        await until(settings, FINAL, lambda count: count == 2)


class Died(BaseException):
    """The process is killed at this point."""


class Strike:
    """Dies when the n-th place is reached."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.place = ""

    def __call__(self, place: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.place = place
            raise Died(place)


async def once_through(pool: Pool, settings: Settings) -> None:
    intake, folding = Intake(pool, settings), Folding(pool, settings.database)
    sweeper = Sweeper(pool, settings)
    for step in (intake.step, folding.step, sweeper.step):
        while await step():
            pass


async def test_death_at_any_place_loses_and_doubles_nothing(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    """Die at the first place, start anew, then at the second, and so on until none is left."""
    places = set()
    for number in range(1, 100):
        call = cel.answered(number, talk=3, second=cel.SECOND + 100 * number)
        append(settings, call)
        recorded(settings, f"{call.call_id}.raw", seconds=3)
        strike = Strike(number)
        failpoints.arm(strike)
        try:
            await once_through(pool, settings)
        except Died:
            pass
        finally:
            failpoints.disarm()
        if not strike.place:
            break
        places.add(strike.place)
        await once_through(pool, settings)
    assert places == {
        "intake.commit.before",
        "intake.commit.after",
        "folding.commit.before",
        "folding.commit.after",
        "archive.written",
        "archive.encoded",
        "archive.written_sealed",
        "archive.sealed",
        "archive.placed",
        "recordings.commit.before",
        "recordings.commit.after",
        "recordings.removed",
    }
    await assert_in_order(settings)
    assert await connection.fetchval(FINAL) == number
    assert await connection.fetchval("SELECT count(*) FROM recording") == number
    assert list(settings.recordings.incoming.iterdir()) == []
    lines = (settings.spool.directory / "cel.jsonl").read_text().splitlines()
    assert await stored_lines(connection) == sorted(lines)


PROCESS = """
import asyncio, json, os, sys
from ivr.config import Settings
from ivr.ledger import run
from ivr.supervision import Supervisor
asyncio.run(run(Settings.model_validate(json.loads(sys.argv[1])), Supervisor(os.environ)))
"""


async def test_a_ledger_killed_again_and_again_has_every_call_once(
    settings: Settings, connection: Connection
) -> None:
    """SIGKILL at random moments while Asterisk goes on writing, three lines at a time."""
    seed = 12320
    chance = random.Random(seed)  # noqa: S311 - no secret
    calls = [
        cel.answered(number, talk=3, second=cel.SECOND + 100 * number) for number in range(1, 41)
    ]
    for call in calls:
        recorded(settings, f"{call.call_id}.raw", seconds=3)
    told = settings.model_dump(mode="json", include={"database", "spool", "recordings", "node"})
    text = "".join(call.text() for call in calls)

    async def writes() -> None:
        with (settings.spool.directory / "cel.jsonl").open("a") as journal:
            for begin in range(0, len(text), 2_000):
                journal.write(text[begin : begin + 2_000])
                journal.flush()
                await asyncio.sleep(0.03)

    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(writes())
        while not writing.done():
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PROCESS, json.dumps(told)),
                cwd=Path(__file__).parents[2],
                stderr=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
            )
            await asyncio.sleep(chance.uniform(1.0, 2.5))
            process.kill()
            await process.wait()
    async with running(settings):
        await until(settings, FINAL, lambda count: count == len(calls))
        await until(
            settings,
            "SELECT count(*) FROM recording WHERE state = 'kept'",
            lambda count: count == len(calls),
        )
    await assert_in_order(settings)
    assert await stored_lines(connection) == sorted(text.splitlines())
