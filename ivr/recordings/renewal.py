"""Seals recordings anew: with the newest key, or for the first time if they are older than sealing.

The sound stays what it was, and its digest is compared before and after. A file's header names its
key, so between the new file and its row a recording is read as well as before.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from ivr.config import Settings
from ivr.database import Pool, queries, transaction
from ivr.errors import HotlineError, RecordingUnreadable
from ivr.failpoints import reach
from ivr.recordings.archive import KeptFile, name_of, waveform_of, write_sealed
from ivr.recordings.keys import KeyFile
from ivr.recordings.reading import Reader, StoredFile, files_of
from ivr.recordings.rows import FIRST, Place
from ivr.recordings.sealing import SUFFIX
from ivr.recordings.storage import Storage

log = structlog.get_logger()

_BATCH: Final = 100


class AlreadyRenewing(HotlineError):
    """Another process is sealing recordings anew."""


class Renewal:
    """Brings the recordings of one node to the newest key."""

    def __init__(self, pool: Pool, settings: Settings, storages: Mapping[str, Storage]) -> None:
        self._pool = pool
        self._settings = settings
        self._keys = KeyFile(settings.recordings.keys)
        self._reader = Reader(storages, self._keys)
        self._work = settings.recordings.archive / ".renewal"

    async def run(self) -> tuple[int, int]:
        """Go through all of them once; returns how many were sealed anew, and how many could not.

        Raises:
            AlreadyRenewing: by another process.
            SettingsInvalid: the key file cannot be used.
        """
        await asyncio.to_thread(self._work.mkdir, parents=True, exist_ok=True)
        with _alone_in(self._work):
            return await self._go_through()

    async def _go_through(self) -> tuple[int, int]:
        place = FIRST
        done = failed = 0
        while rows := await self._rows(place):
            for row in rows:
                try:
                    await self._renew(row)
                    done += 1
                except (OSError, RecordingUnreadable) as error:
                    failed += 1
                    log.error("recording.unrenewed", call_id=row["call_id"], why=str(error))  # noqa: TRY400 - the reason is in the error itself
            place = Place.of(rows[-1])
        return done, failed

    async def _rows(self, place: Place) -> list[Mapping[str, Any]]:
        async with transaction(self._pool, self._settings.database) as connection:
            rows = queries.recordings_to_reseal(
                connection,
                node=self._settings.node.name,
                key_id=self._keys.ring().newest,
                most=_BATCH,
                **place._asdict(),
            )
            return [row async for row in rows]

    async def _renew(self, row: Mapping[str, Any]) -> None:
        files = files_of(row)
        renewed, drawn = [], None
        for file in files:
            plain = self._work / "plain.part"
            try:
                await self._fetch(file, plain)
                renewed.append(await self._seal(file, plain))
                if file.format == "wav":
                    drawn = await asyncio.to_thread(waveform_of, plain)
            finally:
                await asyncio.to_thread(plain.unlink, missing_ok=True)
        async with transaction(self._pool, self._settings.database) as connection:
            await queries.reseal_recording(
                connection,
                call_id=row["call_id"],
                leg=row["leg"],
                path_before=row["path"],
                storage=row["storage"],
                path=renewed[0].path,
                key_id=renewed[0].key_id,
                peaks=drawn,
            )
            now = await queries.recording_of_call(
                connection, call_id=row["call_id"], leg=row["leg"]
            )
            reach("renewal.commit.before")
        reach("renewal.commit.after")
        # Deleted or moved meanwhile: then it is the new files that nobody owns.
        there = {file.path for file in files} | {file.path for file in renewed}
        for path in there - _owned(now, row["storage"], there):
            await self._reader.storage(files[0]).delete(path)

    async def _fetch(self, file: StoredFile, plain: Path) -> None:
        digest = hashlib.sha256()
        with plain.open("wb") as stream:
            async with aclosing(self._reader.sound(file, 0, file.size)) as pieces:
                async for piece in pieces:
                    digest.update(piece)
                    await asyncio.to_thread(stream.write, piece)
        if digest.digest() != file.sha256:
            raise RecordingUnreadable(f"{file.path} is not what its row says.")

    async def _seal(self, file: StoredFile, plain: Path) -> KeptFile:
        ring = self._keys.ring()
        path = file.path if file.path.endswith(SUFFIX) else file.path + SUFFIX
        kept = KeptFile(file.format, path, file.size, file.sha256, ring.newest)
        sealed = self._work / "sealed.part"
        name = name_of(file.call_id, file.leg, file.format)

        def made() -> None:
            with plain.open("rb") as source:
                write_sealed(source, sealed, kept, ring.secret(ring.newest), name)

        await asyncio.to_thread(made)
        await self._reader.storage(file).put(path, sealed)
        reach("renewal.placed")
        await asyncio.to_thread(sealed.unlink, missing_ok=True)
        return kept


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder against every other process; the hold ends with the process at the latest."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRenewing(f"{folder} is in use; wait for its end.") from None
        yield
    finally:
        os.close(number)


def _owned(now: Mapping[str, Any] | None, storage: str, there: set[str]) -> set[str]:
    """Return what a row owns in a storage; while the database has lost it, all that is there."""
    if now is None:
        return there
    if (now["state"], now["storage"]) != ("kept", storage):
        return set()
    return {file.path for file in files_of(now)}
