from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from ivr import failpoints
from ivr.config import Settings
from ivr.database import Pool
from ivr.recordings.moving import Moving
from ivr.recordings.object_storage import ObjectStorage
from ivr.recordings.storage import Storage
from ivr.recordings.storages import open_storages
from ivr.verify import Finding, verify
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_object_storage import S3Client, client_of, s3
from tests.ivr.recordings.test_sweeper import recorded, swept

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["s3"]


@pytest.fixture
async def stored(settings: Settings, s3: str, pool: Pool) -> Settings:
    """A centre that moves its recordings on, with two of them."""
    tree = settings.model_dump(mode="json")
    tree["recordings"] |= {"storage": "s3", "format": "both"}
    tree["recordings"]["s3"] |= {
        "endpoint": s3,
        "bucket": f"moved-{settings.database.url.rpartition('_')[2]}",
        "access_key": "key",
        "secret_key": "secret",
    }
    found = Settings.model_validate(tree)
    calls = [cel.answered(number, talk=2, second=cel.SECOND + 100 * number) for number in (1, 2)]
    await kept(pool, found, *calls)
    return found


async def kept(pool: Pool, settings: Settings, *calls: cel.Journal) -> None:
    """Calls are recorded, and swept into the archive."""
    for call in calls:
        recorded(settings, f"{call.call_id}.raw", seconds=2)
    await took(pool, settings, *calls)
    assert await swept(pool, settings) == len(calls)


@pytest.fixture
async def client(stored: Settings) -> AsyncIterator[S3Client]:
    async with await client_of(stored.recordings.s3) as opened:
        await opened.create_bucket(Bucket=stored.recordings.s3.bucket)
        yield opened


@dataclass
class Centre:
    """A centre with a bucket of its own."""

    settings: Settings
    storages: Mapping[str, Storage]
    client: S3Client

    @property
    def here(self) -> int:
        return len(list(self.settings.recordings.archive.rglob("*.sealed")))

    async def there(self) -> int:
        found = await self.client.list_objects_v2(Bucket=self.settings.recordings.s3.bucket)
        return int(found["KeyCount"])

    async def wrong(self) -> list[Finding]:
        return [found for found in await verify(self.settings) if not found.holds]


@pytest.fixture
async def centre(stored: Settings, client: S3Client) -> AsyncIterator[Centre]:
    async with open_storages(stored.recordings) as opened:
        yield Centre(stored, opened, client)


async def test_recordings_move_with_all_their_files_and_are_read_where_they_are(
    pool: Pool, centre: Centre, connection: Connection
) -> None:
    moving = Moving(pool, centre.settings)
    assert await moving.step(centre.storages, most=1) == 1
    assert (centre.here, await centre.there()) == (2, 2)
    assert await moving.step(centre.storages) == 1
    assert await moving.step(centre.storages) == 0
    assert (centre.here, await centre.there()) == (0, 4)
    assert await connection.fetchval("SELECT count(*) FROM recording WHERE storage = 's3'") == 2
    assert await centre.wrong() == []


class Died(BaseException):
    """The process is killed at this point."""


async def test_death_at_any_place_is_mended_by_moving_again(pool: Pool, centre: Centre) -> None:
    places = []
    for number in range(1, 20):
        left = number

        def strike(place: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                places.append(place)
                raise Died(place)

        call = cel.answered(100 + number, talk=2, second=cel.SECOND + 1000 + 100 * number)
        await kept(pool, centre.settings, call)
        reached = len(places)
        failpoints.arm(strike)
        try:
            await Moving(pool, centre.settings).step(centre.storages)
        except Died:
            pass
        finally:
            failpoints.disarm()
        if len(places) == reached:
            break
        moving = Moving(pool, centre.settings)
        while await moving.step(centre.storages):
            pass
        await moving.tidy(centre.storages)
        assert centre.here == 0
    assert set(places) == {
        "moving.uploaded",
        "moving.commit.before",
        "moving.commit.after",
        "moving.removed",
    }
    assert await centre.there() == 2 * (2 + number)
    assert await centre.wrong() == []


def cut(content: bytes) -> bytes:
    return content[:-1]


def changed(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("harm", [cut, changed])
async def test_what_the_store_does_not_give_back_stays_here(
    pool: Pool,
    centre: Centre,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[bytes], bytes],
) -> None:
    real = ObjectStorage.put

    async def loses(bucket: ObjectStorage, path: str, source: Any) -> None:  # noqa: ANN401 - a path
        harmed = source.with_suffix(".part")
        harmed.write_bytes(harm(source.read_bytes()))
        await real(bucket, path, harmed)

    monkeypatch.setattr(ObjectStorage, "put", loses)
    moving = Moving(pool, centre.settings)
    with capture_logs() as logged:
        assert await moving.step(centre.storages) == 0
        assert await moving.step(centre.storages) == 0, "each is tried once a day"
    assert [entry["event"] for entry in logged] == ["recording.unmoved"] * 2
    assert all("does not give back" in entry["why"] for entry in logged)
    assert moving.ill == 2
    assert centre.here == 4
    assert await connection.fetchval("SELECT count(*) FROM recording WHERE storage = 's3'") == 0


async def test_a_recording_deleted_while_it_was_uploaded_stays_in_no_place(
    pool: Pool, centre: Centre, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ObjectStorage.put

    async def slow(bucket: ObjectStorage, path: str, source: Any) -> None:  # noqa: ANN401 - a path
        await real(bucket, path, source)
        await connection.execute("UPDATE recording SET state = 'deleted', deleted_at = now()")

    monkeypatch.setattr(ObjectStorage, "put", slow)
    await Moving(pool, centre.settings).step(centre.storages)
    assert await centre.there() == 0


@pytest.mark.parametrize("late", [False, True], ids=["before the upload", "after the upload"])
async def test_a_second_mover_that_comes_too_late_takes_nothing_away(
    pool: Pool,
    centre: Centre,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    *,
    late: bool,
) -> None:
    """As a `recordings move` by hand does beside the ledger: both begin with the oldest."""
    real = ObjectStorage.put
    quicker = Moving(pool, centre.settings)

    async def overtaken(bucket: ObjectStorage, path: str, source: Any) -> None:  # noqa: ANN401 - a path
        monkeypatch.setattr(ObjectStorage, "put", real)
        if late:
            await real(bucket, path, source)
        await quicker.step(centre.storages)
        if not late:
            await real(bucket, path, source)

    monkeypatch.setattr(ObjectStorage, "put", overtaken)
    slower = Moving(pool, centre.settings)
    with capture_logs() as logged:
        await slower.step(centre.storages)
    assert [entry["event"] for entry in logged] == ["recording.moved"] * 2
    assert slower.ill == 0
    assert (centre.here, await centre.there()) == (0, 4)
    assert await connection.fetchval("SELECT count(*) FROM recording WHERE storage = 's3'") == 2
    assert await centre.wrong() == []


async def test_a_recording_whose_file_is_gone_holds_up_no_other(
    pool: Pool, centre: Centre, connection: Connection
) -> None:
    oldest = await connection.fetchval("SELECT path FROM recording ORDER BY opened_at LIMIT 1")
    file = centre.settings.recordings.archive / oldest
    away = file.rename(file.with_suffix(".part"))
    moving = Moving(pool, centre.settings)
    with capture_logs() as logged:
        assert await moving.step(centre.storages, most=1) == 0
        assert await moving.step(centre.storages, most=1) == 1
        assert await moving.step(centre.storages) == 0
    assert [e["log_level"] for e in logged if e["event"] == "recording.unmoved"] == ["error"]
    assert await connection.fetchval("SELECT count(*) FROM recording WHERE storage = 's3'") == 1
    away.rename(file)
    await moving.tidy(centre.storages)
    assert await moving.step(centre.storages) == 1, "the next night"
    assert centre.here == 0
    assert await centre.wrong() == []


async def test_however_many_files_are_gone_the_others_move_and_a_round_has_an_end(
    pool: Pool, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.recordings.moving._REMEMBERED", 1)
    for path in centre.settings.recordings.archive.rglob("*.sealed"):
        path.unlink()
    await kept(pool, centre.settings, cel.answered(3, talk=2, second=cel.SECOND + 500))
    moving = Moving(pool, centre.settings)
    with capture_logs() as logged:
        moved = [await moving.step(centre.storages, most=1) for _ in range(3)]
        assert moving.unfinished
        moved += [await moving.step(centre.storages, most=1) for _ in range(3)]
        assert not moving.unfinished
    assert moved == [0, 0, 1, 0, 0, 0]
    assert [entry["event"] for entry in logged if entry["event"] != "recording.moved"] == [
        "recording.unmoved"
    ] * 2, "each is tried once a day"
    assert moving.ill == 2


async def test_a_recording_of_a_call_that_began_before_the_last_one_moved_follows(
    pool: Pool, centre: Centre
) -> None:
    """The longer call is finished later."""
    moving = Moving(pool, centre.settings, lambda: datetime.fromtimestamp(cel.SECOND, UTC))
    assert await moving.step(centre.storages) == 2
    await kept(pool, centre.settings, cel.answered(3, talk=2, second=cel.SECOND - 3_600))
    assert await moving.step(centre.storages) == 1


async def test_while_the_store_is_away_nothing_is_passed_over(
    pool: Pool, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise OSError

    moving = Moving(pool, centre.settings)
    with monkeypatch.context() as patched:
        patched.setattr(ObjectStorage, "put", away)
        for _ in range(3):
            with pytest.raises(OSError):  # noqa: PT011 - as the store raises it
                await moving.step(centre.storages)
    assert await moving.step(centre.storages) == 2


async def test_a_recording_that_was_moved_in_the_lost_tail_of_a_failover_is_known_again(
    pool: Pool, centre: Centre, connection: Connection
) -> None:
    await Moving(pool, centre.settings).step(centre.storages)
    assert centre.here == 0
    await connection.execute("UPDATE recording SET storage = 'local'")
    assert [found.name for found in await centre.wrong()] == ["recordings gone or unlike their row"]
    assert await Moving(pool, centre.settings).step(centre.storages) == 2
    assert await connection.fetchval("SELECT count(*) FROM recording WHERE storage = 's3'") == 2
    assert await centre.wrong() == []
