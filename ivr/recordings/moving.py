"""Moves sealed recordings from the machine's disk into the object store, one after the other.

Upload, read back, row, and only then the local file goes. A death anywhere in between is mended by
doing the same again: what was uploaded is replaced by the same, and what is left here of a moved
recording is taken away by `tidy`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from ivr.config import Settings
from ivr.database import Pool, Session, queries, transaction
from ivr.errors import RecordingUnreadable
from ivr.failpoints import reach
from ivr.lines import opened_at
from ivr.recordings.archive import Archive, archived_in_batches, call_id_of
from ivr.recordings.keys import KeyFile
from ivr.recordings.reading import Reader, StoredFile, files_of
from ivr.recordings.rows import FIRST, Place
from ivr.recordings.storage import Storage

log = structlog.get_logger()

AT_ONCE: Final = 20
_TIDIED_AT_ONCE: Final = 500
_REMEMBERED: Final = 1_000
"""Ill recordings at most; past it only later calls are looked at until the night."""
_LONGEST_CALL: Final = timedelta(days=1)
"""So long after its beginning a call may still get its recording."""


class Moving:
    """Moves the recordings of one node."""

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._now = now
        self._archive = Archive(settings.recordings.archive)
        self._keys = KeyFile(settings.recordings.keys)
        self._passed_over: set[str] = set()
        self._place = FIRST
        self.ill = 0
        """How many could not be moved because of their own files, since the last night."""
        self.unfinished = False
        """Whether more wait behind those of the last step."""

    async def step(self, storages: Mapping[str, Storage], most: int = AT_ONCE) -> int:
        """Try to move some, and go on behind them the next time; returns how many were moved.

        One whose file is ill is passed over for the day.

        Raises:
            OSError: the store does not do what it should; the others wait as well.
        """
        async with transaction(self._pool, self._settings.database) as connection:
            found = queries.recordings_to_move(
                connection,
                node=self._settings.node.name,
                passed_over=list(self._passed_over),
                most=most,
                **self._place._asdict(),
            )
            rows = [row async for row in found]
        self.unfinished = len(rows) == most
        moved = 0
        for row in rows:
            moved += await self._try(row, storages)
            self._place = Place.of(row)
        if not self.unfinished and len(self._passed_over) < _REMEMBERED:
            self._place = min(self._place, Place(self._now() - _LONGEST_CALL))
        return moved

    async def _try(self, row: Mapping[str, Any], storages: Mapping[str, Storage]) -> bool:
        try:
            return await self._move(row, storages)
        except (FileNotFoundError, RecordingUnreadable) as error:
            if not await self._is_wanted(row):
                return False
            why = str(error) or type(error).__name__
            log.error("recording.unmoved", call_id=row["call_id"], leg=row["leg"], why=why)  # noqa: TRY400 - the reason is in the error itself
            self.ill += 1
            if len(self._passed_over) < _REMEMBERED:
                self._passed_over.add(f"{row['call_id']}/{row['leg']}")
        return False

    async def _move(self, row: Mapping[str, Any], storages: Mapping[str, Storage]) -> bool:
        files = files_of(row)
        for file in files:
            await self._upload(file, storages["s3"])
        async with transaction(self._pool, self._settings.database) as connection:
            moved = await queries.move_recording(
                connection,
                call_id=row["call_id"],
                leg=row["leg"],
                path=row["path"],
                key_id=row["key_id"],
            )
            now = None if moved else await self._row_now(connection, row)
            reach("moving.commit.before")
        reach("moving.commit.after")
        if moved:
            await _delete(files, storages["local"])
            reach("moving.removed")
            log.info("recording.moved", call_id=row["call_id"], leg=row["leg"])
        elif now is not None and now["state"] == "deleted":
            # Nobody owns this upload. That of a kept recording may be the recording itself, when
            # another mover was quicker; of one sealed anew meanwhile it is replaced by the next.
            await _delete(files, storages["s3"])
        return moved is not None

    async def _is_wanted(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a recording still waits here to be moved."""
        async with transaction(self._pool, self._settings.database) as connection:
            now = await self._row_now(connection, row)
        return now is not None and (now["state"], now["storage"]) == ("kept", "local")

    async def _row_now(
        self, connection: Session, row: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = await queries.recording_of_call(
            connection, call_id=row["call_id"], leg=row["leg"]
        )
        return found

    async def _upload(self, file: StoredFile, store: Storage) -> None:
        source = self._archive.find(file.path)

        def measured() -> tuple[int, bytes]:
            with source.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").digest()
                return stream.tell(), digest

        try:
            size, digest = await asyncio.to_thread(measured)
        except FileNotFoundError:
            # A database that failed over has forgotten that it was moved: it lies there already.
            there = Reader({"s3": store}, self._keys)
            if not await there.proves(replace(file, storage="s3")):
                raise
            return
        await store.put(file.path, source)
        reach("moving.uploaded")
        came = hashlib.sha256()
        async with aclosing(store.read(file.path, 0, size)) as pieces:
            async for piece in pieces:
                came.update(piece)
        if await store.size(file.path) != size or came.digest() != digest:
            raise RecordingUnreadable(
                f"{file.path}: the store does not give back what it was given."
            )

    async def tidy(self, storages: Mapping[str, Storage]) -> int:
        """Take away what a death left here of recordings that have been moved; once a night."""
        self._passed_over.clear()
        self._place, self.ill = FIRST, 0
        gone = 0
        async for paths in archived_in_batches(self._settings.recordings.archive, _TIDIED_AT_ONCE):
            calls = sorted({call_id for path in paths if (call_id := call_id_of(path))})
            async with transaction(self._pool, self._settings.database) as connection:
                rows = queries.recordings_of_calls(
                    connection, call_ids=calls, opened_at=[opened_at(call) for call in calls]
                )
                files = [
                    file async for row in rows if row["state"] == "kept" for file in files_of(row)
                ]
            for file in files:
                if file.storage == "s3" and file.path in paths:
                    await storages["local"].delete(file.path)
                    gone += 1
        return gone


async def _delete(files: Iterable[StoredFile], storage: Storage) -> None:
    for file in files:
        await storage.delete(file.path)
