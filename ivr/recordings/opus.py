"""Ogg/Opus files, written and read by libsndfile: both legs kept apart, at the telephone's rate."""

from __future__ import annotations

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


def duration(opus: Path) -> int:
    """Decode a file to its end and return its frames; raises soundfile's errors."""
    with opus.open("rb") as stream, soundfile.SoundFile(stream) as sound:
        return sum(len(block) for block in sound.blocks(_BLOCK_FRAMES, dtype="int16"))
