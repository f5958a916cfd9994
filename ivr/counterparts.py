"""The three-way check: our records, Asterisk's CDR file, queue_log. Reads, and changes nothing.

The two files lie where Asterisk puts them, beside the folder of the journal, with what logrotate
made of them: renamed (`queue_log.1`, `queue_log-20261122`) or copied and truncated. What they hold
is read line by line and kept only for calls of the window, so a check on a live system costs one
pass over them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

from ivr.asterisk import counterpart
from ivr.asterisk.counterpart import CdrLine, QueueLine
from ivr.asterisk.journal import PACKED
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
    """One of the two files with what it was rotated into, as far as they were read."""

    first: CdrLine | QueueLine | None = None
    """The first line there is; what was before it cannot be asked for."""
    behind_seconds: float = float("-inf")
    """Of the CDR file's clock, whose zone it does not name, behind the seconds since 1970."""
    understood: int = 0
    unreadable: int = 0

    @property
    def begins(self) -> float:
        """Second since 1970 after which everything must be in it."""
        if isinstance(self.first, CdrLine):
            return _on_its_own_clock(self.first.ended) + self.behind_seconds + 1
        return self.first.second if self.first else float("inf")

    def take(self, line: CdrLine | QueueLine) -> None:
        """Count a line that was understood."""
        self.first = self.first or line
        self.understood += 1
        if isinstance(line, CdrLine):
            # Equal for the first stretch of a call, which begins with it; less for the others.
            behind = opened_second(line.call_id) - _on_its_own_clock(line.began)
            self.behind_seconds = max(self.behind_seconds, behind)


def _on_its_own_clock(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


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
            # Of a call of before the first line there is, a part may have been put away.
            whole=opened >= cdr.begins,
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
    with ExitStack() as opened:
        for stream in _opened(path, opened):
            for line in _lines(stream):
                found = parse(line)
                if found is None:
                    file.unreadable += 1
                    continue
                file.take(found)
                ours = found.call_id.startswith(f"{settings.node.name}-")
                if ours and opened_second(found.call_id) >= since.timestamp():
                    told.setdefault(found.call_id, Told()).take(found)
    return file


def _opened(path: Path, opened: ExitStack) -> list[IO[bytes]]:
    """Open a file and what it was rotated into, each content once, the oldest first.

    The one that is written to comes first, before the others are looked for: renamed in between, it
    is met a second time by its new name, and never not at all. What begins with the same line is
    the same file: copied to be truncated, or renamed; the longest holds all of it.
    """
    longest: dict[bytes, IO[bytes]] = {}
    for candidate in chain((path,), _rotated(path)):
        try:
            stream = opened.enter_context(candidate.open("rb"))
        except FileNotFoundError:
            continue
        head = stream.readline(counterpart.LONGEST_LINE)
        stream.seek(0)
        if head and (head not in longest or _size(stream) > _size(longest[head])):
            longest[head] = stream
    return sorted(longest.values(), key=lambda stream: os.fstat(stream.fileno()).st_mtime_ns)


def _rotated(path: Path) -> Iterator[Path]:
    """List what a file was rotated into and is not packed yet, when it is asked for."""
    for found in path.parent.glob(f"{path.name}[.-]*"):
        if found.is_file() and found.suffix not in PACKED:
            yield found


def _size(stream: IO[bytes]) -> int:
    return os.fstat(stream.fileno()).st_size


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the whole lines of a file; what is too long comes in pieces, which are no lines."""
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
