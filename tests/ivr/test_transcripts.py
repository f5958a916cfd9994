from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import numpy as np
import pytest
from structlog.testing import capture_logs

from ivr.config import Settings
from ivr.database import Pool
from ivr.messages import take_message, waiting_messages
from ivr.recordings.holds import lock_call
from ivr.recordings.sweeper import Sweeper
from ivr.transcripts import TRIES, Transcriber
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.toy_recogniser import RATE, install

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
def recognising(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a centre with the recogniser `tone`."""
    install(tmp_path / "site", monkeypatch)
    monkeypatch.setattr("ivr.transcripts.SINCE", timedelta(days=36_500))
    return using(settings, "tone")


def using(settings: Settings, name: str, *, seconds: float = 60) -> Settings:
    changed: dict[str, Any] = {"recogniser": name, "deadline_seconds": seconds}
    return settings.model_copy(
        update={"transcripts": settings.transcripts.model_copy(update=changed)}
    )


async def left(pool: Pool, settings: Settings, *calls: cel.Journal, hertz: float = 440) -> None:
    """Callers have left their messages: a tone each, and silence on the other side."""
    at = np.arange(4 * RATE) / RATE
    both = np.stack([0.5 * np.sin(2 * np.pi * hertz * at), np.zeros(len(at))], axis=1)
    for call in calls:
        path = settings.recordings.incoming / f"{call.call_id}.voicemail.raw"
        path.write_bytes((both * 32767).astype("<i2").tobytes())
        os.utime(path, (time.time() - 5, time.time() - 5))
    await took(pool, settings, *calls)
    assert await Sweeper(pool, settings).step() == len(calls)


async def texts(connection: Connection) -> list[str | None]:
    return [one.transcript for one in await waiting_messages(connection, ["anyone", "report"])]


async def test_a_message_is_written_down_and_whoever_takes_it_reads_it(
    pool: Pool, recognising: Settings, connection: Connection
) -> None:
    await left(pool, recognising, cel.message())
    assert await texts(connection) == [None]
    transcriber = Transcriber(pool, recognising)
    assert await transcriber.step()
    assert await texts(connection) == ["zh 440 Hz 8000"]
    assert not await transcriber.step()


async def test_urgent_messages_are_written_down_first_and_discarded_ones_never(
    pool: Pool, recognising: Settings, connection: Connection
) -> None:
    calls = [cel.message(1), cel.message(2, priority=20), cel.message(3, seconds=2)]
    await left(pool, recognising, *calls)
    transcriber = Transcriber(pool, recognising)
    assert await transcriber.step()
    assert await texts(connection) == ["zh 440 Hz 8000", None], "the urgent one is on top"
    assert await transcriber.step()
    assert not await transcriber.step()
    assert (
        await connection.fetchval("SELECT transcript FROM message WHERE state = 'discarded'")
        is None
    )


@pytest.mark.parametrize("name", ["raises", "dies", "hangs", "binary"])
async def test_whatever_the_recogniser_does_the_message_stays_and_the_tries_have_an_end(
    pool: Pool, recognising: Settings, connection: Connection, name: str
) -> None:
    call = cel.message()
    await left(pool, recognising, call)
    transcriber = Transcriber(pool, using(recognising, name, seconds=1 if name == "hangs" else 60))
    with capture_logs() as said:
        for _ in range(TRIES):
            assert await transcriber.step()
    assert not await transcriber.step(), "given up"
    assert [line["event"] for line in said] == ["transcript.failed"] * TRIES
    assert await texts(connection) == [None]
    assert await take_message(connection, call.call_id, "a1001")


async def test_a_message_that_fails_does_not_keep_the_next_one_waiting_for_ever(
    pool: Pool, recognising: Settings, connection: Connection
) -> None:
    first, second = cel.message(1), cel.message(2)
    await left(pool, recognising, first, second)
    path = await connection.fetchval("SELECT path FROM recording WHERE call_id = $1", first.call_id)
    sealed = recognising.recordings.archive / path
    sealed.write_bytes(sealed.read_bytes()[:-1])
    transcriber = Transcriber(pool, recognising)
    with capture_logs():
        for _ in range(TRIES + 1):
            assert await transcriber.step()
    assert await texts(connection) == [None, "zh 440 Hz 8000"]


async def test_a_place_that_does_not_answer_costs_a_message_time_and_not_its_text(
    pool: Pool, recognising: Settings, connection: Connection
) -> None:
    first, second = cel.message(1), cel.message(2)
    await left(pool, recognising, first, second)
    path = await connection.fetchval("SELECT path FROM recording WHERE call_id = $1", first.call_id)
    sealed = recognising.recordings.archive / path
    aside = sealed.rename(sealed.with_suffix(".aside"))
    sealed.mkdir()
    transcriber = Transcriber(pool, recognising)
    with capture_logs():
        done = [await transcriber.step() for _ in range(2 * TRIES + 1)]
    assert done.count(True) == 1, "the other message; after everything else it waits"
    assert await texts(connection) == [None, "zh 440 Hz 8000"]
    sealed.rmdir()
    aside.rename(sealed)
    assert any([await transcriber.step() for _ in range(2)])
    assert await texts(connection) == ["zh 440 Hz 8000"] * 2


async def test_messages_of_another_node_are_its_own(
    pool: Pool, recognising: Settings, connection: Connection
) -> None:
    """Their sound lies there."""
    await left(pool, recognising, cel.message())
    node = recognising.node.model_copy(update={"name": "n2"})
    assert not await Transcriber(pool, recognising.model_copy(update={"node": node})).step()
    assert await texts(connection) == [None]


async def test_a_text_that_comes_while_its_sound_is_deleted_is_not_kept(
    pool: Pool, recognising: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deletion is not committed yet when the text arrives: it waits, and then sees it."""
    call = cel.message()
    await left(pool, recognising, call)
    gone = "UPDATE recording SET state = 'deleted', deleted_at = now() WHERE call_id = $1"
    transcriber = Transcriber(pool, recognising)

    async def told(*_: object, **__: object) -> str:
        return "too late"

    monkeypatch.setattr("ivr.transcripts.recognise", told)
    async with asyncio.TaskGroup() as tasks, connection.transaction():
        await lock_call(connection, call.call_id)
        await connection.execute(gone, call.call_id)
        writing = tasks.create_task(transcriber.step())
        async with asyncio.timeout(60):
            while not await pool.fetchval(_WAITING) and not writing.done():  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.02)
    assert await connection.fetchval("SELECT transcript FROM message") is None


_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def test_a_text_is_never_written_over(
    pool: Pool, recognising: Settings, connection: Connection
) -> None:
    await left(pool, recognising, cel.message())
    await connection.execute("UPDATE message SET transcript = 'by hand'")
    assert not await Transcriber(pool, recognising).step()
    assert await texts(connection) == ["by hand"]


async def test_a_recogniser_that_is_not_installed_is_said_once_and_nothing_else_happens(
    pool: Pool, recognising: Settings
) -> None:
    with capture_logs() as said:
        await asyncio.wait_for(Transcriber(pool, using(recognising, "absent")).run(), 10)
    assert [(line["event"], line["recogniser"]) for line in said] == [("transcripts.off", "absent")]
    assert "tone" in said[0]["installed"]
