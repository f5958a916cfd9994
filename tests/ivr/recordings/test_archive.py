from __future__ import annotations

import hashlib
import io
import os
import wave
from datetime import UTC, datetime
from pathlib import Path

import pytest
import soundfile

from ivr.errors import RecordingUnreadable, ValueRefused
from ivr.recordings import opus
from ivr.recordings.archive import (
    Archive,
    KeptFile,
    archived,
    archived_in_batches,
    name_of,
    open_regular,
)
from ivr.recordings.keys import Keyring, key_id
from ivr.recordings.sealing import HEADER_BYTES, Header, Seal

CALL = "n1-7-1795000000.1"
DAY = datetime(2026, 11, 18, tzinfo=UTC)
SECRET = bytes(range(32))
RING = Keyring({key_id(SECRET): SECRET})
SECOND = b"\1\0\2\0" * 8000


def unsealed(root: Path, kept: KeptFile, leg: str = "both") -> bytes:
    with (root / kept.path).open("rb") as stream:
        header = Header.parse(stream.read(HEADER_BYTES))
        seal = Seal(header, RING.secret(header.key_id), name_of(CALL, leg, kept.format))
        return b"".join(
            seal.open(number, stream.read(seal.sealed_size(number)))
            for number in range(header.chunks)
        )


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_a_file_appears_under_its_name_only_when_it_is_whole_and_nothing_plain_stays(
    tmp_path: Path,
) -> None:
    archive = Archive(tmp_path, ("wav",))
    kept = archive.prepare(io.BytesIO(SECOND), CALL, DAY, RING)
    (file,) = kept.files
    assert file.path == f"2026/11/18/{CALL}.wav.sealed"
    assert names(tmp_path) == [f".{CALL}.wav.sealed.part"]
    archive.place(kept.files)
    assert names(tmp_path) == [f"{CALL}.wav.sealed"]
    assert SECOND[:64] not in (tmp_path / file.path).read_bytes()
    plain = unsealed(tmp_path, file)
    assert (hashlib.sha256(plain).digest(), len(plain)) == (file.sha256, file.size)
    with wave.open(io.BytesIO(plain)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 8000, 8000)
        assert sound.readframes(8000) == SECOND


def test_opus_and_wav_may_lie_side_by_side(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ("opus", "wav"))
    kept = archive.prepare(io.BytesIO(SECOND), CALL, DAY, RING, leg="voicemail")
    archive.place(kept.files)
    assert names(tmp_path) == [f"{CALL}.voicemail.{form}.sealed" for form in ("opus", "wav")]
    encoded, plain = (unsealed(tmp_path, file, "voicemail") for file in kept.files)
    assert soundfile.info(io.BytesIO(encoded)).frames == 8000
    assert soundfile.info(io.BytesIO(plain)).frames == 8000


def test_what_cannot_be_encoded_stays_as_wav_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_wav: Path, _opus: Path) -> None:
        raise RecordingUnreadable("no encoder today")

    monkeypatch.setattr(opus, "encode", refuses)
    kept = Archive(tmp_path).prepare(io.BytesIO(SECOND), CALL, DAY, RING)
    assert [file.format for file in kept.files] == ["wav"]
    assert kept.unencoded == "no encoder today"


def test_the_same_sound_gives_the_same_digest(tmp_path: Path) -> None:
    archive = Archive(tmp_path, ("wav",))
    first = archive.prepare(io.BytesIO(SECOND), CALL, DAY, RING)
    again = archive.prepare(io.BytesIO(SECOND + b"\7"), CALL, DAY, RING)
    assert first == again


def test_what_does_not_read_back_is_never_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes what it is given and keeps something else."""

    def flips(place: str) -> None:
        if place == "archive.written_sealed":
            (path,) = tmp_path.rglob(".*.sealed.part")
            content = bytearray(path.read_bytes())
            content[-20] ^= 1
            path.write_bytes(content)

    monkeypatch.setattr("ivr.recordings.archive.reach", flips)
    with pytest.raises(RecordingUnreadable):
        Archive(tmp_path).prepare(io.BytesIO(SECOND), CALL, DAY, RING)
    assert not list(tmp_path.rglob("*.sealed"))


class Short(io.BytesIO):
    """A file that ends before its size says so, as on a failing disk."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size) if self.tell() == 0 else b""


def test_a_raw_file_that_gives_less_than_its_size_is_not_taken_for_whole(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="short read"):
        Archive(tmp_path).prepare(Short(SECOND * 20), CALL, DAY, RING)


def test_both_legs_have_their_peaks(tmp_path: Path) -> None:
    kept = Archive(tmp_path).prepare(io.BytesIO(b"\0\0\0\x40" * 8000), CALL, DAY, RING)
    assert kept.peaks == b"\0" * 1000 + b"\x80" * 1000
    assert kept.milliseconds == 1000


@pytest.mark.parametrize("call_id", ["../x", "", "a/b", "n1-7-1795000000.1/../../x", "n1-7-1.1\0"])
def test_a_name_that_is_no_call_makes_no_path(call_id: str, tmp_path: Path) -> None:
    with pytest.raises(ValueRefused):
        Archive(tmp_path).prepare(io.BytesIO(SECOND), call_id, DAY, RING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "/etc/passwd",
        "2026/../../secret",
        "2026/11/./x",
        f"link/11/18/{CALL}.wav",
        f"2026/11/19/{CALL}.wav",
        f"2026/11/18/.{CALL}.wav.part",
        f"2026/11/18/{CALL}.wav.sealed/../x",
        f"2026/11/18/{CALL}.wav\0",
    ],
)
def test_nothing_outside_the_archive_is_found(path: str, tmp_path: Path) -> None:
    root = tmp_path / "archive"
    root.mkdir()
    (tmp_path / "secret").write_text("x")
    (root / "2026/11").mkdir(parents=True)
    (root / "2026/11/19").symlink_to(tmp_path)
    with pytest.raises(ValueRefused, match="within the archive"):
        Archive(root).find(path)


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", ".", "absent"):
        with pytest.raises(ValueRefused, match="plain file"):
            open_regular(tmp_path / name)


def placed(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


async def test_an_archive_of_years_is_gone_through_day_by_day(tmp_path: Path) -> None:
    placed(tmp_path, "2026/11/18/b", "2026/11/18/a", "2026/11/18/c", "2026/11/19/d", "2025/1/1/e")
    placed(tmp_path, "2026/11/18/.f.part")
    batches = archived_in_batches(tmp_path, 2)
    assert [await anext(batches), await anext(batches)] == [
        ["2025/1/1/e"],
        ["2026/11/18/a", "2026/11/18/b"],
    ]
    placed(tmp_path, "2026/11/19/g")
    rest = [batch async for batch in batches]
    assert rest == [["2026/11/18/c"], ["2026/11/19/d", "2026/11/19/g"]], (
        "a later day has not been looked at before its time"
    )
    assert archived(tmp_path) == {"2025/1/1/e", *(f"2026/11/18/{n}" for n in "abc")} | {
        "2026/11/19/d",
        "2026/11/19/g",
    }


async def test_an_archive_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    assert [batch async for batch in archived_in_batches(tmp_path / "none", 2)] == []
