"""Music for those who wait: computed, so that nobody's rights are in it.

Notes of a pentatonic scale, each struck softly and left to fade, one after the other as a fixed
row of numbers says. `calm`, for the psychological line, is lower and slower.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 8_000
_PENTATONIC: Final = (0, 2, 4, 7, 9, 12)
"""Semitones above the lowest note; no two of them clash."""
_ROW: Final = (0, 2, 3, 5, 4, 3, 2, 4, 1, 2, 0, 3, 4, 2, 1, 0)
_FADE_SECONDS: Final = 1.2
_PEAK: Final = 5_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of music."""

    lowest: float
    """Hertz."""
    beat: float
    """Seconds from note to note."""


PIECES: Final = {"music": Piece(lowest=392.0, beat=0.8), "calm": Piece(lowest=261.6, beat=1.6)}
"""By the folder below the sounds that `musiconhold.conf` names."""


def play(piece: Piece) -> NDArray[np.int16]:
    """Compute the samples of one round, 16 bit at 8 kHz."""
    step = round(piece.beat * RATE)
    sound = np.zeros(step * len(_ROW) + 4 * RATE)
    at = np.arange(4 * RATE) / RATE
    fade = np.exp(-at / _FADE_SECONDS) * np.minimum(1.0, at / 0.02)
    for place, degree in enumerate(_ROW):
        pitch = piece.lowest * 2 ** (_PENTATONIC[degree] / 12)
        note = np.sin(2 * np.pi * pitch * at) + 0.2 * np.sin(4 * np.pi * pitch * at)
        sound[place * step : place * step + len(at)] += note * fade
    samples: NDArray[np.int16] = (sound / np.abs(sound).max() * _PEAK).astype(np.int16)
    return samples


def provide_music(sounds: Path) -> None:
    """Write music and tone below `sounds` unless there is some file: a centre may bring its own."""
    for name, piece in PIECES.items():
        folder = sounds / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        if any(folder.iterdir()):
            continue
        _write(folder / "computed.wav", play(piece))
    tone = sounds / "tones" / "beep.wav"
    if not tone.exists():
        tone.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        _write(tone, beep())


def beep() -> NDArray[np.int16]:
    """Compute the tone after which a caller leaves a message: 1,000 Hz for 0.3 seconds."""
    at = np.arange(round(0.3 * RATE)) / RATE
    edge = np.minimum(1.0, np.minimum(at, at[::-1]) / 0.01)
    samples: NDArray[np.int16] = (np.sin(2_000 * np.pi * at) * edge * _PEAK).astype(np.int16)
    return samples


def _write(path: Path, samples: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
