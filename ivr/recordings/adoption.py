"""Brings archived recordings whose row the database has lost back to their calls.

A database that fails over to an older copy lacks its last rows. Lines are read again from the
journal; of a recording the raw file is gone by then, but its sealed file tells everything that its
row told, and opens under the name of its own call, leg and format alone. What does not open, or
belongs to no call, is written down and left where it is.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import structlog

from ivr.config import Settings
from ivr.database import Pool, queries, transaction
from ivr.errors import HotlineError
from ivr.failpoints import reach
from ivr.lines import CENTRE_TIME, opened_at
from ivr.recordings import opus
from ivr.recordings.archive import (
    Kept,
    KeptFile,
    archived_in_batches,
    call_id_of,
    frames_of,
    leg_of,
    stem_of,
    waveform_of,
)
from ivr.recordings.keys import KeyFile
from ivr.recordings.opus import RATE
from ivr.recordings.owed import GRACE, LEAST
from ivr.recordings.reading import Reader, StoredFile, files_of
from ivr.recordings.rows import write_row
from ivr.recordings.sealing import SUFFIX
from ivr.recordings.storages import open_storages

log = structlog.get_logger()

_FORMATS: Final = ("opus", "wav")
"""In the order in which a recording's files are named by its row."""
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class _Found:
    """The files of one recording, in one place."""

    storage: str
    files: tuple[StoredFile, ...]


class Adoption:
    """Looks for the lost recordings of one node."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._work = settings.recordings.archive / ".adoption"

    async def adopt(self, call_id: str, leg: str) -> bool:
        """Give a call its archived recording back; False when there is none that opens."""
        path = stem_of(call_id, opened_at(call_id).astimezone(CENTRE_TIME), leg)
        async with open_storages(self._settings.recordings) as storages:
            reader = Reader(storages, KeyFile(self._settings.recordings.keys))
            try:
                found = await _find(reader, storages, path, call_id, leg)
                if found is None:
                    return False
                kept = await self._open(reader, found)
            except (OSError, HotlineError) as error:
                await self._quarantine(self._named(path), f"unreadable: {error}")
                return False
        await self._keep(call_id, leg, found, kept)
        log.warning("recording.adopted", call_id=call_id, leg=leg, storage=found.storage)
        return True

    async def look_through(self) -> int:
        """Go through the archive's own disk once; returns how many recordings were adopted."""
        adopted = 0
        async for paths in archived_in_batches(self._settings.recordings.archive, _AT_ONCE):
            adopted += await self._look_at(paths)
        return adopted

    async def _look_at(self, paths: list[str]) -> int:
        rows, calls = await self._known(sorted({call_id_of(path) for path in paths} - {""}))
        lost: dict[tuple[str, str], None] = {}
        for path in paths:
            call_id, leg = call_id_of(path), leg_of(path)
            row = rows.get((call_id, leg))
            owned = row is not None and path in {file.path for file in files_of(row)}
            if owned or await asyncio.to_thread(self._is_fresh, path):
                continue
            if row is not None or call_id not in calls:
                why = "beside its recording" if row else "no call" if call_id else "no name of ours"
                await self._quarantine(path, f"archived, {why}")
            elif calls[call_id]["final"]:
                lost[call_id, leg] = None
        return sum([await self.adopt(call_id, leg) for call_id, leg in lost])

    async def _known(
        self, calls: list[str]
    ) -> tuple[dict[tuple[str, str], Mapping[str, Any]], dict[str, Mapping[str, Any]]]:
        """Return the rows that have a file, by call and leg, and what is known of the calls."""
        async with transaction(self._pool, self._settings.database) as connection:
            rows = queries.recordings_of_calls(
                connection, call_ids=calls, opened_at=[opened_at(call) for call in calls]
            )
            owned = {(row["call_id"], row["leg"]): row async for row in rows}
            known = queries.calls_of_files(connection, call_ids=calls, **LEAST)
            return owned, {row["call_id"]: row async for row in known}

    def _is_fresh(self, path: str) -> bool:
        """Tell whether the row of a file may still be on its way, or the file going."""
        try:
            seen = (self._settings.recordings.archive / path).stat()
        except FileNotFoundError:
            return True
        return datetime.now(UTC) - datetime.fromtimestamp(seen.st_mtime, UTC) < GRACE

    async def _open(self, reader: Reader, found: _Found) -> Kept:
        """Read every file whole, as a player would, and learn what its row said."""
        # The round for missing ones and the night's may be at it at once.
        number = token_hex(8)
        plain, wav = (self._work / f"{number}.{form}.part" for form in ("plain", "wav"))
        await asyncio.to_thread(self._work.mkdir, parents=True, exist_ok=True, mode=0o750)
        files, frames, drawn = [], 0, b""
        try:
            for file in found.files:
                sha256 = await _fetch(reader, file, plain)
                files.append(KeptFile(file.format, file.path, file.size, sha256, file.key_id or ""))
                sound = plain
                if file.format == "opus":
                    await asyncio.to_thread(opus.decode, plain, wav)
                    sound = wav
                frames = await asyncio.to_thread(frames_of, sound)
                drawn = await asyncio.to_thread(waveform_of, sound)
        finally:
            for path in (plain, wav):
                await asyncio.to_thread(path.unlink, missing_ok=True)
        return Kept(tuple(files), frames * 1000 // RATE, drawn, "")

    async def _keep(self, call_id: str, leg: str, found: _Found, kept: Kept) -> None:
        first = kept.files[0]
        async with transaction(self._pool, self._settings.database) as connection:
            await write_row(connection, call_id, leg, kept)
            if found.storage == "s3":
                await queries.move_recording(
                    connection, call_id=call_id, leg=leg, path=first.path, key_id=first.key_id
                )
            for file in kept.files:
                await queries.adopt_orphan(
                    connection, node=self._settings.node.name, name=file.path
                )
            reach("adoption.commit.before")
        reach("adoption.commit.after")

    def _named(self, stem: str) -> str:
        """Return the path of a recording's file that lies here, or what all would begin with."""
        paths = [f"{stem}.{form}{SUFFIX}" for form in _FORMATS]
        archive = self._settings.recordings.archive
        return next((path for path in paths if (archive / path).exists()), stem)

    async def _quarantine(self, path: str, reason: str) -> None:
        size, modified = 0, datetime.now(UTC)
        with suppress(FileNotFoundError):
            seen = await asyncio.to_thread((self._settings.recordings.archive / path).stat)
            size, modified = seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC)
        async with transaction(self._pool, self._settings.database) as connection:
            row = await queries.note_orphan(
                connection,
                node=self._settings.node.name,
                name=path,
                reason=reason[:200],
                bytes=size,
                modified_at=modified,
            )
        if row["new"]:
            log.error("recording.orphan", file=path, bytes=size, reason=reason)


async def _find(
    reader: Reader, storages: Iterable[str], stem: str, call_id: str, leg: str
) -> _Found | None:
    """Look where recordings lie, the machine's own disk first."""
    for storage in storages:
        files = []
        for form in _FORMATS:
            path = f"{stem}.{form}{SUFFIX}"
            header = await reader.header(storage, path)
            if header is not None:
                files.append(
                    StoredFile(call_id, leg, form, storage, path, header.key_id, header.length, b"")
                )
        if files:
            return _Found(storage, tuple(files))
    return None


async def _fetch(reader: Reader, file: StoredFile, plain: Path) -> bytes:
    """Write a file's plain sound; returns its digest."""
    digest = hashlib.sha256()
    with plain.open("wb") as stream:
        async with aclosing(reader.sound(file, 0, file.size)) as pieces:
            async for piece in pieces:
                digest.update(piece)
                await asyncio.to_thread(stream.write, piece)
    return digest.digest()
