"""The archive's files: two raw channels in, one finished file out, whole or not at all.

A file is written beside its place, forced to the disk, and renamed. Names are made of the call id
alone; nothing a person typed or dialled ever becomes part of a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import wave
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from ivr.calls import CALL_ID
from ivr.errors import ValueRefused
from ivr.failpoints import reach

RATE: Final = 8_000
"""Samples a second of a telephone's sound."""
CHANNELS: Final = 2
"""Left is the caller, right is what the caller hears."""
_PATH: Final = re.compile(rf"[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}/{CALL_ID.pattern}(\.voicemail)?\.wav")
_FRAME_BYTES: Final = 2 * CHANNELS
_CHUNK_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished recording."""

    path: str
    """Below the archive, `yyyy/mm/dd/<call id>.wav`."""
    size: int
    """In bytes."""
    milliseconds: int
    sha256: bytes
    """Of the file."""


class Archive:
    """The folder of finished recordings."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def prepare(
        self, raw: IO[bytes], call_id: str, day: datetime, *, leg: str = "both"
    ) -> tuple[Kept, Path]:
        """Make the finished file beside its place; returns what it is and where it waits.

        Args:
            raw: interleaved signed 16-bit little-endian samples of two channels. A torn last
                frame, left by a killed Asterisk, is cut off.
            call_id: names the file.
            day: in the centre's time, names the folder.
            leg: `both` for conversations; another one becomes part of the name.
        """
        if not CALL_ID.fullmatch(call_id):
            raise ValueRefused(f"Expected a call id for a recording, came {call_id!r}.")
        name = call_id if leg == "both" else f"{call_id}.{leg}"
        path = f"{day:%Y/%m/%d}/{name}.wav"
        place = self._root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        waiting = place.with_name(f".{place.name}.part")
        frames = 0
        with waiting.open("wb") as stream:
            with wave.open(stream, "wb") as sound:
                sound.setnchannels(CHANNELS)
                sound.setsampwidth(2)
                sound.setframerate(RATE)
                while chunk := raw.read(_CHUNK_BYTES):
                    whole = chunk[: len(chunk) - len(chunk) % _FRAME_BYTES]
                    frames += len(whole) // _FRAME_BYTES
                    sound.writeframesraw(whole)
            stream.flush()
            os.fsync(stream.fileno())
        reach("archive.written")
        kept = Kept(path, waiting.stat().st_size, frames * 1000 // RATE, _sha256(waiting))
        return kept, waiting

    def place(self, kept: Kept, waiting: Path) -> None:
        """Put a prepared file in its place, for good."""
        place = self._root / kept.path
        waiting.rename(place)
        sync_folder(place.parent)
        reach("archive.placed")

    def find(self, path: str) -> Path:
        """Return the file of a stored path; nothing outside the archive is ever found.

        Raises:
            ValueRefused: the path leads elsewhere, or over a link.
        """
        place = self._root / path
        if not _PATH.fullmatch(path) or place.resolve() != self._root.resolve() / path:
            raise ValueRefused(f"Expected a path within the archive, came {path!r}.")
        return place


def open_regular(path: Path) -> IO[bytes]:
    """Open a file that is no link, folder, pipe or device.

    Raises:
        ValueRefused: it is one.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ValueRefused(
            f"Expected a plain file, {path.name} is none ({error.strerror})."
        ) from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise ValueRefused(f"Expected a plain file, {path.name} is none.")
    return os.fdopen(number, "rb")


def sync_folder(folder: Path) -> None:
    """Force a folder's names to the disk, so that a rename outlives a power cut."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _sha256(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
