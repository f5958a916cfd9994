"""Ogg/Opus files, written and read by libsndfile: both legs kept apart, at the telephone's rate."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import soundfile

from ivr.errors import RecordingUnreadable

RATE: Final = 8_000
"""Samples a second of a telephone's sound; Opus knows it, so nothing is resampled."""
CHANNELS: Final = 2
"""Left is the caller, right is what the caller hears."""
_BLOCK_FRAMES: Final = 8_000


def encode(wav: Path, opus: Path) -> None:
    """Write an Ogg/Opus file of a WAV file, and read it back whole.

    Raises:
        RecordingUnreadable: it cannot be encoded, or the copy does not last as long.
    """
    try:
        with (
            soundfile.SoundFile(wav) as sound,
            opus.open("wb") as stream,
            soundfile.SoundFile(
                stream, "w", sound.samplerate, sound.channels, format="OGG", subtype="OPUS"
            ) as copy,
        ):
            frames = sound.frames
            for block in sound.blocks(_BLOCK_FRAMES, dtype="int16"):
                copy.write(block)
        heard = duration(opus)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise RecordingUnreadable(f"{wav.name} cannot be encoded: {error}") from None
    if heard != frames:
        raise RecordingUnreadable(f"{wav.name}: expected {frames} frames of Opus, came {heard}.")


def decode(opus: Path, wav: Path) -> None:
    """Write a WAV file of an Ogg/Opus file.

    Raises:
        RecordingUnreadable: it cannot be decoded.
    """
    try:
        with (
            opus.open("rb") as stream,
            soundfile.SoundFile(stream) as sound,
            wav.open("wb") as copy,
            wave.open(copy, "wb") as plain,
        ):
            plain.setnchannels(sound.channels)
            plain.setsampwidth(2)
            plain.setframerate(sound.samplerate)
            for block in sound.blocks(_BLOCK_FRAMES, dtype="int16"):
                plain.writeframesraw(block.tobytes())
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise RecordingUnreadable(f"{opus.name} cannot be decoded: {error}") from None


def duration(opus: Path) -> int:
    """Decode a file to its end and return its frames; raises soundfile's errors."""
    with opus.open("rb") as stream, soundfile.SoundFile(stream) as sound:
        return sum(len(block) for block in sound.blocks(_BLOCK_FRAMES, dtype="int16"))
