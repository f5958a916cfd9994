"""Music on hold, composed here: no licence to ask for, no file to fetch.

A slow pentatonic melody on soft bells for the queues, and for the psychological line a tone that
swells and ebbs in the rhythm of calm breathing (four seconds in, six seconds out).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from ivr.menu.audio import FORMATS, levelled, write_sounds
from ivr.menu.voice import Samples, Speech

RATE: Final = 16_000
_BEAT_SECONDS: Final = 0.75
_MELODY: Final = (
    *(67, 69, 72, 0, 74, 72, 69, 0, 67, 64, 67, 0, 62, 0, 0, 0),
    *(64, 67, 69, 0, 72, 69, 67, 0, 64, 62, 64, 0, 60, 0, 0, 0),
    *(72, 74, 76, 0, 74, 72, 69, 0, 72, 69, 67, 0, 69, 0, 0, 0),
    *(67, 64, 62, 0, 64, 67, 69, 0, 67, 64, 62, 0, 60, 0, 0, 0),
)
"""MIDI notes, one a beat, 0 rests: do re mi sol la only, so nothing can clash."""
_A4_NOTE: Final = 69
_A4_HERTZ: Final = 440.0
_NOTE_SECONDS: Final = 3.0
_BREATH_SECONDS: Final = (4.0, 6.0)
_BREATHS: Final = 6
_LOUDER_THAN_MUSIC: Final = 0.4
"""Music lies 8 dB below speech, so that an announcement is heard over its memory."""


def _hertz(note: int) -> float:
    return float(_A4_HERTZ * 2 ** ((note - _A4_NOTE) / 12))


def _bell(hertz: float) -> Samples:
    time = np.arange(int(RATE * _NOTE_SECONDS)) / RATE
    attack = np.minimum(time / 0.02, 1.0)
    tone = sum(
        np.sin(2 * np.pi * hertz * partial * time) * strength * np.exp(-time * decay)
        for partial, strength, decay in ((1, 1.0, 1.6), (2, 0.3, 2.6), (3, 0.1, 4.0))
    )
    return np.asarray(tone * attack, dtype=np.float32)


def melody() -> Speech:
    """Compose the queues' melody, 48 s; it ends where it may begin again."""
    beat = int(RATE * _BEAT_SECONDS)
    samples = np.zeros(len(_MELODY) * beat + int(RATE * _NOTE_SECONDS), dtype=np.float32)
    for position, note in enumerate(_MELODY):
        if note:
            bell = _bell(_hertz(note))
            samples[position * beat : position * beat + len(bell)] += bell
    return Speech(samples[: len(_MELODY) * beat], RATE)


def breathing() -> Speech:
    """Compose the psychological line's tone, 60 s of six breaths."""
    in_seconds, out_seconds = _BREATH_SECONDS
    rise = (1 - np.cos(np.linspace(0, np.pi, int(RATE * in_seconds)))) / 2
    fall = (1 + np.cos(np.linspace(0, np.pi, int(RATE * out_seconds)))) / 2
    swell = np.tile(0.15 + 0.85 * np.concatenate([rise, fall]), _BREATHS)
    time = np.arange(len(swell)) / RATE
    chord = sum(np.sin(2 * np.pi * _hertz(note) * time) for note in (48, 55, 60, 64))
    return Speech(np.asarray(chord * swell, dtype=np.float32), RATE)


PIECES: Final = MappingProxyType[str, Callable[[], Speech]](
    {"music/melody": melody, "calm/breathing": breathing}
)
"""Folder and name below the sounds: Asterisk's music classes play a folder each."""


def compose_music(sounds: Path) -> tuple[Path, ...]:
    """Write the pieces that are missing; give the stems of those written."""
    written = []
    for name, compose in PIECES.items():
        stem = sounds / name
        if all(stem.with_name(f"{stem.name}.{suffix}").is_file() for suffix, _ in FORMATS):
            continue
        piece = levelled(compose())
        stem.parent.mkdir(parents=True, exist_ok=True)
        write_sounds(stem, Speech(piece.samples * _LOUDER_THAN_MUSIC, piece.rate))
        written.append(stem)
    return tuple(written)
