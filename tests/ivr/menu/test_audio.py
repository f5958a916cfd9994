from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.menu.audio import levelled, read_recording, write_sounds
from ivr.menu.voice import Samples, Speech

RATE = 22_050


def tone(seconds: float, loudness: float, hertz: float = 440) -> Samples:
    time = np.arange(int(RATE * seconds)) / RATE
    return np.asarray(loudness * np.sin(2 * np.pi * hertz * time), dtype=np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(int(RATE * seconds), dtype=np.float32)


def decibels(samples: Samples) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))))


@pytest.mark.parametrize("loudness", [0.001, 0.05, 0.9])
def test_whatever_is_spoken_comes_out_equally_loud(loudness: float) -> None:
    assert decibels(levelled(Speech(tone(1, loudness), RATE)).samples) == pytest.approx(
        -20, abs=0.3
    )


def test_pauses_do_not_count_as_quiet_speech() -> None:
    spoken = np.concatenate([tone(1, 0.5), silence(3), tone(1, 0.5)])
    out = levelled(Speech(spoken, RATE)).samples
    assert decibels(out[: RATE // 2]) == pytest.approx(-20, abs=0.3)


def test_a_sharp_peak_is_kept_from_clipping() -> None:
    spoken = tone(1, 0.01)
    spoken[RATE // 2] = 0.9
    assert float(np.abs(levelled(Speech(spoken, RATE)).samples).max()) <= 10 ** (-3 / 20) + 1e-6


def test_silence_around_speech_is_cut_to_a_breath() -> None:
    out = levelled(Speech(np.concatenate([silence(2), tone(1, 0.5), silence(3)]), RATE))
    assert len(out.samples) / RATE == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize("samples", [silence(1), silence(0)])
def test_silence_stays_silence(samples: Samples) -> None:
    assert not levelled(Speech(samples, RATE)).samples.any()


def test_both_rates_are_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_sounds(tmp_path / "p_bye", Speech(tone(1, 0.5), RATE))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p_bye.wav", "p_bye.wav16"]
    for suffix, rate in (("wav", 8_000), ("wav16", 16_000)):
        found = soundfile.info(tmp_path / f"p_bye.{suffix}")
        assert (found.samplerate, found.channels, found.subtype) == (rate, 1, "PCM_16")
        assert found.duration == pytest.approx(1, abs=0.01)


def test_the_tone_is_the_same_after_conversion(tmp_path: Path) -> None:
    write_sounds(tmp_path / "tone", Speech(tone(1, 0.5), RATE))
    samples, rate = soundfile.read(tmp_path / "tone.wav")
    spectrum = np.abs(np.fft.rfft(samples))
    assert float(np.argmax(spectrum)) * rate / len(samples) == pytest.approx(440, abs=2)


def test_a_file_being_heard_stays_whole_while_it_is_replaced(tmp_path: Path) -> None:
    write_sounds(tmp_path / "p", Speech(tone(1, 0.5), RATE))
    with (tmp_path / "p.wav").open("rb") as heard:
        before = heard.read(100)
        write_sounds(tmp_path / "p", Speech(tone(0.1, 0.5), RATE))
        rest = heard.read()
    assert len(before) + len(rest) == pytest.approx(16_000 + 44, abs=200)


def test_a_stereo_recording_becomes_mono(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([tone(1, 0.5), tone(1, 0.1)], axis=1), RATE)
    speech = read_recording(path)
    assert speech.samples.ndim == 1
    assert float(np.abs(speech.samples).max()) == pytest.approx(0.3, abs=0.01)
