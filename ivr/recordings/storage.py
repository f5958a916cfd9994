"""Where sealed files lie: one interface, and the machine's own disk behind it.

Every wait has an end, every buffer a size. What is read comes in pieces, so a long recording never
lies in memory whole.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final, Protocol, TypeVar

from ivr.recordings.archive import Archive, sync_folder

PIECE_BYTES: Final = 1 << 18
"""Read and held at once."""
DEADLINE_SECONDS: Final = 10.0
"""How long one read or write of a piece may take on a disk that still works."""

T = TypeVar("T")


class Storage(Protocol):
    """A place for files that are written once.

    Every method raises `OSError` (a `TimeoutError` among them) when the place does not answer, and
    `ValueRefused` for a path that is none of an archive's.
    """

    async def put(self, path: str, source: Path) -> None:
        """Store a whole file under a path, or nothing; what was there is replaced."""

    def read(self, path: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Give the bytes from `start` up to `stop`, or to the end of a shorter file."""

    async def size(self, path: str) -> int | None:
        """Return the file's bytes; None when there is none."""

    async def delete(self, path: str) -> None:
        """Take a file away; one that is not there is as good."""


class LocalStorage:
    """The archive's folder on the machine's own disk."""

    def __init__(self, root: Path) -> None:
        self._archive = Archive(root)

    async def put(self, path: str, source: Path) -> None:
        """Copy a file beside its place, force it to the disk, and rename it."""
        place = self._archive.find(path)

        def copied() -> None:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            waiting = place.with_name(f".{place.name}.part")
            with source.open("rb") as plain, waiting.open("wb") as stream:
                shutil.copyfileobj(plain, stream, PIECE_BYTES)
                stream.flush()
                os.fsync(stream.fileno())
            waiting.rename(place)
            sync_folder(place.parent)

        await asyncio.to_thread(copied)

    async def read(self, path: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Read piece by piece."""
        place = self._archive.find(path)
        stream = await _in_time(lambda: place.open("rb"))
        try:
            await _in_time(stream.seek, start)
            left = stop - start
            while left > 0 and (piece := await _in_time(stream.read, min(left, PIECE_BYTES))):
                left -= len(piece)
                yield piece
        finally:
            stream.close()

    async def size(self, path: str) -> int | None:
        """Ask the disk."""
        place = self._archive.find(path)
        try:
            return (await _in_time(place.stat)).st_size
        except FileNotFoundError:
            return None

    async def delete(self, path: str) -> None:
        """Unlink, and force that to the disk: what was deleted does not come back."""
        place = self._archive.find(path)

        def deleted() -> None:
            place.unlink(missing_ok=True)
            if place.parent.is_dir():
                sync_folder(place.parent)

        await _in_time(deleted)


async def _in_time(step: Callable[..., T], *arguments: object) -> T:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await asyncio.to_thread(step, *arguments)
