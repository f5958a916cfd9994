from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr import failpoints
from ivr.config import Settings
from ivr.database import Pool, transaction
from ivr.recordings.deletion import Deletion, Due
from ivr.recordings.holds import lock_call, set_hold
from ivr.recordings.storage import LocalStorage
from ivr.recordings.sweeper import Sweeper
from ivr.verify import verify
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_sweeper import recorded, swept

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

ENDED = datetime.fromtimestamp(cel.SECOND, UTC)
LATER = ENDED + timedelta(days=2 * 366)
"""Over two years, and under three."""
LONG_AFTER = ENDED + timedelta(days=3 * 366 + 2)


@pytest.fixture
async def kept(pool: Pool, settings: Settings) -> tuple[cel.Journal, cel.Journal]:
    """A call to the psychological line and another, both recorded."""
    psych = (
        cel.Journal(2, second=cel.SECOND + 100).begins().chooses("main", "5").queues("psych", 30)
    )
    psych.rings().connects().after(3).parts(cel.phone()).hangs_up(cel.phone()).parts(cel.CALLER)
    psych.hangs_up(source=cel.CALLER).ends()
    plain = cel.answered(1, talk=3)
    for call in (plain, psych):
        recorded(settings, f"{call.call_id}.raw", seconds=3)
    await took(pool, settings, plain, psych)
    assert await swept(pool, settings) == 2
    return plain, psych


async def due(deletion: Deletion, now: datetime) -> list[Due]:
    return [one async for one in deletion.due(now)]


def local(settings: Settings) -> dict[str, LocalStorage]:
    return {"local": LocalStorage(settings.recordings.archive)}


def sealed(settings: Settings) -> int:
    return len(list(settings.recordings.archive.rglob("*.sealed")))


async def test_what_is_due_is_listed_by_class_and_nothing_is_changed(
    kept: tuple[cel.Journal, cel.Journal], pool: Pool, settings: Settings
) -> None:
    plain, psych = kept
    deletion = Deletion(pool, settings)
    assert await due(deletion, ENDED + timedelta(days=700)) == []
    found = await due(deletion, LATER)
    assert [(one.call_id, str(one.verdict.rule)) for one in found] == [(plain.call_id, "general")]
    found = await due(deletion, LONG_AFTER)
    assert {one.call_id: str(one.verdict.rule) for one in found} == {
        plain.call_id: "general",
        psych.call_id: "psychology",
    }
    assert sealed(settings) == 2


async def test_a_centres_own_lengths_are_obeyed(
    kept: tuple[cel.Journal, cel.Journal], pool: Pool, settings: Settings
) -> None:
    tree = settings.model_dump(mode="json")
    tree["recordings"]["retention"]["general"] = "30d"
    short = Settings.model_validate(tree)
    found = await due(Deletion(pool, short), ENDED + timedelta(days=32))
    assert [one.call_id for one in found] == [kept[0].call_id]


async def test_a_deletion_leaves_a_certificate_a_row_and_no_file(
    kept: tuple[cel.Journal, cel.Journal], pool: Pool, settings: Settings, connection: Connection
) -> None:
    plain, _ = kept
    deletion = Deletion(pool, settings)
    (one,) = await due(deletion, LATER)
    before = await connection.fetchrow("SELECT * FROM recording WHERE call_id = $1", plain.call_id)
    assert await deletion.delete(one)
    assert not await deletion.delete(one), "only once"
    assert await deletion.remove(local(settings)) == 1
    after = await connection.fetchrow("SELECT * FROM recording WHERE call_id = $1", plain.call_id)
    assert before is not None
    assert after is not None
    assert (after["state"], after["peaks"]) == ("deleted", None)
    assert after["sha256"] == before["sha256"]
    assert after["deleted_at"] <= after["removed_at"]
    assert sealed(settings) == 1
    certificate = await connection.fetchrow("SELECT * FROM audit")
    assert certificate is not None
    assert (certificate["actor"], certificate["action"], certificate["object"]) == (
        "retention",
        "recording.deleted",
        f"{plain.call_id}/both",
    )
    detail = json.loads(certificate["detail"])
    assert detail["sha256"] == before["sha256"].hex()
    assert (detail["rule"], detail["kept_for"], detail["last_day"]) == (
        "general",
        "24m",
        "2028-11-18",
    )
    assert [found for found in await verify(settings) if not found.holds] == []


async def test_a_hold_wins_also_when_it_comes_between_the_list_and_the_deletion(
    kept: tuple[cel.Journal, cel.Journal], pool: Pool, settings: Settings
) -> None:
    plain, _ = kept
    deletion = Deletion(pool, settings)
    (one,) = await due(deletion, LATER)
    async with transaction(pool, settings.database) as connection:
        await set_hold(connection, plain.call_id, reason="court", person="s1")
        # The hold is not committed yet: the deletion waits for it, and then sees it.
        async with asyncio.TaskGroup() as tasks:
            deleting = tasks.create_task(deletion.delete(one))
            async with asyncio.timeout(60):
                while not await pool.fetchval(WAITING) and not deleting.done():  # noqa: ASYNC110 - in another process
                    await asyncio.sleep(0.02)
            assert not deleting.done()
            await connection.execute("COMMIT")
            await connection.execute("BEGIN")
    assert deleting.result() is False
    assert await due(deletion, LATER) == []
    assert sealed(settings) == 2


async def test_a_hold_waits_for_a_deletion_that_has_begun(
    kept: tuple[cel.Journal, cel.Journal], pool: Pool, settings: Settings, connection: Connection
) -> None:
    plain, _ = kept

    async def hold() -> bool:
        async with transaction(pool, settings.database) as session:
            return await set_hold(session, plain.call_id, reason="court", person="s1")

    async with asyncio.TaskGroup() as tasks, connection.transaction():
        await lock_call(connection, plain.call_id)
        holding = tasks.create_task(hold())
        async with asyncio.timeout(60):
            while not await pool.fetchval(WAITING) and not holding.done():  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.02)
        assert not holding.done()
    assert holding.result() is True


WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
async def written(pool: Pool, settings: Settings, connection: Connection) -> cel.Journal:
    """A message that a recogniser has written down."""
    call = cel.message()
    recorded(settings, f"{call.call_id}.voicemail.raw")
    await took(pool, settings, call)
    assert await Sweeper(pool, settings).step() == 1
    await connection.execute("UPDATE message SET transcript = '我想问一下疫苗'")
    return call


TEXT = "SELECT transcript FROM message"


async def test_what_was_written_down_of_a_message_goes_with_its_sound(
    written: cel.Journal, pool: Pool, settings: Settings, connection: Connection
) -> None:
    deletion = Deletion(pool, settings)
    (one,) = await due(deletion, LATER)
    assert await deletion.delete(one)
    assert await connection.fetchval(TEXT) is None
    certificate = await connection.fetchrow("SELECT object, detail FROM audit")
    assert certificate is not None
    assert certificate["object"] == f"{written.call_id}/voicemail"
    assert json.loads(certificate["detail"])["transcript_characters"] == 7
    await deletion.remove(local(settings))
    assert [found for found in await verify(settings) if not found.holds] == []
    await connection.execute("UPDATE message SET transcript = 'back again'")
    assert [found.name for found in await verify(settings) if not found.holds] == [
        "transcripts of deleted recordings"
    ]


async def test_a_text_stays_as_long_as_its_sound_does(
    written: cel.Journal, pool: Pool, settings: Settings, connection: Connection
) -> None:
    def strike(reached: str) -> None:
        if reached == "deletion.commit.before":
            raise Died

    deletion = Deletion(pool, settings)
    (one,) = await due(deletion, LATER)
    failpoints.arm(strike)
    try:
        with pytest.raises(Died):
            await deletion.delete(one)
    finally:
        failpoints.disarm()
    assert await connection.fetchval(TEXT) == "我想问一下疫苗"
    async with transaction(pool, settings.database) as held:
        await set_hold(held, written.call_id, reason="court", person="s1")
    assert not await deletion.delete(one)
    assert await connection.fetchval(TEXT) == "我想问一下疫苗"


async def test_a_recording_that_went_does_not_come_back_when_its_file_does(
    kept: tuple[cel.Journal, cel.Journal], pool: Pool, settings: Settings, connection: Connection
) -> None:
    plain, _ = kept
    deletion = Deletion(pool, settings)
    (one,) = await due(deletion, LATER)
    await deletion.delete(one)
    raw = recorded(settings, f"{plain.call_id}.raw")
    assert await Sweeper(pool, settings).step() == 0
    assert raw.exists()
    assert await connection.fetchval("SELECT reason FROM recording_orphan") == "deleted before"


class Died(BaseException):
    """The process is killed at this point."""


@pytest.mark.parametrize(
    "place", ["deletion.commit.before", "deletion.commit.after", "deletion.removed"]
)
async def test_death_at_any_place_leaves_row_certificate_and_file_in_step(
    kept: tuple[cel.Journal, cel.Journal],
    pool: Pool,
    settings: Settings,
    connection: Connection,
    place: str,
) -> None:
    def strike(reached: str) -> None:
        if reached == place:
            raise Died(place)

    assert kept
    state = "kept" if place == "deletion.commit.before" else "deleted"
    deletion = Deletion(pool, settings)
    (one,) = await due(deletion, LATER)
    failpoints.arm(strike)
    try:
        with suppress(Died):
            await deletion.delete(one)
            await deletion.remove(local(settings))
            pytest.fail("nobody died")
    finally:
        failpoints.disarm()
    sql = "SELECT state FROM recording WHERE call_id = $1"
    assert await connection.fetchval(sql, one.call_id) == state
    assert await connection.fetchval("SELECT count(*) FROM audit") == (state == "deleted")
    assert sealed(settings) == (1 if place == "deletion.removed" else 2)
    for again in [one async for one in deletion.due(LATER)]:
        await deletion.delete(again)
    await deletion.remove(local(settings))
    assert sealed(settings) == 1
    assert await connection.fetchval("SELECT count(*) FROM audit") == 1
    assert [found for found in await verify(settings) if not found.holds] == []


async def test_a_file_that_cannot_be_removed_is_tried_again(
    kept: tuple[cel.Journal, cel.Journal],
    pool: Pool,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert kept

    async def refuses(_storage: LocalStorage, _path: str) -> None:
        raise OSError(5, "Input/output error")

    deletion = Deletion(pool, settings)
    (one,) = await due(deletion, LATER)
    await deletion.delete(one)
    with monkeypatch.context() as patched:
        patched.setattr(LocalStorage, "delete", refuses)
        assert await deletion.remove(local(settings)) == 0
        monkeypatch.setattr("ivr.recordings.checks._SETTLING_SECONDS", 0.01)
        assert "deleted recordings that are still there" in [
            found.name for found in await verify(settings) if not found.holds
        ]
    assert await deletion.remove(local(settings)) == 1
    assert await deletion.remove(local(settings)) == 0


async def test_files_that_cannot_be_removed_hold_up_no_others(
    kept: tuple[cel.Journal, cel.Journal],
    pool: Pool,
    settings: Settings,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As those in an object store that is not set up any more."""
    monkeypatch.setattr("ivr.recordings.deletion._BATCH", 1)
    older, newer = kept
    deletion = Deletion(pool, settings)
    for one in await due(deletion, LONG_AFTER):
        assert await deletion.delete(one)
    await connection.execute(
        "UPDATE recording SET storage = 's3' WHERE call_id = $1", older.call_id
    )
    assert [await deletion.remove(local(settings)) for _ in range(3)] == [0, 1, 0]
    assert not deletion.unfinished
    removed = await connection.fetch("SELECT call_id FROM recording WHERE removed_at IS NOT NULL")
    assert [row["call_id"] for row in removed] == [newer.call_id]
    await connection.execute("UPDATE recording SET storage = 'local'")
    assert await deletion.remove(local(settings)) == 1, "it begins anew"
