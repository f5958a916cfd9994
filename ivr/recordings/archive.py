"""The archive's files: two raw channels in, sealed files out, whole or not at all.

A file is written beside its place, forced to the disk, read back, and renamed. Names are made of
the call id alone; nothing a person typed or dialled ever becomes part of a path.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import stat
import wave
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import numpy as np

from ivr.calls import CALL_ID
from ivr.errors import RecordingUnreadable, ValueRefused
from ivr.failpoints import reach
from ivr.recordings import opus
from ivr.recordings.keys import Keyring
from ivr.recordings.opus import CHANNELS, RATE
from ivr.recordings.sealing import HEADER_BYTES, SUFFIX, Header, Seal, seal_file
from ivr.recordings.waveform import peaks

_PATH: Final = re.compile(
    rf"[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}/{CALL_ID.pattern}(\.voicemail)?\.(wav|opus)(\.sealed)?"
)
_FRAME_BYTES: Final = 2 * CHANNELS
_CHUNK_BYTES: Final = 1 << 18
_WAV_HEADER_BYTES: Final = 44
_WAITING: Final = ".part"
_NOT_PLAIN: Final = frozenset({errno.ELOOP, errno.ENXIO, errno.ENOENT, errno.ENODEV})


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file of a recording."""

    format: str
    """`opus` or `wav`."""
    path: str
    """Below the archive, `yyyy/mm/dd/<call id>.opus.sealed`."""
    size: int
    """Bytes of the plain sound."""
    sha256: bytes
    """Of the plain sound."""
    key_id: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished recording: sealed, read back, and waiting to be put in its place."""

    files: tuple[KeptFile, ...]
    """The one that is played first; a WAV beside an Opus file may follow."""
    milliseconds: int
    peaks: bytes
    unencoded: str
    """Why there is no Opus file although one is wanted; empty otherwise."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What is being made."""

    call_id: str
    leg: str
    stem: Path
    """Its place without an ending."""
    ring: Keyring


def name_of(call_id: str, leg: str, format: str) -> str:  # noqa: A002 - the field's word
    """Return the name that a file is sealed under: another's file does not open in its place."""
    return f"{call_id}/{leg}/{format}"


def stem_of(call_id: str, day: datetime, leg: str) -> str:
    """Return a recording's path below the archive, without its endings."""
    return f"{day:%Y/%m/%d}/{call_id if leg == 'both' else f'{call_id}.{leg}'}"


class Archive:
    """The folder of finished recordings."""

    def __init__(self, root: Path, formats: tuple[str, ...] = ("opus",)) -> None:
        """Use `root`, which is made when the first file comes.

        Args:
            root: of all paths.
            formats: what is kept of a recording, the one to be played first.
        """
        self._root = root
        self._formats = formats

    def prepare(
        self, raw: IO[bytes], call_id: str, day: datetime, ring: Keyring, *, leg: str = "both"
    ) -> Kept:
        """Make the sealed files beside their places.

        Args:
            raw: interleaved signed 16-bit little-endian samples of two channels. A torn last
                frame, left by a killed Asterisk, is cut off.
            call_id: names the files.
            day: in the centre's time, names the folder.
            ring: the newest key seals.
            leg: `both` for conversations; another one becomes part of the name.

        Raises:
            OSError: the raw file cannot be read whole, or the archive not be written.
            RecordingUnreadable: what was written does not read back.
        """
        if not CALL_ID.fullmatch(call_id):
            raise ValueRefused(f"Expected a call id for a recording, came {call_id!r}.")
        stem = self._root / stem_of(call_id, day, leg)
        stem.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        made = _Made(call_id, leg, stem, ring)
        plain = {"wav": _waiting(stem, ".wav")}
        frames = _write_wav(raw, plain["wav"])
        reach("archive.written")
        formats, unencoded = self._formats, ""
        if "opus" in formats:
            plain["opus"] = _waiting(stem, ".opus")
            try:
                opus.encode(plain["wav"], plain["opus"])
            except RecordingUnreadable as error:
                formats, unencoded = ("wav",), error.detail
            reach("archive.encoded")
        kept = Kept(
            tuple(self._seal(plain[form], form, made) for form in formats),
            frames * 1000 // RATE,
            waveform_of(plain["wav"]),
            unencoded,
        )
        for path in plain.values():
            path.unlink(missing_ok=True)
        reach("archive.sealed")
        return kept

    def _seal(self, plain: Path, form: str, made: _Made) -> KeptFile:
        place = made.stem.with_name(f"{made.stem.name}.{form}{SUFFIX}")
        key_id = made.ring.newest
        with plain.open("rb") as source:
            sha256 = hashlib.file_digest(source, "sha256").digest()
            size = source.tell()
            source.seek(0)
            kept = KeptFile(form, place.relative_to(self._root).as_posix(), size, sha256, key_id)
            name = name_of(made.call_id, made.leg, form)
            write_sealed(source, _waiting(place, ""), kept, made.ring.secret(key_id), name)
        return kept

    def place(self, files: Iterable[KeptFile]) -> None:
        """Put prepared files in their places, for good."""
        for file in files:
            place = self._root / file.path
            _waiting(place, "").rename(place)
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


def write_sealed(
    source: IO[bytes], waiting: Path, kept: KeptFile, secret: bytes, name: str
) -> None:
    """Write a sealed file, force it to the disk, and read it back as a player would.

    Raises:
        OSError: the source gave less than it should, or the disk refuses.
        RecordingUnreadable: what stands on the disk is not what was sealed.
    """
    with waiting.open("wb") as stream:
        seal_file(source, stream, Seal.fresh(kept.size, kept.key_id, secret, name))
        stream.flush()
        os.fsync(stream.fileno())
    reach("archive.written_sealed")
    with waiting.open("rb") as stream:
        seal = Seal(Header.parse(stream.read(HEADER_BYTES)), secret, name)
        digest = hashlib.sha256()
        for number in range(seal.header.chunks):
            digest.update(seal.open(number, stream.read(seal.sealed_size(number))))
        if stream.read(1) or digest.digest() != kept.sha256:
            raise RecordingUnreadable(f"{waiting.name} does not read back as it was written.")


def open_regular(path: Path) -> IO[bytes]:
    """Open a file that is no link, folder, pipe or device.

    Raises:
        ValueRefused: it is one, or is not there.
        OSError: it cannot be opened now.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in _NOT_PLAIN:
            raise
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


def is_waiting(path: Path) -> bool:
    """Tell whether a file is one that was being written: what it was made of is still there."""
    return path.name.endswith(_WAITING)


def archived(root: Path) -> set[str]:
    """Return the paths of all finished files below a folder."""
    return {path for paths in _by_folder(root) for path in paths}


async def archived_in_batches(root: Path, most: int) -> AsyncIterator[list[str]]:
    """Give the paths of all finished files below a folder, the oldest day's first.

    No more than one day's lie in memory: an archive holds those of years.

    Args:
        root: the folder.
        most: paths in a batch.
    """
    folders = _by_folder(root)
    while (paths := await asyncio.to_thread(next, folders, None)) is not None:
        for begin in range(0, len(paths), most):
            yield paths[begin : begin + most]


def _by_folder(root: Path) -> Iterator[list[str]]:
    for folder, below, names in os.walk(root):
        below.sort()
        files = (Path(folder, name) for name in sorted(names))
        yield [
            path.relative_to(root).as_posix()
            for path in files
            if path.is_file() and not is_waiting(path)
        ]


def call_id_of(path: str) -> str:
    """Return the call that a path is named after; empty for a name that is none of ours."""
    name = path.rpartition("/")[2]
    for ending in (SUFFIX, ".opus", ".wav", ".voicemail"):
        name = name.removesuffix(ending)
    return name if CALL_ID.fullmatch(name) else ""


def leg_of(path: str) -> str:
    """Return what of its call a path of ours holds."""
    return "voicemail" if ".voicemail." in path else "both"


def _waiting(place: Path, ending: str) -> Path:
    return place.with_name(f".{place.name}{ending}{_WAITING}")


def _write_wav(raw: IO[bytes], wav: Path) -> int:
    """Write the plain sound; returns its frames."""
    expected = _size(raw)
    came = frames = 0
    with wav.open("wb") as stream, wave.open(stream, "wb") as sound:
        sound.setnchannels(CHANNELS)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        while chunk := raw.read(_CHUNK_BYTES):
            came += len(chunk)
            whole = chunk[: len(chunk) - len(chunk) % _FRAME_BYTES]
            frames += len(whole) // _FRAME_BYTES
            sound.writeframesraw(whole)
    if came < expected:
        raise OSError(errno.EIO, f"short read: expected {expected} bytes, came {came}")
    return frames


def _size(raw: IO[bytes]) -> int:
    size = raw.seek(0, os.SEEK_END)
    raw.seek(0)
    return size


def frames_of(wav: Path) -> int:
    """Return how many frames a plain WAV file of ours has."""
    return (wav.stat().st_size - _WAV_HEADER_BYTES) // _FRAME_BYTES


def waveform_of(wav: Path) -> bytes:
    """Return the peaks of a plain WAV file of ours."""
    frames = frames_of(wav)
    if frames <= 0:
        return b""
    samples = np.memmap(wav, "<i2", "r", _WAV_HEADER_BYTES, (frames, CHANNELS))
    return peaks(samples)
