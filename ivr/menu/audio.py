"""Sound files as Asterisk plays them: one loudness, 8 and 16 kHz, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from ivr.menu.voice import Samples, Speech

FORMATS: Final = (("wav", 8_000), ("wav16", 16_000))
"""Suffixes and sample rates; Asterisk takes the better one for a wide-band call."""

_ACTIVE_DBFS: Final = -20.0
"""Speech level over the time that somebody speaks, in the manner of ITU-T P.56."""
_PEAK_DBFS: Final = -3.0
_FRAME_SECONDS: Final = 0.02
_SILENT_BELOW: Final = 0.02
"""Frames this far below the loudest one, as a ratio, are pauses (-34 dB)."""
_MARGIN_SECONDS: Final = 0.1


def levelled(speech: Speech) -> Speech:
    """Bring speech to the common level and cut the silence around it to a breath."""
    frame = max(1, int(speech.rate * _FRAME_SECONDS))
    frames = len(speech.samples) // frame
    if not frames:
        return speech
    blocks = speech.samples[: frames * frame].reshape(frames, frame)
    loudness = np.sqrt(np.mean(np.square(blocks, dtype=np.float64), axis=1))
    active = loudness > loudness.max() * _SILENT_BELOW
    if not active.any():
        return speech
    level = float(np.sqrt(np.mean(np.square(loudness[active]))))
    peak = float(np.abs(speech.samples).max())
    gain = min(_ratio(_ACTIVE_DBFS) / level, _ratio(_PEAK_DBFS) / peak)
    spoken = np.flatnonzero(active)
    margin = int(speech.rate * _MARGIN_SECONDS)
    first = max(0, int(spoken[0]) * frame - margin)
    last = min(len(speech.samples), (int(spoken[-1]) + 1) * frame + margin)
    return Speech((speech.samples[first:last] * gain).astype(np.float32), speech.rate)


def _ratio(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def read_recording(path: Path) -> Speech:
    """Read a recorded file of any rate; several channels become one.

    Raises:
        soundfile.LibsndfileError: it is not a sound file.
    """
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return Speech(samples.mean(axis=1), int(rate))


def write_sounds(stem: Path, speech: Speech) -> None:
    """Write `<stem>.wav` and `<stem>.wav16`, each replaced in one step.

    A caller may be hearing the old file at this moment: it stays whole until the new one is.
    """
    for suffix, rate in FORMATS:
        target = stem.with_name(f"{stem.name}.{suffix}")
        unfinished = target.with_name(f".{target.name}.part")
        samples = _resampled(speech, rate)
        soundfile.write(unfinished, samples, rate, format="WAV", subtype="PCM_16")
        unfinished.replace(target)


def _resampled(speech: Speech, rate: int) -> Samples:
    if speech.rate == rate:
        return speech.samples
    return np.asarray(soxr.resample(speech.samples, speech.rate, rate), dtype=np.float32)
