from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from ivr.config import Settings
from ivr.database import Pool
from ivr.recordings import commands
from ivr.recordings.keys import KeyFile
from ivr.recordings.sweeper import Sweeper
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_sweeper import recorded

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def old(pool: Pool, settings: Settings) -> cel.Journal:
    """A recorded call of four years ago."""
    call = cel.answered(talk=1, second=1_669_000_000)
    recorded(settings, f"{call.call_id}.raw", seconds=1)
    await took(pool, settings, call)
    assert await Sweeper(pool, settings).step() == 1
    return call


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("ivr.console.load_settings", lambda: settings)
    monkeypatch.setattr("ivr.console.configure_logging", lambda **_: None)

    async def invoke(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, commands.app, list(arguments))

    return invoke


async def test_retention_lists_first_and_deletes_only_when_told(
    run: Run, old: cel.Journal, connection: Connection
) -> None:
    listed = await run("retention")
    assert f"{old.call_id}/both  general 24m, last day 2024-11-21" in listed.output
    assert "1 due" in listed.output
    assert await connection.fetchval("SELECT state FROM recording") == "kept"
    assert (await run("retention", "--delete")).output.endswith("\n1 deleted\n")
    assert await connection.fetchval("SELECT state FROM recording") == "deleted"
    assert "0 due" in (await run("retention")).output


async def test_a_hold_keeps_what_is_due_until_it_is_released(run: Run, old: cel.Journal) -> None:
    why = ("--reason", "court", "--by", "s1")
    assert (await run("hold", old.call_id, *why)).output == "held\n"
    assert (await run("hold", old.call_id, *why)).output == "held already\n"
    assert "0 due" in (await run("retention")).output
    assert (await run("release", old.call_id, *why)).output == "released\n"
    assert "1 due" in (await run("retention")).output
    assert (await run("release", old.call_id, *why)).output == "was not held\n"
    assert (await run("hold", "nobody", *why)).exit_code != 0


async def test_a_new_key_seals_what_is_sealed_anew(
    run: Run, old: cel.Journal, settings: Settings, connection: Connection
) -> None:
    assert old.call_id
    said = (await run("rotate-key")).output
    newest = KeyFile(settings.recordings.keys).ring().newest
    assert said == f"{newest} seals from now on\n"
    assert (await run("reseal")).output == "1 sealed anew, 0 could not be\n"
    assert await connection.fetchval("SELECT key_id FROM recording") == newest
    for path in settings.recordings.archive.rglob("*.sealed"):
        path.unlink()
    await run("rotate-key")
    failed = await run("reseal")
    assert failed.exit_code == 1
    assert failed.output.endswith("\n0 sealed anew, 1 could not be\n")


async def test_moving_without_a_store_says_what_is_missing(run: Run, old: cel.Journal) -> None:
    assert old.call_id
    refused = await run("move")
    assert refused.exit_code == 2
    assert "recordings.s3.endpoint" in refused.output
