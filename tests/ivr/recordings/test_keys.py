from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ivr.errors import RecordingUnreadable, SettingsInvalid
from ivr.recordings.keys import KeyFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "etc/recordings.keys"


def test_the_first_start_makes_a_key_that_others_cannot_read(path: Path) -> None:
    ring = KeyFile(path).make()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert len(ring.secret(ring.newest)) == 32
    assert KeyFile(path).make() == ring, "and the second start finds it"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_of_two_processes_that_start_at_once_both_have_the_same_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as starts:
        rings = list(starts.map(lambda _: KeyFile(path).make(), range(16)))
    assert len({ring.newest for ring in rings}) == 1


@pytest.mark.parametrize("mode", [0o644, 0o641, 0o642, 0o666])
def test_a_key_file_that_others_may_touch_is_refused(path: Path, mode: int) -> None:
    KeyFile(path).make()
    path.chmod(mode)
    with pytest.raises(SettingsInvalid, match="closed to others"):
        KeyFile(path).ring()


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "abc def\n", "000000000000 " + "A" * 43 + "=\n", "é\n"]
)
def test_what_holds_no_keys_is_refused(path: Path, text: str) -> None:
    KeyFile(path).make()
    path.write_text(text)
    with pytest.raises(SettingsInvalid):
        KeyFile(path).ring()


def test_a_key_file_that_is_gone_is_said_to_be(path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="expected the recordings' keys"):
        KeyFile(path).ring()


def test_rotation_adds_a_key_and_keeps_the_old_ones(path: Path) -> None:
    running = KeyFile(path)
    before = running.make()
    newest = KeyFile(path).rotate()
    after = running.ring()
    assert after.newest == newest != before.newest
    assert after.secret(before.newest) == before.secret(before.newest)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(RecordingUnreadable, match="not in the key file"):
        after.secret("nobody")


def test_a_rotation_that_is_killed_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeyFile(path)
    before = keys.make()

    def killed(_number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        KeyFile(path).rotate()
    assert keys.ring() == before
