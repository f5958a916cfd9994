from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import asyncpg

from ivr.config import Settings
from ivr.database import Pool
from ivr.recordings.archive import Kept, KeptFile
from ivr.recordings.rows import write_row
from tests.ivr import cel
from tests.ivr.ledgers import took

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


def kept(call: cel.Journal, *formats: str) -> Kept:
    files = (
        KeptFile(
            form, f"2026/11/18/{call.call_id}.{form}.sealed", 7, hashlib.sha256().digest(), "k"
        )
        for form in formats
    )
    return Kept(tuple(files), 1_000, b"\1\2", "")


def paused() -> cel.Journal:
    call = cel.Journal().begins().queues().rings().connects().after(2).says("RECORDING_PAUSED")
    call.after(5).says("RECORDING_RESUMED").after(1).parts(cel.phone()).parts(cel.CALLER)
    return call.hangs_up(cel.phone()).hangs_up(source=cel.CALLER).ends()


async def test_a_row_names_its_files_and_the_pauses_of_a_conversation_alone(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = paused()
    await took(pool, settings, call)
    assert await write_row(connection, call.call_id, "both", kept(call, "opus", "wav"))
    row = await connection.fetchrow("SELECT * FROM recording")
    assert row is not None
    assert (row["format"], row["bytes"], row["wav_bytes"]) == ("opus", 7, 7)
    assert [mark["pause_ms"] // 100 for mark in json.loads(row["pauses"])] == [50]
    await connection.execute("DELETE FROM recording")
    assert await write_row(connection, call.call_id, "voicemail", kept(call, "opus"))
    row = await connection.fetchrow("SELECT * FROM recording")
    assert row is not None
    assert (json.loads(row["pauses"]), row["wav_bytes"]) == ([], None)


async def test_what_was_deleted_stays_so(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered()
    await took(pool, settings, call)
    assert await write_row(connection, call.call_id, "both", kept(call, "opus"))
    await connection.execute("UPDATE recording SET state = 'deleted', deleted_at = now()")
    assert not await write_row(connection, call.call_id, "both", kept(call, "wav"))
    row = await connection.fetchrow("SELECT state, format FROM recording")
    assert row is not None
    assert tuple(row) == ("deleted", "opus")
