"""Lines on their way into PostgreSQL: understood piece by piece while the pieces before are sent.

Taking a backlog in is a matter of two sides that work at once: PostgreSQL stores one piece while
the next is split, checked and sorted by call here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from ivr.asterisk import spool
from ivr.calls import CALL_ID
from ivr.database import Session, queries

log = structlog.get_logger()

CENTRE_TIME: Final = ZoneInfo("Asia/Shanghai")

_PIECE_BYTES: Final = 1 << 18
_COPIED: Final = ("opened_at", "call_id", "file_id", "position", "lines")
_Row = tuple[datetime, str, int, int, str]


@lru_cache(maxsize=10_000)
def opened_at(call_id: str) -> datetime:
    """Return the second in which a linked id was made: the key of its partition."""
    match = CALL_ID.fullmatch(call_id)
    if match is None:
        raise ValueError(call_id)
    return datetime.fromtimestamp(int(match["second"]), UTC)


@lru_cache(maxsize=10_000)
def month_of(call_id: str) -> date:
    """Return the first day of the month, in the centre's time, that holds a linked id."""
    return opened_at(call_id).astimezone(CENTRE_TIME).date().replace(day=1)


@dataclass(slots=True)
class _Lines:
    """The lines of one call in one piece."""

    position: int
    """Where the first of them stands in the file."""
    texts: list[str]
    ended: bool = False
    """Whether the call's end is among them."""


class Stretch:
    """A stretch of a journal's file, and what has been understood of it so far."""

    def __init__(self, data: bytes, position: int, *, complete: bool) -> None:
        """Begin at `position` of the file; see `ivr.asterisk.spool.read` for `complete`."""
        self.position = position
        """Everything before is understood."""
        self.refused: list[spool.Refused] = []
        self.ended: dict[str, bool] = {}
        """The calls that have lines here, and whether their end is among them."""
        self._data = data
        self._start = position
        self._complete = complete
        self._first = self._next()

    @property
    def months(self) -> set[date]:
        """The months whose partitions must be there before anything is stored."""
        return {month_of(call_id) for call_id in self._first}

    async def store(self, connection: Session, file_id: int, known: set[date]) -> None:
        """Copy the lines, those of a call together; stops short of a month that is not `known`."""
        await connection.copy_records_to_table(
            "spool_line", records=self._rows(file_id, known), columns=_COPIED
        )

    async def _rows(self, file_id: int, known: set[date]) -> AsyncIterator[_Row]:
        calls = self._first
        while calls:
            self._take(calls)
            for call_id, lines in calls.items():
                text = "\n".join(lines.texts)
                yield opened_at(call_id), call_id, file_id, lines.position, text
            calls = self._next(known)

    def _take(self, calls: Mapping[str, _Lines]) -> None:
        for call_id, lines in calls.items():
            self.ended[call_id] = self.ended.get(call_id, False) or lines.ended

    def _next(self, known: set[date] | None = None) -> dict[str, _Lines]:
        """Understand the next piece that holds lines; nothing of it counts if it must wait."""
        calls: dict[str, _Lines] = {}
        while not calls:
            begin = self.position - self._start
            end = begin + _PIECE_BYTES
            complete = self._complete and end >= len(self._data)
            reading = spool.read(self._data[begin:end], self.position, complete=complete)
            if reading.position == self.position:
                break
            calls = _by_call(reading.lines)
            if known is not None and not known.issuperset(month_of(call_id) for call_id in calls):
                return {}
            self.position = reading.position
            self.refused += reading.refused
        return calls


def _by_call(lines: list[spool.Line]) -> dict[str, _Lines]:
    calls: dict[str, _Lines] = {}
    for line in lines:
        call = calls.get(line.call_id)
        if call is None:
            call = calls[line.call_id] = _Lines(line.position, [])
        call.texts.append(line.text)
        call.ended |= line.ends_call
    return calls


async def mark_due(connection: Session, ended: Mapping[str, bool]) -> None:
    """Have calls with new lines folded, and with a new start of Asterisk those it left open."""
    due = sorted(ended)  # in one order, so that two who mark never wait crosswise
    parts = [call_id.split("-", 2) for call_id in due]
    await queries.mark_due(
        connection,
        call_ids=due,
        opened_at=[opened_at(call_id) for call_id in due],
        nodes=[node for node, *_ in parts],
        ended=[ended[call_id] for call_id in due],
    )
    await note_starts(connection, sorted({(node, int(boot)) for node, boot, _ in parts}))


async def note_starts(connection: Session, starts: Sequence[tuple[str, int]]) -> None:
    """Write down starts of Asterisk, by node and number; calls of earlier ones become due."""
    new = queries.note_boots(
        connection, nodes=[node for node, _ in starts], boots=[boot for _, boot in starts]
    )
    started = [row async for row in new]
    for row in started:
        log.info("engine.started", node=row["node"], boot=row["boot"])
    if started:
        await queries.mark_lost_calls_due(connection)
