"""What `verify` says of recordings; each identity broken once stands in test_verify.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr.config import Settings
from ivr.database import Pool
from ivr.recordings.checks import check_recordings
from ivr.recordings.sweeper import Sweeper
from ivr.refold import EVER
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_sweeper import recorded

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.recordings.checks._SETTLING_SECONDS", 0.01)


@pytest.fixture
async def kept(pool: Pool, settings: Settings) -> cel.Journal:
    call = cel.answered()
    recorded(settings, f"{call.call_id}.raw")
    await took(pool, settings, call)
    await Sweeper(pool, settings).step()
    return call


async def wrong(connection: Connection, pool: Pool, settings: Settings) -> list[str]:
    found = await check_recordings(connection, pool, settings, EVER)
    return [one.name for one in found if one.violations]


async def test_a_recording_finished_while_the_check_runs_is_no_violation(
    kept: cel.Journal, pool: Pool, settings: Settings, connection: Connection
) -> None:
    assert kept.call_id
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        assert await connection.fetchval("SELECT count(*) FROM recording") == 1
        late = cel.answered(2, second=cel.SECOND + 100)
        recorded(settings, f"{late.call_id}.raw")
        await took(pool, settings, late)
        assert await Sweeper(pool, settings).step() == 1
        assert await wrong(connection, pool, settings) == []


async def test_a_deleted_recording_that_lies_there_still_is_found(
    kept: cel.Journal, pool: Pool, settings: Settings, connection: Connection
) -> None:
    await connection.execute("UPDATE recording SET state = 'deleted', deleted_at = now()")
    assert await wrong(connection, pool, settings) == ["deleted recordings that are still there"]
    for path in settings.recordings.archive.rglob(f"{kept.call_id}*"):
        path.unlink()
    assert await wrong(connection, pool, settings) == []


async def test_without_the_key_file_every_recording_is_unreadable(
    kept: cel.Journal, pool: Pool, settings: Settings, connection: Connection
) -> None:
    assert kept.call_id
    settings.recordings.keys.unlink()
    assert await wrong(connection, pool, settings) == ["recordings gone or unlike their row"]


async def test_one_flipped_bit_is_found(
    kept: cel.Journal, pool: Pool, settings: Settings, connection: Connection
) -> None:
    (path,) = settings.recordings.archive.rglob(f"{kept.call_id}*")
    content = bytearray(path.read_bytes())
    content[1_000] ^= 1
    path.write_bytes(content)
    assert await wrong(connection, pool, settings) == ["recordings gone or unlike their row"]


async def test_a_file_that_is_no_recording_of_ours_is_found(
    kept: cel.Journal, pool: Pool, settings: Settings, connection: Connection
) -> None:
    assert kept.call_id
    (settings.recordings.archive / "2026/11/18/notes.txt").write_text("x")
    assert await wrong(connection, pool, settings) == ["archived files without a row"]
