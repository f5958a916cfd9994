"""Takes the journal's lines into PostgreSQL: lines and cursor in one transaction, or neither.

Whatever dies in between, the cursor stands where the stored lines end. A failed-over database
brings an older cursor and older lines back together, and the gap is read again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from ivr.asterisk import journal, spool
from ivr.asterisk.journal import SpoolFile
from ivr.calls import CALL_ID
from ivr.config import Settings
from ivr.database import Pool, Session, queries, transaction
from ivr.failpoints import reach

log = structlog.get_logger()

CENTRE_TIME: Final = ZoneInfo("Asia/Shanghai")

_STRETCH_BYTES: Final = 1 << 20
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


def opened_at(call_id: str) -> datetime:
    """Return the second in which a linked id was made: the key of its partition."""
    match = CALL_ID.fullmatch(call_id)
    if match is None:
        raise ValueError(call_id)
    return datetime.fromtimestamp(int(match["second"]), UTC)


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
        """Take in one stretch of every file that has something new; returns the lines taken."""
        found = await asyncio.to_thread(journal.files, self._settings.spool.directory)
        self._mourn(found)
        taken = 0
        for file in found:
            if self._finished.get(file.path.name) != file.state:
                taken += await self._take(file)
        return taken

    def _mourn(self, found: Iterable[SpoolFile]) -> None:
        names = {file.path.name for file in found}
        for name in [name for name in self._unread if name not in names]:
            unread = self._unread.pop(name)
            self._finished.pop(name, None)
            if unread:
                log.error("spool.gone", file=name, unread_bytes=unread)

    async def _take(self, file: SpoolFile) -> int:
        try:
            head = await asyncio.to_thread(journal.read_head, file.path)
            if head is None:
                return 0
            cursor = self._cursors.get(head) or await self._cursor(head, file)
            stretch = await asyncio.to_thread(
                journal.read_stretch,
                file.path,
                cursor.position,
                remembered=len(cursor.tail),
                most=_STRETCH_BYTES,
            )
        except FileNotFoundError:
            return 0
        if stretch.head != head:
            return 0
        if stretch.size < cursor.position and not file.active:
            return 0  # a copy in the making, or a shortened one, of what has been read
        if stretch.size < cursor.position or stretch.before != cursor.tail:
            log.error(
                "spool.truncated",
                file=file.path.name,
                bytes=stretch.size,
                read_bytes=cursor.position,
            )
            await self._begin(head, file, cursor.generation + 1)
            return 1
        return await self._store(head, cursor, file, stretch)

    async def _store(
        self, head: bytes, cursor: Cursor, file: SpoolFile, stretch: journal.Stretch
    ) -> int:
        at_end = cursor.position + len(stretch.data) >= stretch.size
        now_ns = int(datetime.now(UTC).timestamp()) * 1_000_000_000
        settled = not file.active and now_ns - file.modified_ns > _SETTLED_NS
        reading = spool.read(stretch.data, cursor.position, complete=at_end and settled)
        if reading.position > cursor.position:
            kept = stretch.before + stretch.data[: reading.position - cursor.position]
            moved = replace(cursor, position=reading.position, tail=kept[-_TAIL_BYTES:])
            self._cursors.pop(head, None)
            await self._commit(cursor, moved, file, reading)
            self._cursors[head] = moved
            self._report(file, reading)
        unread = stretch.size - reading.position
        self._unread[file.path.name] = unread
        if unread == 0 or (at_end and file.active):
            self._finished[file.path.name] = file.state
        return len(reading.lines) + len(reading.refused)

    async def _commit(
        self, before: Cursor, after: Cursor, file: SpoolFile, reading: spool.Reading
    ) -> None:
        async with transaction(self._pool, self._settings.database) as connection:
            await self._make_partitions(connection, reading.lines)
            moved = await queries.advance_spool_cursor(
                connection,
                file_id=before.file_id,
                before=before.position,
                position=after.position,
                tail=after.tail,
                name=file.path.name,
                device=file.device,
                inode=file.inode,
            )
            if moved is None:
                raise CursorMoved(f"{file.path.name} at {before.position}")
            await _copy_lines(connection, before.file_id, reading.lines)
            await self._quarantine(connection, before.file_id, reading.refused)
            await _mark_due(connection, reading.lines)
            reach("intake.commit.before")
        reach("intake.commit.after")

    async def _make_partitions(self, connection: Session, lines: Sequence[spool.Line]) -> None:
        days = {opened_at(call_id).astimezone(CENTRE_TIME) for call_id in _ids(lines)}
        for month in sorted({day.date().replace(day=1) for day in days} - self._months):
            await queries.make_partitions(connection, month=month)

    async def _quarantine(
        self, connection: Session, file_id: int, refused: Sequence[spool.Refused]
    ) -> None:
        if not refused:
            return
        await queries.quarantine_bytes(
            connection,
            node=self._settings.node.name,
            file_id=file_id,
            positions=[found.position for found in refused],
            reasons=[found.reason.value for found in refused],
            contents=[found.content for found in refused],
        )

    def _report(self, file: SpoolFile, reading: spool.Reading) -> None:
        days = {opened_at(call_id).astimezone(CENTRE_TIME) for call_id in _ids(reading.lines)}
        self._months |= {day.date().replace(day=1) for day in days}
        for refused in reading.refused:
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


def _ids(lines: Iterable[spool.Line]) -> list[str]:
    return list(dict.fromkeys(line.call_id for line in lines))


async def _copy_lines(connection: Session, file_id: int, lines: Sequence[spool.Line]) -> None:
    stamps = {call_id: opened_at(call_id) for call_id in _ids(lines)}
    await connection.copy_records_to_table(
        "spool_line",
        records=[
            (stamps[line.call_id], line.call_id, file_id, line.position, line.text)
            for line in lines
        ],
        columns=["opened_at", "call_id", "file_id", "position", "line"],
    )


async def _mark_due(connection: Session, lines: Sequence[spool.Line]) -> None:
    ended: dict[str, bool] = {}
    for line in lines:
        ended[line.call_id] = ended.get(line.call_id, False) or line.ends_call
    due = sorted(ended)
    matches = [CALL_ID.fullmatch(call_id) for call_id in due]
    nodes = [match["node"] for match in matches if match]
    boots = {(match["node"], int(match["boot"])) for match in matches if match}
    await queries.mark_due(
        connection,
        call_ids=due,
        opened_at=[opened_at(call_id) for call_id in due],
        nodes=nodes,
        ended=[ended[call_id] for call_id in due],
    )
    new = queries.note_boots(
        connection,
        nodes=[node for node, _ in sorted(boots)],
        boots=[boot for _, boot in sorted(boots)],
    )
    started = [row async for row in new]
    for row in started:
        log.info("engine.started", node=row["node"], boot=row["boot"])
    if started:
        await queries.mark_lost_calls_due(connection)
