"""Reads a stored recording: the range that is asked for, opened chunk by chunk on the way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from ivr.errors import HotlineError, RecordingUnreadable
from ivr.recordings.archive import name_of
from ivr.recordings.keys import KeyFile
from ivr.recordings.sealing import HEADER_BYTES, Header, Seal, span
from ivr.recordings.storage import Storage

MEDIA_TYPES: Final = {"opus": "audio/ogg; codecs=opus", "wav": "audio/wav"}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a recording, as its row tells."""

    call_id: str
    leg: str
    format: str
    storage: str
    """`local` or `s3`."""
    path: str
    key_id: str | None
    """None: it is not sealed."""
    size: int
    """Bytes of the plain sound."""
    sha256: bytes
    """Of the plain sound."""


def files_of(row: Mapping[str, Any]) -> tuple[StoredFile, ...]:
    """Return the files of a recording's row, the one that is played first."""
    first = StoredFile(
        row["call_id"],
        row["leg"],
        row["format"],
        row["storage"],
        row["path"],
        row["key_id"],
        row["bytes"],
        row["sha256"],
    )
    if row["wav_sha256"] is None:
        return (first,)
    beside = StoredFile(
        first.call_id,
        first.leg,
        "wav",
        first.storage,
        first.path.replace(f".{first.format}.", ".wav."),
        first.key_id,
        row["wav_bytes"],
        row["wav_sha256"],
    )
    return first, beside


class Reader:
    """Reads recordings, wherever they lie."""

    def __init__(self, storages: Mapping[str, Storage], keys: KeyFile) -> None:
        self._storages = storages
        self._keys = keys

    def storage(self, file: StoredFile) -> Storage:
        """Return where a file lies.

        Raises:
            RecordingUnreadable: this process knows no such place.
        """
        if file.storage not in self._storages:
            raise RecordingUnreadable(f"{file.path} lies in {file.storage!r}, which is not set up.")
        return self._storages[file.storage]

    async def proves(self, file: StoredFile) -> bool:
        """Tell whether a file gives back what its row says; one that cannot be read does not."""
        digest = hashlib.sha256()
        try:
            async with aclosing(self.sound(file, 0, file.size)) as pieces:
                async for piece in pieces:
                    digest.update(piece)
        except (OSError, HotlineError):
            return False
        return digest.digest() == file.sha256

    async def header(self, storage: str, path: str) -> Header | None:
        """Read how a file was sealed; None when there is none.

        Raises:
            RecordingUnreadable: it is no sealed file.
            OSError: where it lies does not answer.
        """
        place = self._storages[storage]
        if await place.size(path) is None:
            return None
        return Header.parse(await _whole(place.read(path, 0, HEADER_BYTES)))

    async def sound(self, file: StoredFile, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Give the plain bytes from `start` up to `stop`, which must lie within the file.

        Raises:
            RecordingUnreadable: the file was cut or changed, or its key is not at hand.
            SettingsInvalid: the key file cannot be used.
            OSError: where it lies does not answer.
        """
        storage = self.storage(file)
        if file.key_id is None:
            pieces = storage.read(file.path, start, stop)
        else:
            pieces = self._opened(storage, file, start, stop)
        given = 0
        async with aclosing(pieces):
            async for piece in pieces:
                given += len(piece)
                yield piece
        if given != stop - start:
            raise RecordingUnreadable(f"{file.path}: expected {stop - start} bytes, came {given}.")

    async def _opened(
        self, storage: Storage, file: StoredFile, start: int, stop: int
    ) -> AsyncGenerator[bytes, None]:
        header = Header.parse(await _whole(storage.read(file.path, 0, HEADER_BYTES)))
        if header.length != file.size:
            raise RecordingUnreadable(
                f"{file.path}: expected {file.size} bytes of sound, it says {header.length}."
            )
        name = name_of(file.call_id, file.leg, file.format)
        seal = Seal(header, self._keys.ring().secret(header.key_id), name)
        wanted = span(header, start, stop)
        number, skip, left = wanted.first, wanted.skip, stop - start
        waiting = bytearray()
        async with aclosing(storage.read(file.path, wanted.start, wanted.stop)) as coming:
            async for piece in coming:
                waiting += piece
                while left > 0 and len(waiting) >= (size := seal.sealed_size(number)):
                    chunk = await asyncio.to_thread(seal.open, number, bytes(waiting[:size]))
                    del waiting[:size]
                    found = chunk[skip : skip + left]
                    number, skip, left = number + 1, 0, left - len(found)
                    yield found
        if left > 0:
            raise RecordingUnreadable(f"{file.path} was cut at chunk {number}.")


async def _whole(pieces: AsyncGenerator[bytes, None]) -> bytes:
    async with aclosing(pieces):
        return b"".join([piece async for piece in pieces])
