from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.errors import HotlineError, RecordingUnreadable, SettingsInvalid
from ivr.recordings.archive import Archive
from ivr.recordings.keys import KeyFile
from ivr.recordings.reading import Reader, StoredFile, files_of
from ivr.recordings.sealing import CHUNK_BYTES, HEADER_BYTES
from ivr.recordings.storage import LocalStorage

CALL = "n1-7-1795000000.1"
RAW = bytes(range(256)) * 1_000
"""As WAV it needs four chunks."""


class Counting(LocalStorage):
    """Counts the bytes that are asked of the disk."""

    asked = 0

    def read(self, path: str, start: int, stop: int):  # type: ignore[no-untyped-def]  # noqa: ANN201 - as the parent's
        self.asked += stop - start
        return super().read(path, start, stop)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    found = KeyFile(tmp_path / "keys")
    found.make()
    return found


@pytest.fixture
def disk(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "archive")


@pytest.fixture
def file(tmp_path: Path, keys: KeyFile) -> StoredFile:
    archive = Archive(tmp_path / "archive", ("wav",))
    day = datetime(2026, 11, 18, tzinfo=UTC)
    kept = archive.prepare(io.BytesIO(RAW), CALL, day, keys.ring())
    archive.place(kept.files)
    (made,) = kept.files
    return StoredFile(CALL, "both", "wav", "local", made.path, made.key_id, made.size, made.sha256)


async def sound(reader: Reader, file: StoredFile, start: int, stop: int) -> bytes:
    return b"".join([piece async for piece in reader.sound(file, start, stop)])


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 1),
        (0, 44),
        (44, 300),
        (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        (200_000, 256_044),
        (0, 256_044),
    ],
)
async def test_a_range_reads_its_chunks_and_no_others(
    disk: Counting, keys: KeyFile, file: StoredFile, start: int, stop: int
) -> None:
    reader = Reader({"local": disk}, keys)
    whole = await sound(reader, file, 0, file.size)
    assert whole[44:] == RAW
    disk.asked = 0
    assert await sound(reader, file, start, stop) == whole[start:stop]
    chunks = (stop - 1) // CHUNK_BYTES - start // CHUNK_BYTES + 1
    assert disk.asked <= HEADER_BYTES + chunks * (CHUNK_BYTES + 16)


async def test_a_file_that_was_cut_on_disk_is_refused_and_not_played_short(
    disk: Counting, keys: KeyFile, file: StoredFile, tmp_path: Path
) -> None:
    path = tmp_path / "archive" / file.path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RecordingUnreadable, match="was cut"):
        await sound(Reader({"local": disk}, keys), file, 0, file.size)


async def test_a_shorter_file_of_the_same_call_in_its_place_is_refused(
    disk: Counting, keys: KeyFile, file: StoredFile, tmp_path: Path
) -> None:
    archive = Archive(tmp_path / "archive", ("wav",))
    day = datetime(2026, 11, 18, tzinfo=UTC)
    archive.place(archive.prepare(io.BytesIO(RAW[:400]), CALL, day, keys.ring()).files)
    with pytest.raises(RecordingUnreadable, match="bytes of sound"):
        await sound(Reader({"local": disk}, keys), file, 0, 10)


async def test_what_has_no_key_at_hand_or_no_place_is_refused(
    disk: Counting, file: StoredFile, tmp_path: Path, keys: KeyFile
) -> None:
    elsewhere = KeyFile(tmp_path / "other")
    refused: list[tuple[Reader, type[HotlineError]]] = [
        (Reader({"local": disk}, elsewhere), SettingsInvalid),
        (Reader({}, keys), RecordingUnreadable),
    ]
    elsewhere_made = KeyFile(tmp_path / "made")
    elsewhere_made.make()
    refused.append((Reader({"local": disk}, elsewhere_made), RecordingUnreadable))
    for reader, kind in refused:
        with pytest.raises(kind):
            await sound(reader, file, 0, 1)


async def test_a_recording_of_before_sealing_is_read_as_it_is(
    disk: Counting, keys: KeyFile, tmp_path: Path
) -> None:
    path = f"2026/11/18/{CALL}.wav"
    (tmp_path / "archive" / path).parent.mkdir(parents=True)
    (tmp_path / "archive" / path).write_bytes(b"RIFF and so on")
    old = StoredFile(CALL, "both", "wav", "local", path, None, 14, b"")
    assert await sound(Reader({"local": disk}, keys), old, 5, 8) == b"and"
    (tmp_path / "archive" / path).write_bytes(b"RIFF")
    with pytest.raises(RecordingUnreadable, match="expected 3 bytes"):
        await sound(Reader({"local": disk}, keys), old, 5, 8)


def test_a_wav_beside_opus_is_the_second_file_of_its_row() -> None:
    row = {
        "call_id": CALL,
        "leg": "both",
        "format": "opus",
        "storage": "s3",
        "path": f"2026/11/18/{CALL}.opus.sealed",
        "key_id": "k",
        "bytes": 7,
        "sha256": b"o",
        "wav_bytes": 70,
        "wav_sha256": b"w",
    }
    opus, wav = files_of(row)
    assert (opus.path, opus.size) == (f"2026/11/18/{CALL}.opus.sealed", 7)
    assert (wav.path, wav.size) == (f"2026/11/18/{CALL}.wav.sealed", 70)
    assert (wav.format, wav.storage, wav.key_id, wav.sha256) == ("wav", "s3", "k", b"w")
    assert files_of(row | {"wav_sha256": None, "wav_bytes": None}) == (opus,)
