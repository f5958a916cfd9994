from __future__ import annotations

import errno
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import asyncpg
import numpy as np
import pytest
import soundfile
from structlog.testing import capture_logs

from ivr.config import Settings
from ivr.database import Pool
from ivr.errors import RecordingUnreadable
from ivr.recordings import archive, opus, sweeper
from ivr.recordings.keys import KeyFile
from ivr.recordings.opus import RATE
from ivr.recordings.reading import Reader, files_of
from ivr.recordings.storage import LocalStorage
from ivr.recordings.sweeper import Sweeper
from ivr.records import load_record
from tests.ivr import cel
from tests.ivr.ledgers import settle, took

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


def tone(hertz: float, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)


def recorded(settings: Settings, name: str, *, seconds: float = 2, torn: int = 0) -> Path:
    """Asterisk has recorded: 400 Hz from the caller, 1 kHz from the agent."""
    both = np.stack([tone(400, seconds), tone(1000, seconds)], axis=1)
    path = settings.recordings.incoming / name
    path.write_bytes((both * 32767).astype("<i2").tobytes() + b"\1" * torn)
    return age(path, 5)


async def swept(pool: Pool, settings: Settings) -> int:
    """Sweep until there is nothing left, in as many rounds as a loaded machine needs."""
    sweeper, done = Sweeper(pool, settings), 0
    while more := await sweeper.step():
        done += more
    return done


def age(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def loudest(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * RATE / len(samples))


async def plain(settings: Settings, row: Any, format: str = "") -> bytes:  # noqa: ANN401, A002 - a row of asyncpg's
    """Open a recording as a player would."""
    storage = LocalStorage(settings.recordings.archive)
    reader = Reader({"local": storage}, KeyFile(settings.recordings.keys))
    file = next(file for file in files_of(row) if format in ("", file.format))
    return b"".join([piece async for piece in reader.sound(file, 0, file.size)])


async def heard(
    settings: Settings,
    row: Any,  # noqa: ANN401 - a row of asyncpg's
    format: str = "",  # noqa: A002 - the field's word
) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """Decode a recording: frames by legs."""
    samples: np.ndarray[tuple[int, int], np.dtype[np.int16]]
    samples, rate = soundfile.read(io.BytesIO(await plain(settings, row, format)), dtype="int16")
    assert rate == RATE
    return samples


async def stored(connection: Connection, call: cel.Journal, leg: str = "both") -> Any:  # noqa: ANN401 - a row of asyncpg's
    sql = "SELECT * FROM recording WHERE call_id = $1 AND leg = $2"
    return await connection.fetchrow(sql, call.call_id, leg)


async def test_a_recording_comes_to_its_call_with_both_voices(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered()
    raw = recorded(settings, f"{call.call_id}.raw", seconds=3)
    await took(pool, settings, call)
    assert await Sweeper(pool, settings).step() == 1
    record = await load_record(connection, call.call_id)
    assert record is not None
    assert record.recording is not None
    assert record.recording.path == f"2026/11/18/{call.call_id}.opus.sealed"
    assert record.recording.seconds == 3.0
    samples = await heard(settings, await stored(connection, call))
    assert len(samples) == 3 * RATE
    assert loudest(samples[:, 0]) == pytest.approx(400, abs=2)
    assert loudest(samples[:, 1]) == pytest.approx(1000, abs=2)
    assert not raw.exists()


async def test_a_message_has_a_recording_of_its_own_leg(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.message()
    raw = recorded(settings, f"{call.call_id}.voicemail.raw")
    await took(pool, settings, call)
    assert await Sweeper(pool, settings).step() == 1
    rows = await connection.fetch("SELECT leg, state, path FROM recording")
    assert [tuple(row) for row in rows] == [
        ("voicemail", "kept", f"2026/11/18/{call.call_id}.voicemail.opus.sealed")
    ]
    assert len(await heard(settings, await stored(connection, call, "voicemail"))) == 2 * RATE
    assert not raw.exists()


async def test_a_message_without_a_file_raises_one_alarm(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    left, present, nothing = cel.message(1), cel.message(2), cel.message(3, seconds=1)
    await took(pool, settings, left, present, nothing)
    await connection.execute(
        "UPDATE call SET started_at = now() - interval '1 h', ended_at = now() - interval '11 min'"
    )
    recorded(settings, f"{present.call_id}.voicemail.raw")
    sweeper = Sweeper(pool, settings)
    with capture_logs() as logged:
        await sweeper.look_for_missing()
        await sweeper.look_for_missing()
    assert [(e["call_id"], e["leg"]) for e in logged] == [(left.call_id, "voicemail")]


async def test_a_frame_torn_by_a_kill_is_cut_off(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered()
    recorded(settings, f"{call.call_id}.raw", torn=3)
    await took(pool, settings, call)
    await Sweeper(pool, settings).step()
    record = await load_record(connection, call.call_id)
    assert record is not None
    assert record.recording is not None
    assert len(await heard(settings, await stored(connection, call))) == 2 * RATE


async def test_a_call_that_goes_on_keeps_its_file(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.Journal().begins().queues().rings().connects()
    raw = recorded(settings, f"{call.call_id}.raw")
    await took(pool, settings, call)
    await connection.execute("UPDATE fold_due SET due_at = now() - interval '1 min'")
    await settle(pool, settings)
    assert await connection.fetchval("SELECT final FROM call") is False
    assert await Sweeper(pool, settings).step() == 0
    assert raw.exists()


async def test_a_file_without_a_call_is_written_down_after_ten_minutes_and_never_deleted(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered()
    raw = recorded(settings, f"{call.call_id}.raw")
    sweeper = Sweeper(pool, settings)
    await sweeper.step()
    assert await connection.fetch("SELECT * FROM recording_orphan") == []
    age(raw, 601)
    with capture_logs() as logged:
        await sweeper.step()
        await Sweeper(pool, settings).step()
    assert [entry["event"] for entry in logged] == ["recording.orphan"]
    assert raw.exists()
    # The ledger was behind; the call appears, and the file is its own after all.
    await took(pool, settings, call)
    assert await sweeper.step() == 1
    assert await connection.fetchval("SELECT adopted_at IS NOT NULL FROM recording_orphan")


@pytest.mark.parametrize(
    "name", ["passwd", "..raw", "n1-7-1.raw", "x\n.raw", "n1-7-1795000000.1.wav"]
)
async def test_a_name_that_is_none_of_ours_is_never_moved(
    name: str, pool: Pool, settings: Settings, connection: Connection
) -> None:
    odd = age(recorded(settings, name), 601)
    assert await Sweeper(pool, settings).step() == 0
    assert odd.exists()
    assert await connection.fetchval("SELECT name FROM recording_orphan") == name


async def test_a_link_in_place_of_a_recording_is_not_followed(
    pool: Pool, settings: Settings, tmp_path: Path
) -> None:
    call = cel.answered()
    await took(pool, settings, call)
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 4000)
    link = settings.recordings.incoming / f"{call.call_id}.raw"
    link.symlink_to(secret)
    age(link, 5)
    assert await Sweeper(pool, settings).step() == 0
    assert not settings.recordings.archive.exists()
    assert secret.exists()


async def test_a_conversation_without_a_file_raises_one_alarm(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    spoken, present, silent = cel.answered(1), cel.answered(2), cel.abandoned(3)
    await took(pool, settings, spoken, present, silent)
    # The tests' calls end in the future; the alarm asks for those that ended a while ago.
    await connection.execute(
        "UPDATE call SET started_at = now() - interval '1 h', ended_at = now() - interval '11 min'"
    )
    recorded(settings, f"{present.call_id}.raw")
    sweeper = Sweeper(pool, settings)
    with capture_logs() as logged:
        await sweeper.look_for_missing()
        await sweeper.look_for_missing()
    assert [(e["event"], e["call_id"]) for e in logged] == [("recording.missing", spoken.call_id)]
    recorded(settings, f"{spoken.call_id}.raw")
    assert await sweeper.step() == 2
    assert await connection.fetchval("SELECT count(*) FROM recording WHERE state = 'kept'") == 2


async def test_a_round_has_an_end_however_many_files_wait(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [cel.answered(number) for number in (1, 2, 3)]
    for call in calls:
        recorded(settings, f"{call.call_id}.raw")
    await took(pool, settings, *calls)
    monkeypatch.setattr("ivr.recordings.sweeper._ROUND_SECONDS", 0.0)
    sweeper = Sweeper(pool, settings)
    assert [await sweeper.step() for _ in range(4)] == [1, 1, 1, 0]


async def test_the_empty_file_of_a_call_in_which_nobody_spoke_goes(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    unheard, heard = cel.abandoned(1), cel.answered(2)
    await took(pool, settings, unheard, heard)
    gone = age_empty(settings, unheard)
    kept = age_empty(settings, heard)
    assert await Sweeper(pool, settings).step() == 0
    assert not gone.exists()
    assert kept.exists()
    assert await connection.fetch("SELECT * FROM recording") == []


def age_empty(settings: Settings, call: cel.Journal) -> Path:
    path = settings.recordings.incoming / f"{call.call_id}.raw"
    path.touch()
    return age(path, 5)


async def test_a_recording_keeps_its_waveform_and_the_marks_of_its_pauses(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.Journal().begins().queues().rings().connects().after(2).says("RECORDING_PAUSED")
    call.after(5).says("RECORDING_RESUMED").after(1).parts(cel.phone()).parts(cel.CALLER)
    call.hangs_up(cel.phone()).hangs_up(source=cel.CALLER).ends()
    recorded(settings, f"{call.call_id}.raw", seconds=3)
    await took(pool, settings, call)
    assert await Sweeper(pool, settings).step() == 1
    row = await stored(connection, call)
    (mark,) = json.loads(row["pauses"])
    assert mark["offset_ms"] == pytest.approx(2_000, abs=50)
    assert mark["pause_ms"] == pytest.approx(5_000, abs=50)
    assert len(row["peaks"]) == 2_000
    assert max(row["peaks"]) == pytest.approx(128, abs=2)


async def test_wav_may_be_kept_beside_opus_or_alone(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    for number, (formats, first) in enumerate([("both", "opus"), ("wav", "wav")], 1):
        changed = settings.recordings.model_copy(update={"format": formats})
        centre = settings.model_copy(update={"recordings": changed})
        call = cel.answered(number, talk=2, second=cel.SECOND + 100 * number)
        recorded(centre, f"{call.call_id}.raw", seconds=2)
        await took(pool, centre, call)
        assert await Sweeper(pool, centre).step() == 1
        row = await stored(connection, call)
        assert row["format"] == first
        assert len(await heard(centre, row, "wav")) == 2 * RATE
        assert len(list(centre.recordings.archive.rglob(f"{call.call_id}.*"))) == 3 - number


async def test_what_cannot_be_encoded_is_kept_as_wav_with_an_alarm(
    pool: Pool, settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_wav: Path, _opus: Path) -> None:
        raise RecordingUnreadable("no encoder today")

    monkeypatch.setattr(opus, "encode", refuses)
    call = cel.answered(talk=2)
    recorded(settings, f"{call.call_id}.raw", seconds=2)
    await took(pool, settings, call)
    with capture_logs() as logged:
        assert await Sweeper(pool, settings).step() == 1
    assert [e["why"] for e in logged if e["event"] == "recording.unencoded"] == ["no encoder today"]
    row = await stored(connection, call)
    assert row["format"] == "wav"
    assert len(await heard(settings, row)) == 2 * RATE


class Ill(io.BytesIO):
    """A file on a failing disk."""

    def read(self, _size: int | None = -1) -> bytes:
        raise OSError(errno.EIO, "Input/output error")


class Short(io.BytesIO):
    """A file whose end does not come off the disk."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(8_000) if size and self.tell() == 0 else b""


def full(_number: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("fault", ["read", "short", "disk full", "rename"])
async def test_a_file_that_fails_holds_up_no_other_is_written_down_and_comes_back(
    fault: str,
    pool: Pool,
    settings: Settings,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ill, well = [cel.answered(n, talk=2, second=cel.SECOND + 100 * n) for n in (1, 2)]
    raws = [recorded(settings, f"{call.call_id}.raw", seconds=2) for call in (ill, well)]
    age(raws[0], 100)
    await took(pool, settings, ill, well)
    clock = 0.0
    watch = SimpleNamespace(time=time.time, monotonic=lambda: clock)
    monkeypatch.setattr(sweeper, "time", watch)
    swept = Sweeper(pool, settings)
    with monkeypatch.context() as patched, capture_logs() as logged:
        strike(patched, fault, ill.call_id)
        for _ in range(6):
            await swept.step()
            await swept.step()  # too soon: a file that fails is let rest
            clock += 60
    events = [entry["event"] for entry in logged]
    assert events.count("recording.failed") == 6
    assert events.count("recording.orphan") == 1
    assert events.count("recording.kept") == 1, "the other one"
    assert raws[0].exists(), "never lost"
    assert (await stored(connection, ill)) is None
    assert (await stored(connection, well))["state"] == "kept"
    clock += 600
    assert await swept.step() == 1
    assert (await stored(connection, ill))["state"] == "kept"
    assert await connection.fetchval("SELECT adopted_at IS NOT NULL FROM recording_orphan")


def strike(patched: pytest.MonkeyPatch, fault: str, call_id: str) -> None:
    """Let one call's file meet a fault, and no other's."""
    really: Callable[..., Any] = archive.open_regular
    place = archive.Archive.place
    wrong = {"read": Ill, "short": Short}.get(fault)

    def opened(path: Path) -> Any:  # noqa: ANN401 - a binary file
        if wrong and call_id in path.name:
            return wrong(path.read_bytes())
        return really(path)

    def placed(self: archive.Archive, files: Any) -> None:  # noqa: ANN401 - as the original's
        if fault == "rename" and call_id in files[0].path:
            raise OSError(errno.EIO, "Input/output error")
        place(self, files)

    written = archive.write_sealed

    def sealed(source: Any, waiting: Path, *rest: Any) -> None:  # noqa: ANN401 - as the original's
        if fault == "disk full" and call_id in waiting.name:
            full(0)
        written(source, waiting, *rest)

    patched.setattr(sweeper, "open_regular", opened)
    patched.setattr(archive.Archive, "place", placed)
    patched.setattr(archive, "write_sealed", sealed)


async def test_a_recording_is_finished_where_nobody_may_step_back_for_others(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sandbox may forbid a thread to lower its own priority."""

    def forbidden(*_: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "setpriority", forbidden)
    call = cel.answered()
    recorded(settings, f"{call.call_id}.raw")
    await took(pool, settings, call)
    assert await Sweeper(pool, settings).step() == 1


async def test_without_a_usable_key_recordings_wait_and_one_alarm_is_raised(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    first, second = [cel.answered(n, talk=2, second=cel.SECOND + 100 * n) for n in (1, 2)]
    recorded(settings, f"{first.call_id}.raw", seconds=2)
    await took(pool, settings, first)
    swept = Sweeper(pool, settings)
    assert await swept.step() == 1
    keys = settings.recordings.keys
    away = keys.rename(keys.with_suffix(".away"))
    raw = recorded(settings, f"{second.call_id}.raw", seconds=2)
    await took(pool, settings, second)
    with capture_logs() as logged:
        for _ in range(3):
            assert await swept.step() == 0
    assert [entry["event"] for entry in logged] == ["recording.keyless"]
    assert not keys.exists(), "no second first key"
    assert raw.exists()
    away.rename(keys)
    keys.chmod(0o644)
    assert await swept.step() == 0
    keys.chmod(0o640)
    assert await swept.step() == 1
    assert await connection.fetchval("SELECT count(*) FROM recording WHERE state = 'kept'") == 2
