from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from structlog.testing import capture_logs

from ivr import intake as intake_module
from ivr.config import Settings
from ivr.database import Pool
from ivr.intake import CursorMoved, Intake
from tests.ivr import cel
from tests.ivr.ledgers import append

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


NOW = datetime.now(UTC)


async def take_in(intake: Intake) -> None:
    while await intake.step():
        pass


async def stored(connection: Connection) -> list[str]:
    rows = await connection.fetch("SELECT lines FROM spool_line ORDER BY file_id, position")
    return [line for row in rows for line in row["lines"].split("\n")]


async def test_lines_are_stored_word_for_word_and_once(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    first, second = cel.answered(1), cel.abandoned(2)
    append(settings, first)
    intake = Intake(pool, settings)
    await take_in(intake)
    append(settings, second)
    await take_in(intake)
    await take_in(Intake(pool, settings))  # as after a restart
    assert await stored(connection) == [*first.lines, *second.lines]
    due = await connection.fetch("SELECT call_id FROM fold_due WHERE ended ORDER BY call_id")
    assert [row["call_id"] for row in due] == [first.call_id, second.call_id]


async def test_a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_start(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    intake = Intake(pool, settings)
    first, second, third = cel.answered(1), cel.answered(2), cel.answered(3)
    append(settings, first)
    await take_in(intake)
    append(settings, second)
    folder = settings.spool.directory
    (folder / "cel.jsonl").rename(folder / "cel.jsonl.1")
    append(settings, third)
    await take_in(intake)
    assert await stored(connection) == [*first.lines, *second.lines, *third.lines]


async def test_a_file_copied_aside_and_emptied_loses_and_doubles_nothing(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    """What logrotate calls copytruncate, with a new file in the same inode."""
    intake = Intake(pool, settings)
    first, second, third = cel.answered(1), cel.answered(2), cel.answered(3)
    append(settings, first)
    await take_in(intake)
    append(settings, second)
    path = settings.spool.directory / "cel.jsonl"
    shutil.copy(path, path.with_name("cel.jsonl.1"))
    os.truncate(path, 0)
    append(settings, third)
    await take_in(intake)
    assert await stored(connection) == [*first.lines, *second.lines, *third.lines]


async def test_a_truncated_file_raises_an_alarm_and_is_read_anew(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered(1)
    append(settings, call)
    intake = Intake(pool, settings)
    await take_in(intake)
    path = settings.spool.directory / "cel.jsonl"
    os.truncate(path, len(call.lines[0]) + 1)
    with path.open("a") as stream:
        stream.write(cel.left_in_menu(2).text())
    with capture_logs() as logged:
        await take_in(intake)
    assert [entry["event"] for entry in logged] == ["spool.truncated"]
    calls = await connection.fetch("SELECT DISTINCT call_id FROM spool_line")
    assert len(calls) == 2


async def test_a_file_overwritten_to_the_same_length_is_noticed(
    pool: Pool, settings: Settings
) -> None:
    call = cel.answered(1)
    append(settings, call)
    intake = Intake(pool, settings)
    await take_in(intake)
    path = settings.spool.directory / "cel.jsonl"
    path.write_text(call.lines[0] + "\n" + "x" * (path.stat().st_size - len(call.lines[0]) - 2))
    with path.open("a") as stream:
        stream.write("\n\n")
    with capture_logs() as logged:
        await take_in(intake)
    assert "spool.truncated" in [entry["event"] for entry in logged]


async def test_a_file_that_vanishes_unread_raises_an_alarm(pool: Pool, settings: Settings) -> None:
    append(settings, cel.answered(1))
    path = settings.spool.directory / "cel.jsonl"
    with path.open("a") as stream:
        stream.write('{"eventtype":"torn')
    intake = Intake(pool, settings)
    await take_in(intake)
    path.unlink()
    with capture_logs() as logged:
        await intake.step()
    assert [(entry["event"], entry["unread_bytes"]) for entry in logged] == [("spool.gone", 18)]


async def test_the_torn_end_of_a_rotated_file_is_quarantined_when_it_has_settled(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered(1)
    append(settings, call, name="cel.jsonl.1")
    path = settings.spool.directory / "cel.jsonl.1"
    with path.open("a") as stream:
        stream.write('{"eventtype":"torn')
    intake = Intake(pool, settings)
    await take_in(intake)
    assert await connection.fetchval("SELECT count(*) FROM quarantine") == 0
    os.utime(path, (time.time() - 60,) * 2)
    with capture_logs() as logged:
        await take_in(intake)
    assert await connection.fetchval("SELECT content FROM quarantine") == b'{"eventtype":"torn'
    assert [entry["event"] for entry in logged] == ["spool.quarantined"]


async def test_bytes_that_are_no_record_are_kept_and_never_stop_the_rest(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered(1)
    path = settings.spool.directory / "cel.jsonl"
    foreign = b'{"linkedid":"1795000000.1"}'
    path.write_bytes(b"\x00\xff torn\n" + foreign + b"\n" + call.text().encode())
    await take_in(Intake(pool, settings))
    assert await stored(connection) == call.lines
    rows = await connection.fetch("SELECT reason, content FROM quarantine ORDER BY position")
    assert [tuple(row) for row in rows] == [("torn", b"\x00\xff torn"), ("foreign", foreign)]


async def test_two_readers_of_one_file_store_every_line_once(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered(1)
    append(settings, cel.left_in_menu(9))
    one, other = Intake(pool, settings), Intake(pool, settings)
    await take_in(one)
    await take_in(other)
    append(settings, call)
    await take_in(one)
    with pytest.raises(CursorMoved):
        await take_in(other)
    await take_in(other)
    assert await stored(connection) == [*cel.left_in_menu(9).lines, *call.lines]


async def test_a_database_that_fell_back_is_caught_up_with(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    """Cursor and lines return together to what they were; the gap is read again."""
    call = cel.answered(1)
    append(settings, call)
    intake = Intake(pool, settings)
    await take_in(intake)
    backup = await connection.fetch("SELECT * FROM spool_file")
    append(settings, cel.abandoned(2))
    await take_in(intake)
    await connection.execute("DELETE FROM spool_line WHERE call_id LIKE '%.2'")
    await connection.execute(
        "UPDATE spool_file SET position = $1, tail = $2", backup[0]["position"], backup[0]["tail"]
    )
    await take_in(Intake(pool, settings))
    assert await stored(connection) == [*call.lines, *cel.abandoned(2).lines]


async def test_a_database_that_fell_back_is_caught_up_with_though_no_line_comes(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    append(settings, cel.answered())
    intake = Intake(pool, settings)
    await take_in(intake)
    before = await stored(connection)
    await connection.execute(
        "DELETE FROM spool_line; UPDATE spool_file SET position = 0, tail = ''"
    )
    await take_in(intake)
    assert await stored(connection) == [], "nothing tells it yet"
    await intake.tidy(NOW)
    await take_in(intake)
    assert await stored(connection) == before


async def test_calls_of_other_months_find_their_partitions(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    """A replay of an old journal, and a clock set far ahead."""
    for second in (1_400_000_000, 4_000_000_000):
        append(settings, cel.Journal(second=second).begins())
    await take_in(Intake(pool, settings))
    assert await connection.fetchval("SELECT count(*) FROM spool_line_2014_05") == 1
    assert await connection.fetchval("SELECT count(*) FROM spool_line_2096_10") == 1


async def test_a_large_journal_is_set_aside_and_read_on(
    pool: Pool, settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = cel.answered(1), cel.answered(2)
    append(settings, first)
    intake = Intake(pool, settings)
    await intake.tidy(NOW)
    assert [path.name for path in settings.spool.directory.iterdir()] == ["cel.jsonl"]
    monkeypatch.setattr(intake_module, "_LARGE_BYTES", 1_000)
    await intake.tidy(NOW)
    append(settings, second)
    await take_in(intake)
    assert sorted(path.name for path in settings.spool.directory.iterdir()) == [
        "cel.jsonl",
        f"cel.jsonl.{NOW:%Y%m%dT%H%M%S}",
    ]
    assert sorted(await stored(connection)) == sorted([*first.lines, *second.lines])


async def test_a_journal_is_removed_a_month_after_it_was_read_to_its_end(
    pool: Pool, settings: Settings
) -> None:
    append(settings, cel.answered(1), name="cel.jsonl.1")
    append(settings, cel.answered(2), name="cel.jsonl.2")
    append(settings, cel.answered(3))
    folder = settings.spool.directory
    for path, days in zip(sorted(folder.iterdir()), (40, 31, 29), strict=True):
        then = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (then, then))
    intake = Intake(pool, settings)
    await intake.tidy(NOW)  # nothing has been read yet
    assert len(list(folder.iterdir())) == 3
    await take_in(intake)
    await intake.tidy(NOW)
    # cel.jsonl is the oldest here, but Asterisk writes to it.
    assert sorted(path.name for path in folder.iterdir()) == ["cel.jsonl", "cel.jsonl.2"]
    with capture_logs() as logged:
        await take_in(intake)
    assert logged == []
