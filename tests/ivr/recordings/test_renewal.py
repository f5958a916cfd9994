from __future__ import annotations

import hashlib
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr import failpoints
from ivr.config import Settings
from ivr.database import Pool
from ivr.recordings.keys import KeyFile
from ivr.recordings.renewal import AlreadyRenewing, Renewal
from ivr.recordings.storage import LocalStorage, Storage
from ivr.recordings.sweeper import Sweeper
from ivr.verify import verify
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_sweeper import plain, recorded, stored

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
def storages(settings: Settings) -> Mapping[str, Storage]:
    return {"local": LocalStorage(settings.recordings.archive)}


@pytest.fixture
async def call(pool: Pool, settings: Settings) -> cel.Journal:
    made = cel.answered(talk=2)
    recorded(settings, f"{made.call_id}.raw", seconds=2)
    await took(pool, settings, made)
    assert await Sweeper(pool, settings).step() == 1
    return made


@pytest.fixture
async def old(settings: Settings, connection: Connection, call: cel.Journal) -> str:
    """The path of a recording as the release before left it: a plain WAV, without peaks."""
    row = await stored(connection, call)
    path: str = row["path"].replace(".opus.sealed", ".wav")
    file = settings.recordings.archive / path
    with wave.open(str(file), "wb") as sound:
        sound.setparams((2, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\0\0\x40" * 16_000)
    (settings.recordings.archive / row["path"]).unlink()
    await connection.execute(
        "UPDATE recording SET path = $1, format = 'wav', key_id = NULL, peaks = NULL, bytes = $2,"
        " sha256 = $3",
        path,
        file.stat().st_size,
        hashlib.sha256(file.read_bytes()).digest(),
    )
    return path


async def test_a_recording_is_sealed_with_the_newest_key_and_sounds_the_same(
    pool: Pool,
    settings: Settings,
    storages: Mapping[str, Storage],
    call: cel.Journal,
    connection: Connection,
) -> None:
    before = await stored(connection, call)
    sound = await plain(settings, before)
    newest = KeyFile(settings.recordings.keys).rotate()
    assert await Renewal(pool, settings, storages).run() == (1, 0)
    after = await stored(connection, call)
    assert (after["key_id"], after["path"]) == (newest, before["path"])
    # The old key may now be thrown away.
    lines = settings.recordings.keys.read_text().splitlines()
    settings.recordings.keys.write_text(lines[-1] + "\n")
    assert await plain(settings, after) == sound
    assert await Renewal(pool, settings, storages).run() == (0, 0)


async def test_a_recording_older_than_sealing_is_sealed_and_drawn(
    pool: Pool,
    settings: Settings,
    storages: Mapping[str, Storage],
    old: str,
    connection: Connection,
) -> None:
    content = (settings.recordings.archive / old).read_bytes()
    assert await Renewal(pool, settings, storages).run() == (1, 0)
    after = await connection.fetchrow("SELECT * FROM recording")
    assert after is not None
    assert after["path"] == f"{old}.sealed"
    assert after["peaks"] == b"\0" * 1000 + b"\x80" * 1000
    assert not (settings.recordings.archive / old).exists()
    assert await plain(settings, after) == content
    assert [found for found in await verify(settings) if not found.holds] == []


async def test_only_one_process_seals_anew_and_the_other_is_told(
    pool: Pool,
    settings: Settings,
    storages: Mapping[str, Storage],
    old: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second would take the first one's sealed file, which nobody but the first knows yet."""
    real = LocalStorage.put
    refused = []

    async def joined(storage: LocalStorage, path: str, source: Path) -> None:
        monkeypatch.setattr(LocalStorage, "put", real)
        await real(storage, path, source)
        try:
            await Renewal(pool, settings, storages).run()
        except AlreadyRenewing as error:
            refused.append(str(error))

    monkeypatch.setattr(LocalStorage, "put", joined)
    assert await Renewal(pool, settings, storages).run() == (1, 0)
    assert not (settings.recordings.archive / old).exists()
    assert [found for found in await verify(settings) if not found.holds] == []
    assert len(refused) == 1
    assert str(settings.recordings.archive) in refused[0]
    assert await Renewal(pool, settings, storages).run() == (0, 0), "the first is over"


async def test_a_file_that_is_not_what_its_row_says_is_left_as_it_is(
    pool: Pool,
    settings: Settings,
    storages: Mapping[str, Storage],
    call: cel.Journal,
    connection: Connection,
) -> None:
    KeyFile(settings.recordings.keys).rotate()
    await connection.execute("UPDATE recording SET sha256 = sha256('another')")
    path = settings.recordings.archive / (await stored(connection, call))["path"]
    before = path.read_bytes()
    assert await Renewal(pool, settings, storages).run() == (0, 1)
    assert path.read_bytes() == before


class Died(BaseException):
    """The process is killed at this point."""


async def test_death_at_any_place_leaves_a_recording_that_can_be_heard(
    pool: Pool,
    settings: Settings,
    storages: Mapping[str, Storage],
    call: cel.Journal,
    connection: Connection,
) -> None:
    sound = await plain(settings, await stored(connection, call))
    places = []
    for number in range(1, 20):
        left = number

        def strike(place: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                places.append(place)
                raise Died(place)

        KeyFile(settings.recordings.keys).rotate()
        reached = len(places)
        failpoints.arm(strike)
        try:
            await Renewal(pool, settings, storages).run()
        except Died:
            pass
        finally:
            failpoints.disarm()
        assert await plain(settings, await stored(connection, call)) == sound
        if len(places) == reached:
            break
    assert places == [
        "archive.written_sealed",
        "renewal.placed",
        "renewal.commit.before",
        "renewal.commit.after",
    ]
    assert [found for found in await verify(settings) if not found.holds] == []
