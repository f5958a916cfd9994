"""Recordings that are archived and whose rows a failover has lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from ivr import failpoints
from ivr.config import Settings
from ivr.database import Pool
from ivr.recordings import opus
from ivr.recordings.adoption import Adoption
from ivr.recordings.moving import Moving
from ivr.recordings.sweeper import Sweeper
from ivr.verify import verify
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_moving import Centre, centre, client, s3, stored
from tests.ivr.recordings.test_sweeper import age, recorded, swept

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["centre", "client", "s3", "stored"]

LOSE = "DELETE FROM recording"
AGO = "UPDATE call SET started_at = now() - interval '1 h', ended_at = now() - interval '11 min'"
ROWS = "SELECT * FROM recording ORDER BY call_id, leg"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.recordings.checks._SETTLING_SECONDS", 0.01)


def kept_as(settings: Settings, form: str) -> Settings:
    changed = settings.recordings.model_copy(update={"format": form})
    return settings.model_copy(update={"recordings": changed})


def paused(number: int) -> cel.Journal:
    call = (
        cel.Journal(number).begins().queues().rings().connects().after(1).says("RECORDING_PAUSED")
    )
    call.after(5).says("RECORDING_RESUMED").after(1).parts(cel.phone()).parts(cel.CALLER)
    return call.hangs_up(cel.phone()).hangs_up(source=cel.CALLER).ends()


async def archive(pool: Pool, settings: Settings, *calls: cel.Journal, leg: str = "") -> list[Path]:
    """Calls are recorded, and taken into the archive a while ago."""
    for call in calls:
        recorded(settings, f"{call.call_id}{leg}.raw", seconds=2)
    await took(pool, settings, *calls)
    assert await swept(pool, settings) == len(calls)
    return [age(path, 3_600) for path in settings.recordings.archive.rglob("*.sealed")]


async def rows(connection: Connection) -> list[dict[str, Any]]:
    """Rows of recordings without what an adoption cannot know: when, and the exact drawing."""
    return [
        {name: value for name, value in row.items() if name not in {"kept_at", "peaks"}}
        for row in await connection.fetch(ROWS)
    ]


@pytest.mark.parametrize("form", ["opus", "wav", "both"])
async def test_a_recording_whose_row_was_lost_is_its_calls_again_and_no_alarm(
    pool: Pool, settings: Settings, connection: Connection, form: str
) -> None:
    settings = kept_as(settings, form)
    await archive(pool, settings, paused(1))
    before, peaks = await rows(connection), await connection.fetchval("SELECT peaks FROM recording")
    await connection.execute(LOSE)
    await connection.execute(AGO)
    with capture_logs() as logged:
        await Sweeper(pool, settings).look_for_missing()
        await Sweeper(pool, settings).look_for_missing()
    assert [entry["event"] for entry in logged] == ["recording.adopted"]
    assert await rows(connection) == before
    drawn = await connection.fetchval("SELECT peaks FROM recording")
    assert len(drawn) == len(peaks)
    assert max(abs(one - other) for one, other in zip(drawn, peaks, strict=True)) <= 20, (
        "Opus is near it"
    )
    wrong = {found.name for found in await verify(settings) if not found.holds}
    assert wrong == {"records unlike the fold of their lines"}, "whose times were changed here"
    assert list(settings.recordings.archive.rglob("*.part")) == [], "nothing plain stays"


async def test_a_message_is_found_again_by_night_with_every_other(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await archive(pool, settings, cel.message(1), leg=".voicemail")
    await archive(pool, settings, cel.answered(2, talk=2, second=cel.SECOND + 100))
    before = await rows(connection)
    await connection.execute(LOSE)
    assert await Adoption(pool, settings).look_through() == 2
    assert await rows(connection) == before
    assert await Adoption(pool, settings).look_through() == 0


async def test_a_file_that_has_just_been_placed_is_left_to_who_placed_it(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    (path,) = await archive(pool, settings, cel.answered(talk=2))
    await connection.execute(LOSE)
    age(path, 60)
    assert await Adoption(pool, settings).look_through() == 0
    assert await rows(connection) == []


async def test_a_file_in_the_object_store_is_found_too(
    pool: Pool, centre: Centre, connection: Connection
) -> None:
    await Moving(pool, centre.settings).step(centre.storages)
    before = await rows(connection)
    await connection.execute(LOSE)
    await connection.execute(AGO)
    with capture_logs() as logged:
        await Sweeper(pool, centre.settings).look_for_missing()
    assert [(e["event"], e["storage"]) for e in logged] == [("recording.adopted", "s3")] * 2
    assert await rows(connection) == before


async def test_two_that_look_for_lost_recordings_at_once_do_not_disturb_each_other(
    pool: Pool, settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round for missing ones is not over when the night's begins."""
    calls = [cel.answered(n, talk=2 * n, second=cel.SECOND + 100 * n) for n in (1, 2)]
    for call, seconds in zip(calls, (2, 4), strict=True):
        recorded(settings, f"{call.call_id}.raw", seconds=seconds)
    await took(pool, settings, *calls)
    assert await swept(pool, settings) == 2
    before = await rows(connection)
    await connection.execute(LOSE)
    real = opus.decode
    loop = asyncio.get_running_loop()
    other = Adoption(pool, settings).adopt(calls[1].call_id, "both")

    def meanwhile(source: Path, wav: Path) -> None:
        monkeypatch.setattr(opus, "decode", real)
        assert asyncio.run_coroutine_threadsafe(other, loop).result(timeout=60)
        real(source, wav)

    monkeypatch.setattr(opus, "decode", meanwhile)
    assert await Adoption(pool, settings).adopt(calls[0].call_id, "both")
    assert await rows(connection) == before
    assert await connection.fetchval("SELECT count(*) FROM recording_orphan") == 0
    assert list(settings.recordings.archive.rglob("*.part")) == [], "nothing plain stays"


async def test_a_file_whose_call_nobody_knows_is_written_down_and_adopted_when_it_comes(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    """The journal is behind as well: its lines are read again before long."""
    call = cel.answered(talk=2)
    (path,) = await archive(pool, settings, call)
    await connection.execute("TRUNCATE recording, request, call CASCADE")
    await connection.execute("TRUNCATE spool_file, spool_line, fold_due CASCADE")
    with capture_logs() as logged:
        for _ in range(2):
            assert await Adoption(pool, settings).look_through() == 0
    assert [(e["event"], e["reason"]) for e in logged] == [
        ("recording.orphan", "archived, no call")
    ]
    assert path.exists()
    await took(pool, settings)
    assert await Adoption(pool, settings).look_through() == 1
    assert await connection.fetchval("SELECT adopted_at IS NOT NULL FROM recording_orphan")


async def test_a_file_that_is_not_this_calls_is_quarantined_and_the_alarm_is_raised(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    one, other = cel.answered(1, talk=2), cel.answered(2, talk=2, second=cel.SECOND + 100)
    paths = {path.name: path for path in await archive(pool, settings, one, other)}
    first, second = (paths[f"{call.call_id}.opus.sealed"] for call in (one, other))
    await connection.execute(LOSE)
    await connection.execute(AGO)
    first.replace(second)
    with capture_logs() as logged:
        await Sweeper(pool, settings).look_for_missing()
    assert [entry["event"] for entry in logged if entry["event"] != "recording.orphan"] == [
        "recording.missing"
    ] * 2
    assert second.exists(), "never deleted"
    (orphan,) = await connection.fetch("SELECT name, reason FROM recording_orphan")
    assert orphan["name"] == second.relative_to(settings.recordings.archive).as_posix()
    assert orphan["reason"].startswith("unreadable")


async def test_what_retention_has_deleted_is_never_adopted(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await archive(pool, settings, cel.answered(talk=2))
    await connection.execute("UPDATE recording SET state = 'deleted', deleted_at = now()")
    assert await Adoption(pool, settings).look_through() == 0
    assert await connection.fetchval("SELECT state FROM recording") == "deleted"


class Died(BaseException):
    """The process is killed at this point."""


@pytest.mark.parametrize("place", ["adoption.commit.before", "adoption.commit.after"])
async def test_death_in_an_adoption_is_mended_by_the_next_one(
    pool: Pool, settings: Settings, connection: Connection, place: str
) -> None:
    await archive(pool, settings, cel.answered(talk=2))
    before = await rows(connection)
    await connection.execute(LOSE)
    await connection.execute(AGO)

    def strike(reached: str) -> None:
        if reached == place:
            raise Died

    failpoints.arm(strike)
    try:
        with pytest.raises(Died):
            await Sweeper(pool, settings).look_for_missing()
    finally:
        failpoints.disarm()
    with capture_logs() as logged:
        await Sweeper(pool, settings).look_for_missing()
    events = [] if place == "adoption.commit.after" else ["recording.adopted"]
    assert [entry["event"] for entry in logged] == events
    assert await rows(connection) == before


async def test_an_alarm_that_a_death_cut_off_is_raised_by_the_next_round(
    pool: Pool, settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = cel.answered(talk=2)
    await took(pool, settings, call)
    await connection.execute(AGO)

    async def dies(*_: object) -> bool:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(Adoption, "adopt", dies)
        with pytest.raises(Died):
            await Sweeper(pool, settings).look_for_missing()
    with capture_logs() as logged:
        await Sweeper(pool, settings).look_for_missing()
    assert [entry["event"] for entry in logged] == ["recording.missing"]
