"""Takes the journal's lines into PostgreSQL: lines and cursor in one transaction, or neither.

Whatever dies in between, the cursor stands where the stored lines end. A failed-over database
brings an older cursor and older lines back together, and the gap is read again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog

from ivr.asterisk import journal, spool
from ivr.asterisk.journal import SpoolFile
from ivr.asterisk.spool import LONGEST_LINE
from ivr.config import Settings
from ivr.database import Pool, Session, queries, transaction
from ivr.failpoints import reach
from ivr.lines import Stretch, mark_due

log = structlog.get_logger()

KEPT: Final = timedelta(days=30)
"""How long the journal outlives its being taken in, so that a restored database can catch up."""

_LARGE_BYTES: Final = 1 << 26
_STRETCH_BYTES: Final = 1 << 24
_TAIL_BYTES: Final = 64
_SETTLED_NS: Final = 10_000_000_000
"""A rotated file that has not grown for so long gets no more; a last line without end is torn."""


class CursorMoved(Exception):
    """Another reader took the same lines; ours were not stored."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a file has been read."""

    file_id: int
    generation: int
    position: int
    tail: bytes


class Intake:
    """Reads every file of the journal from where it was left."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._cursors: dict[bytes, Cursor] = {}
        self._finished: dict[str, tuple[int, int, int, int]] = {}
        """Files read to their end, by name, with what they looked like then."""
        self._unread: dict[str, int] = {}
        self._months: set[date] = set()

    async def step(self) -> int:
        """Take in what every file has new, or a good part of it; returns the bytes taken."""
        found = await asyncio.to_thread(journal.files, self._settings.spool.directory)
        self._mourn(found)
        taken = 0
        for file in found:
            if self._finished.get(file.path.name) != file.state:
                with suppress(FileNotFoundError):  # rotated away since; met again by its new name
                    taken += await self._take(file)
        return taken

    async def tidy(self, now: datetime) -> None:
        """Set a large journal aside, remove what was read long ago, and look at all anew."""
        for file in await asyncio.to_thread(journal.files, self._settings.spool.directory):
            name = file.path.name
            taken = self._finished.get(name) == file.state and self._unread.get(name) == 0
            age = now - datetime.fromtimestamp(file.modified_ns / 1e9, UTC)
            if file.active and file.size >= _LARGE_BYTES:
                aside = await asyncio.to_thread(journal.rotate, file, now)
                log.info("spool.rotated", file=aside.name, bytes=file.size)
            elif not file.active and taken and age > KEPT:
                await asyncio.to_thread(file.path.unlink, missing_ok=True)
                self._unread.pop(name, None)
                log.info("spool.removed", file=name, bytes=file.size)
        # A database that failed over may have older cursors, which a quiet journal would not show.
        self._finished.clear()
        self._cursors.clear()

    def _mourn(self, found: Iterable[SpoolFile]) -> None:
        names = {file.path.name for file in found}
        for name in [name for name in self._unread if name not in names]:
            unread = self._unread.pop(name)
            self._finished.pop(name, None)
            if unread:
                log.error("spool.gone", file=name, unread_bytes=unread)

    async def _take(self, file: SpoolFile) -> int:
        head = await asyncio.to_thread(journal.read_head, file.path)
        if head is None:
            return 0
        cursor = self._cursors.get(head) or await self._cursor(head, file)
        found = await asyncio.to_thread(
            journal.read_stretch,
            file.path,
            cursor.position,
            remembered=len(cursor.tail),
            most=_STRETCH_BYTES,
        )
        shorter = found.size < cursor.position
        if found.head != head or (shorter and not file.active):
            # Another file by now; or, of a rotated one, a copy in the making of what was read.
            return 0
        if shorter or found.before != cursor.tail:
            log.error(
                "spool.truncated",
                file=file.path.name,
                bytes=found.size,
                read_bytes=cursor.position,
            )
            await self._begin(head, file, cursor.generation + 1)
            return 1
        return await self._store(head, cursor, file, found)

    async def _store(
        self, head: bytes, cursor: Cursor, file: SpoolFile, found: journal.Stretch
    ) -> int:
        at_end = cursor.position + len(found.data) >= found.size
        settled = not file.active and time.time_ns() - file.modified_ns > _SETTLED_NS
        stretch = Stretch(found.data, cursor.position, complete=at_end and settled)
        if stretch.position > cursor.position:
            self._cursors.pop(head, None)
            self._cursors[head] = await self._commit(cursor, file, found, stretch)
            self._report(file, stretch)
        unread = found.size - stretch.position
        self._unread[file.path.name] = unread
        waits = at_end and stretch.position + LONGEST_LINE > found.size and file.active
        if unread == 0 or waits:
            self._finished[file.path.name] = file.state
        return stretch.position - cursor.position

    async def _commit(
        self, cursor: Cursor, file: SpoolFile, found: journal.Stretch, stretch: Stretch
    ) -> Cursor:
        async with transaction(self._pool, self._settings.database) as connection:
            locked = await queries.lock_spool_cursor(
                connection, file_id=cursor.file_id, position=cursor.position
            )
            if locked is None:
                raise CursorMoved(f"{file.path.name} at {cursor.position}")
            months = self._months | stretch.months
            for month in sorted(months - self._months):
                await queries.make_partitions(connection, month=month)
            await stretch.store(connection, cursor.file_id, months)
            await self._quarantine(connection, cursor.file_id, stretch.refused)
            await mark_due(connection, stretch.ended)
            kept = found.before + found.data[: stretch.position - cursor.position]
            tail = kept[-_TAIL_BYTES:]
            await queries.advance_spool_cursor(
                connection,
                file_id=cursor.file_id,
                position=stretch.position,
                tail=tail,
                name=file.path.name,
                device=file.device,
                inode=file.inode,
            )
            reach("intake.commit.before")
        self._months = months
        reach("intake.commit.after")
        return replace(cursor, position=stretch.position, tail=tail)

    async def _quarantine(
        self, connection: Session, file_id: int, refused: Sequence[spool.Refused]
    ) -> None:
        if not refused:
            return
        await queries.quarantine_bytes(
            connection,
            node=self._settings.node.name,
            file_id=file_id,
            positions=[bytes_.position for bytes_ in refused],
            reasons=[bytes_.reason.value for bytes_ in refused],
            contents=[bytes_.content for bytes_ in refused],
        )

    def _report(self, file: SpoolFile, stretch: Stretch) -> None:
        for refused in stretch.refused:
            log.error(
                "spool.quarantined",
                file=file.path.name,
                position=refused.position,
                reason=refused.reason.value,
                bytes=len(refused.content),
            )

    async def _cursor(self, head: bytes, file: SpoolFile) -> Cursor:
        async with transaction(self._pool, self._settings.database) as connection:
            row = await queries.spool_cursor(connection, node=self._settings.node.name, head=head)
        if row is None:
            return await self._begin(head, file, 1)
        cursor = Cursor(row["file_id"], row["generation"], row["position"], row["tail"])
        self._cursors[head] = cursor
        return cursor

    async def _begin(self, head: bytes, file: SpoolFile, generation: int) -> Cursor:
        async with transaction(self._pool, self._settings.database) as connection:
            row = await queries.open_spool_file(
                connection,
                node=self._settings.node.name,
                head=head,
                generation=generation,
                name=file.path.name,
                device=file.device,
                inode=file.inode,
            )
        cursor = Cursor(row["file_id"], row["generation"], row["position"], row["tail"])
        self._cursors[head] = cursor
        return cursor
