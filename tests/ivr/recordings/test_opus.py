from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.errors import RecordingUnreadable
from ivr.recordings.opus import RATE, duration, encode


def wav(path: Path, frames: int) -> Path:
    at = np.arange(frames) / RATE
    both = np.stack([0.5 * np.sin(2 * np.pi * f * at) for f in (400, 1_000)], axis=1)
    soundfile.write(path, both, RATE, subtype="PCM_16")
    return path


def loudest(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples))


def test_both_legs_are_kept_apart_at_the_telephones_rate(tmp_path: Path) -> None:
    source, copy = wav(tmp_path / "a.wav", 5 * RATE), tmp_path / "a.opus"
    encode(source, copy)
    samples, rate = soundfile.read(copy, dtype="int16")
    assert (rate, samples.shape) == (RATE, (5 * RATE, 2))
    assert loudest(samples[:, 0]) == pytest.approx(400, abs=2)
    assert loudest(samples[:, 1]) == pytest.approx(1_000, abs=2)
    assert copy.stat().st_size < source.stat().st_size / 3


@pytest.mark.parametrize("frames", [1, 7, 159, 160, 161, 8_000, 8_001])
def test_a_recording_of_any_length_lasts_as_long_in_opus(tmp_path: Path, frames: int) -> None:
    encode(wav(tmp_path / "a.wav", frames), tmp_path / "a.opus")
    assert duration(tmp_path / "a.opus") == frames


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(b"RIFF nothing of the kind")
    with pytest.raises(RecordingUnreadable, match="cannot be encoded"):
        encode(source, tmp_path / "a.opus")


def test_a_copy_that_is_shorter_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.recordings.opus.duration", lambda _path: 7_999)
    with pytest.raises(RecordingUnreadable, match="expected 8000 frames"):
        encode(wav(tmp_path / "a.wav", 8_000), tmp_path / "a.opus")
