from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr import counterparts
from ivr.config import Settings, SpoolSettings
from ivr.counterparts import Checked, check
from ivr.crosscheck import DURATION, KINDS, NO_CDR, NO_QUEUE_LOG, NO_RECORD, QUEUE
from ivr.database import Pool
from ivr.refold import EVER
from tests.ivr.ledgers import settle

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

SAMPLES = Path(__file__).parents[1] / "data/counterparts"


@pytest.fixture
async def told(
    pool: Pool, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """A centre whose records are of calls that a real Asterisk wrote down three times."""
    # Whatever day the tests run on, the calls have been over for a while, and not for long.
    monkeypatch.setattr(counterparts, "WINDOW", timedelta(days=9000))
    monkeypatch.setattr(counterparts, "SETTLED", timedelta(days=-9000))
    log = tmp_path / "log"
    shutil.copytree(SAMPLES, log)
    spool = SpoolSettings(directory=log / "cel-custom")
    centre = settings.model_copy(update={"spool": spool})
    await settle(pool, centre)
    return centre


async def checked(connection: Connection, settings: Settings) -> Checked:
    async with connection.transaction():
        return await check(connection, settings, since=EVER)


async def test_records_cdr_and_queue_log_of_real_calls_tell_the_same(
    connection: Connection, told: Settings
) -> None:
    found = await checked(connection, told)
    assert (found.calls, found.lines, found.unreadable) == (3, 12, 0)
    assert found.differences == []


BREAKS = {
    NO_CDR: ("cdr-custom/cdr.jsonl", "n1-1-1795334270.2", None),
    NO_QUEUE_LOG: ("queue_log", "n1-1-1795334270.2", None),
    NO_RECORD: ("", "DELETE FROM request; DELETE FROM call WHERE call_id LIKE '%.2'", None),
    DURATION: ("", "UPDATE call SET ended_at = ended_at + interval '5 s'", None),
    QUEUE: ("queue_log", "COMPLETEAGENT|0|2", "ABANDON|0|2"),
}


@pytest.mark.parametrize("kind", BREAKS)
async def test_what_one_of_the_three_does_not_know_is_found(
    kind: str, connection: Connection, told: Settings
) -> None:
    name, what, instead = BREAKS[kind]
    if not name:
        await connection.execute(what)
    else:
        path = told.spool.directory.parent / name
        lines = path.read_text().splitlines(keepends=True)
        if instead is None:
            path.write_text("".join(line for line in lines if what not in line))
        else:
            path.write_text("".join(lines).replace(what, instead))
    found = await checked(connection, told)
    assert {difference.kind for difference in found.differences} == {kind}
    assert kind in KINDS


async def test_hostile_lines_are_counted_and_disturb_nothing(
    connection: Connection, told: Settings
) -> None:
    log = told.spool.directory.parent
    with (log / "queue_log").open("ab") as stream:
        stream.write(b"1795334275|n1-1-17953\n\xff\xfe|||\n" + b"x" * 20_000 + b"\n")
    with (log / "cdr-custom/cdr.jsonl").open("ab") as stream:
        stream.write(b'{"dcontext":"rou\n[[[[\n{"a":1}{"b":2}\n{"linkedid":"torn')
    found = await checked(connection, told)
    assert found.differences == []
    assert (found.lines, found.unreadable) == (12, 8)


async def test_where_a_file_is_not_kept_nothing_is_missed(
    connection: Connection, told: Settings
) -> None:
    log = told.spool.directory.parent
    (log / "queue_log").unlink()
    shutil.rmtree(log / "cdr-custom")
    found = await checked(connection, told)
    assert (found.calls, found.lines, found.differences) == (3, 0, [])


async def test_calls_of_before_a_file_begins_are_not_missed_in_it(
    connection: Connection, told: Settings
) -> None:
    log = told.spool.directory.parent
    for name, first in (("cdr-custom/cdr.jsonl", 4), ("queue_log", 6)):
        lines = (log / name).read_text().splitlines(keepends=True)
        (log / name).write_text("".join(lines[first:]))
    assert (await checked(connection, told)).differences == []


async def test_what_has_just_happened_is_not_looked_at(
    connection: Connection, told: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counterparts, "SETTLED", timedelta(days=9000))
    await connection.execute("DELETE FROM request; DELETE FROM call")
    found = await checked(connection, told)
    assert (found.calls, found.differences) == (0, [])
