from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
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
    DURATION: ("", "UPDATE call SET ended_at = ended_at - interval '3 s'", None),
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


FILES = {"cdr-custom/cdr.jsonl": 5, "queue_log": 7}
"""With their lines."""


@pytest.mark.parametrize(("name", "first"), [(n, k) for n in FILES for k in range(FILES[n])])
async def test_calls_of_before_a_file_begins_are_not_missed_in_it(
    name: str, first: int, connection: Connection, told: Settings
) -> None:
    path = told.spool.directory.parent / name
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[first:]))
    assert (await checked(connection, told)).differences == []


async def test_a_call_of_which_a_part_was_put_away_is_not_said_to_have_been_shorter(
    connection: Connection, told: Settings
) -> None:
    """Its first CDR stood in the file before, its last one stands in this."""
    path = told.spool.directory.parent / "cdr-custom/cdr.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], *lines[3:]]))
    assert (await checked(connection, told)).differences == []


def rotate(path: Path, first: int, ending: str, *, seconds_ago: int = 5) -> None:
    """Put a file's first lines away by another name, as logrotate does."""
    lines = path.read_text().splitlines(keepends=True)
    aside = path.with_name(path.name + ending)
    aside.write_text("".join(lines[:first]))
    path.write_text("".join(lines[first:]))
    then = path.stat().st_mtime - seconds_ago
    os.utime(aside, (then, then))


@pytest.mark.parametrize("ending", [".1", "-20261122", "-20261122-1795334275"])
@pytest.mark.parametrize(("name", "first"), [(n, k) for n in FILES for k in range(FILES[n] + 1)])
async def test_a_file_that_was_rotated_at_any_line_is_read_whole(
    name: str, first: int, ending: str, connection: Connection, told: Settings
) -> None:
    rotate(told.spool.directory.parent / name, first, ending)
    found = await checked(connection, told)
    assert (found.lines, found.unreadable) == (12, 0)
    assert found.differences == []


async def test_a_file_that_was_rotated_again_and_again_is_read_in_its_order(
    connection: Connection, told: Settings
) -> None:
    """queue_log's last word on a stay is its last in time, whatever the names are sorted by."""
    path = told.spool.directory.parent / "queue_log"
    offered = "1795334274|n1-1-1795334270.2|anyone|NONE|EXITWITHTIMEOUT|1|1|1\n"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:4], offered, *lines[4:]]))
    for number in range(9):
        rotate(path, 1 if number < 7 else 0, f".{9 - number}", seconds_ago=100 - number)
    found = await checked(connection, told)
    assert (found.lines, found.unreadable, found.differences) == (13, 0, [])
    path.write_text(path.read_text().replace("COMPLETEAGENT|0|2", "ABANDON|0|2"))
    found = await checked(connection, told)
    assert [difference.kind for difference in found.differences] == [QUEUE], "and was asked"


@pytest.mark.parametrize("copied", [0, 100, 330, 10_000])
async def test_a_copy_in_the_making_doubles_nothing(
    copied: int, connection: Connection, told: Settings
) -> None:
    """Between logrotate's copy and its truncation the same lines stand in two files."""
    for name in FILES:
        path = told.spool.directory.parent / name
        path.with_name(f"{path.name}.1").write_bytes(path.read_bytes()[:copied])
    found = await checked(connection, told)
    assert (found.lines, found.differences) == (12, [])


async def test_a_file_that_is_renamed_while_it_is_looked_for_is_read_once(
    connection: Connection, told: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = told.spool.directory.parent / "queue_log"
    looked = counterparts._rotated

    def renamed(asked: Path) -> Iterator[Path]:
        if asked == path:
            path.rename(path.with_name("queue_log.1"))
            path.write_bytes(b"1795334299|NONE|NONE|NONE|QUEUESTART|\n")
        yield from looked(asked)

    monkeypatch.setattr(counterparts, "_rotated", renamed)
    found = await checked(connection, told)
    assert (found.lines, found.differences) == (12, [])


async def test_what_was_packed_away_is_not_asked_for(
    connection: Connection, told: Settings
) -> None:
    path = told.spool.directory.parent / "queue_log"
    rotate(path, 6, ".1")
    aside = path.with_name("queue_log.1")
    aside.with_name("queue_log.1.gz").write_bytes(gzip.compress(aside.read_bytes()))
    aside.unlink()
    found = await checked(connection, told)
    assert (found.lines, found.unreadable, found.differences) == (6, 0, [])


async def test_what_has_just_happened_is_not_looked_at(
    connection: Connection, told: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counterparts, "SETTLED", timedelta(days=9000))
    await connection.execute("DELETE FROM request; DELETE FROM call")
    found = await checked(connection, told)
    assert (found.calls, found.differences) == (0, [])
