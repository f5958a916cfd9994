"""The three-way check: our records, Asterisk's CDR file, queue_log. Reads, and changes nothing.

The two files lie where Asterisk puts them, beside the folder of the journal. What they hold is
read line by line and kept only for calls of the window, so a check on a live system costs one pass
over two files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ivr.asterisk import counterpart
from ivr.asterisk.counterpart import CdrLine, QueueLine
from ivr.calls import Disposition, VisitOutcome
from ivr.config import Settings
from ivr.crosscheck import NO_RECORD, Difference, Recorded, Told, compare, opened_second
from ivr.database import Session, queries

WINDOW: Final = timedelta(days=7)
"""Calls older than this are not looked at again: their files may have been put away."""

SETTLED: Final = timedelta(minutes=1)
"""So long after its end a call is written everywhere."""


@dataclass(slots=True)
class Checked:
    """What a three-way check found."""

    calls: int = 0
    """Records compared."""
    lines: int = 0
    """Lines of the two files that were understood."""
    unreadable: int = 0
    """Lines that are not Asterisk's: torn, or somebody's who calls."""
    differences: list[Difference] = field(default_factory=list)


@dataclass(slots=True)
class _File:
    """One of the two files, as far as it was read."""

    begins: float = float("inf")
    """Second since 1970 of its first line; what was before cannot be asked for."""
    understood: int = 0
    unreadable: int = 0


async def check(connection: Session, settings: Settings, *, since: datetime) -> Checked:
    """Compare every finished call of the window with what Asterisk's own files tell of it."""
    now = await queries.this_moment(connection)
    since = max(since, now - WINDOW)
    log = settings.spool.directory.parent
    told: dict[str, Told] = {}
    cdr = await asyncio.to_thread(
        _gather, log / "cdr-custom/cdr.jsonl", counterpart.parse_cdr, since, settings, told
    )
    queue_log = await asyncio.to_thread(
        _gather, log / "queue_log", counterpart.parse_queue_log, since, settings, told
    )
    checked = Checked(
        lines=cdr.understood + queue_log.understood,
        unreadable=cdr.unreadable + queue_log.unreadable,
    )
    rows = queries.calls_to_compare(
        connection, node=settings.node.name, since=since, until=now - SETTLED
    )
    async for row in rows:
        call = _recorded(row)
        opened = opened_second(call.call_id)
        checked.calls += 1
        checked.differences += compare(
            call,
            told.pop(call.call_id, Told()),
            cdr=opened + call.seconds >= cdr.begins,
            queue_log=opened >= queue_log.begins,
        )
    checked.differences += await _unrecorded(connection, told, now)
    return checked


def _gather(
    path: Path,
    parse: Callable[[bytes], CdrLine | QueueLine | None],
    since: datetime,
    settings: Settings,
    told: dict[str, Told],
) -> _File:
    file = _File()
    for line in _lines(path):
        found = parse(line)
        if found is None:
            file.unreadable += 1
            continue
        if not file.understood:
            file.begins = _written(found)
        file.understood += 1
        ours = found.call_id.startswith(f"{settings.node.name}-")
        if ours and opened_second(found.call_id) >= since.timestamp():
            told.setdefault(found.call_id, Told()).take(found)
    return file


def _written(line: CdrLine | QueueLine) -> float:
    """Return about when a line was written; a CDR's own stamps are of an unknown zone."""
    if isinstance(line, QueueLine):
        return line.second
    return opened_second(line.call_id) + (line.ended - line.began).total_seconds()


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the whole lines of a file; what is too long comes in pieces, which are no lines."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    with stream:
        while line := stream.readline(counterpart.LONGEST_LINE):
            if line.endswith(b"\n") and len(line) > 1:
                yield line[:-1]
            elif not line.endswith(b"\n") and len(line) == counterpart.LONGEST_LINE:
                yield line


def _recorded(row: Any) -> Recorded:  # noqa: ANN401 - a row has the columns of its query
    return Recorded(
        call_id=row["call_id"],
        seconds=(row["ended_at"] - row["started_at"]).total_seconds(),
        answered=row["answered"],
        disposition=Disposition(row["disposition"]),
        visits=tuple(
            (VisitOutcome(outcome), agent)
            for outcome, agent in zip(row["outcomes"], row["agents"], strict=True)
        ),
    )


async def _unrecorded(
    connection: Session, told: dict[str, Told], now: datetime
) -> list[Difference]:
    """Return calls that only Asterisk's own files know, and that ended long enough ago."""
    latest = (now - SETTLED).timestamp()
    over = [
        call_id
        for call_id, said in told.items()
        if opened_second(call_id) + (said.seconds or 0) < latest
    ]
    rows = queries.calls_among(connection, call_ids=over)
    known = {row["call_id"] async for row in rows}
    return [
        Difference(NO_RECORD, call_id, "CDR" if told[call_id].began else "queue_log")
        for call_id in sorted(set(over) - known)
    ]
