from __future__ import annotations

import io
import os
import wave
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.archive import Archive, open_regular
from ivr.errors import ValueRefused

CALL = "n1-7-1795000000.1"
DAY = datetime(2026, 11, 18, tzinfo=UTC)
SECOND = b"\1\0\2\0" * 8000


def test_a_file_appears_under_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    kept, waiting = archive.prepare(io.BytesIO(SECOND), CALL, DAY)
    assert kept.path == f"2026/11/18/{CALL}.wav"
    assert not (tmp_path / kept.path).exists()
    archive.place(kept, waiting)
    with wave.open(str(archive.find(kept.path))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (2, 8000, 8000)
        assert sound.readframes(8000) == SECOND
    assert [path.name for path in (tmp_path / kept.path).parent.iterdir()] == [f"{CALL}.wav"]


def test_the_same_sound_gives_the_same_file(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    first, _ = archive.prepare(io.BytesIO(SECOND), CALL, DAY)
    again, _ = archive.prepare(io.BytesIO(SECOND + b"\7"), CALL, DAY)
    assert first == again


@pytest.mark.parametrize("call_id", ["../x", "", "a/b", "n1-7-1795000000.1/../../x", "n1-7-1.1\0"])
def test_a_name_that_is_no_call_makes_no_path(call_id: str, tmp_path: Path) -> None:
    with pytest.raises(ValueRefused):
        Archive(tmp_path).prepare(io.BytesIO(SECOND), call_id, DAY)
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
