from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.menu.music import PIECES, compose_music

QUIETER_THAN_SPEECH = 10 ** (-20 / 20)


def test_every_class_of_music_gets_a_piece_in_both_rates(tmp_path: Path) -> None:
    written = compose_music(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in written} == set(PIECES)
    for name in PIECES:
        for suffix, rate in (("wav", 8_000), ("wav16", 16_000)):
            found = soundfile.info(tmp_path / f"{name}.{suffix}")
            assert found.samplerate == rate
            assert found.duration > 40


@pytest.mark.parametrize("name", PIECES)
def test_music_is_quieter_than_speech_and_never_stops(tmp_path: Path, name: str) -> None:
    compose_music(tmp_path)
    samples, rate = soundfile.read(tmp_path / f"{name}.wav")
    assert float(np.sqrt(np.mean(np.square(samples)))) < QUIETER_THAN_SPEECH
    longest_rest = int(4 * rate)
    blocks = samples[: len(samples) // longest_rest * longest_rest].reshape(-1, longest_rest)
    assert (np.abs(blocks).max(axis=1) > 0.005).all()


def test_music_that_is_there_is_not_composed_again(tmp_path: Path) -> None:
    compose_music(tmp_path)
    assert compose_music(tmp_path) == ()
    (tmp_path / "calm/breathing.wav").unlink()
    assert [path.name for path in compose_music(tmp_path)] == ["breathing"]
