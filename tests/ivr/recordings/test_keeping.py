from __future__ import annotations

import os
import shutil
from collections import namedtuple
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest
from structlog.testing import capture_logs

from ivr.config import Settings
from ivr.database import Pool
from ivr.recordings.keeping import Keeping
from ivr.recordings.retention import CENTRE_TIME
from ivr.recordings.sweeper import Sweeper
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_sweeper import age, recorded, swept

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

NIGHT = datetime(2028, 11, 20, 3, 30, tzinfo=CENTRE_TIME)
"""Two years and two days after the tests' calls."""
STATES = "SELECT state, count(*) FROM recording GROUP BY 1"


@pytest.fixture
async def kept(pool: Pool, settings: Settings) -> None:
    calls = [cel.answered(n, talk=1, second=cel.SECOND + 100 * n) for n in range(1, 4)]
    for call in calls:
        recorded(settings, f"{call.call_id}.raw", seconds=1)
    await took(pool, settings, *calls)
    assert await swept(pool, settings) == 3


@pytest.mark.usefixtures("kept")
async def test_what_is_due_goes_in_the_nights_hour_and_once_a_night(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    now = NIGHT - timedelta(hours=1)
    keeping = Keeping(pool, settings, lambda: now)
    await keeping.step()
    assert await connection.fetchval("SELECT count(*) FROM audit") == 0
    now = NIGHT
    with capture_logs() as logged:
        await keeping.step()
        await keeping.step()
    assert [e["deleted"] for e in logged if e["event"] == "recording.night"] == [3]
    assert [tuple(row) for row in await connection.fetch(STATES)] == [("deleted", 3)]
    assert await connection.fetchval("SELECT count(*) FROM recording WHERE removed_at IS NULL") == 0
    assert list(settings.recordings.archive.rglob("*.sealed")) == []


@pytest.mark.usefixtures("kept")
async def test_a_night_deletes_no_more_than_its_most(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    tree = settings.model_dump(mode="json")
    tree["recordings"]["retention"]["most"] = 2
    few = Settings.model_validate(tree)
    await Keeping(pool, few, lambda: NIGHT).step()
    found = {row["state"]: row["count"] for row in await connection.fetch(STATES)}
    assert found == {"kept": 1, "deleted": 2}


@pytest.mark.usefixtures("kept")
async def test_a_row_that_was_lost_is_found_again_by_night(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    for path in settings.recordings.archive.rglob("*.sealed"):
        age(path, 3_600)
    await connection.execute("DELETE FROM recording WHERE call_id LIKE '%.2'")
    now = NIGHT - timedelta(days=365)
    await Keeping(pool, settings, lambda: now - timedelta(hours=1)).step()
    assert await connection.fetchval("SELECT count(*) FROM recording") == 2
    await Keeping(pool, settings, lambda: now).step()
    assert [tuple(row) for row in await connection.fetch(STATES)] == [("kept", 3)]


async def test_what_a_death_left_half_made_is_cleared_away_after_a_day(
    pool: Pool, settings: Settings
) -> None:
    settings.recordings.archive.mkdir()
    old, new = (settings.recordings.archive / f".{name}.wav.part" for name in ("old", "new"))
    for path, hours in ((old, 25), (new, 1)):
        path.touch()
        then = (NIGHT - timedelta(hours=hours)).timestamp()
        os.utime(path, (then, then))
    await Keeping(pool, settings, lambda: NIGHT).step()
    assert [path.name for path in settings.recordings.archive.iterdir()] == [new.name]


async def test_a_disk_with_little_room_raises_one_alarm_until_there_is_room_again(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil's own
    free = 30
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage(100, 100 - free, free))
    keeping = Keeping(pool, settings, lambda: NIGHT - timedelta(hours=1))
    with capture_logs() as logged:
        for free in (30, 19, 18, 25, 10):  # noqa: B007 - the disk's answer reads it
            await keeping.step()
    alarms = [entry for entry in logged if entry["event"] == "recording.disk_low"]
    folders = {str(settings.recordings.incoming), str(settings.recordings.archive)}
    assert {entry["folder"] for entry in alarms} == folders
    assert sorted(entry["free_percent"] for entry in alarms) == [10, 10, 19, 19]


async def test_a_store_that_is_away_holds_up_nothing_and_is_told(
    pool: Pool, settings: Settings
) -> None:
    tree = settings.model_dump(mode="json")
    tree["recordings"] |= {"storage": "s3"}
    tree["recordings"]["s3"] |= {"endpoint": "http://127.0.0.1:1", "access_key": "a"}
    away = Settings.model_validate(tree)
    call = cel.answered(talk=1)
    recorded(away, f"{call.call_id}.raw", seconds=1)
    await took(pool, away, call)
    assert await Sweeper(pool, away).step() == 1
    with capture_logs() as logged:
        assert await Keeping(pool, away, lambda: NIGHT - timedelta(hours=1)).step() > 0
    assert [entry["event"] for entry in logged] == ["recording.unmoved"]
    assert len(list(away.recordings.archive.rglob("*.sealed"))) == 1
