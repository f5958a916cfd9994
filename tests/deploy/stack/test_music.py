from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from deploy.stack.music import PIECES, play, provide_music


def test_it_is_soft_never_clipped_and_never_long_silent() -> None:
    for piece in PIECES.values():
        samples = play(piece).astype(float)
        assert np.abs(samples).max() <= 5_000
        seconds = samples[: len(samples) // 8_000 * 8_000].reshape(-1, 8_000)
        assert np.sqrt((seconds**2).mean(axis=1))[:-3].min() > 50


def test_it_is_the_same_every_time(tmp_path: Path) -> None:
    provide_music(tmp_path / "a")
    provide_music(tmp_path / "b")
    for name in PIECES:
        first, second = (tmp_path / folder / name / "computed.wav" for folder in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_asterisk_can_play_it(tmp_path: Path) -> None:
    provide_music(tmp_path)
    with wave.open(str(tmp_path / "calm/computed.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8_000)


def test_a_centres_own_music_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music/own.wav").touch()
    provide_music(tmp_path)
    assert [p.name for p in (tmp_path / "music").iterdir()] == ["own.wav"]
