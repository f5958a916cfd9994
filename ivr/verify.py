"""Checks what must hold of the ledger at any moment: identities in SQL, and files against rows.

Reads one snapshot and changes nothing, so it may run on a live system. The live picture, which is
no record, is held against Asterisk beside it. Each identity has a figure
and a number of violations, which must be 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ivr import picture
from ivr.asterisk import journal
from ivr.config import Settings
from ivr.counterparts import check as check_counterparts
from ivr.crosscheck import KINDS
from ivr.database import Session, make_pool, queries
from ivr.recordings.checks import check_recordings
from ivr.recordings.owed import GRACE, LEAST
from ivr.refold import EVER, unlike_their_fold

WEEK: Final = timedelta(days=7)
"""What is looked at unless more is asked for: a base of years is read for hours."""

_QUERY_SECONDS: Final = 3600.0
"""One identity over all history may take as long as this; it blocks nobody."""

_FOLDED_AGAIN: Final = 500
_LATE: Final = timedelta(minutes=1)
"""A spool file may be ahead of the ledger for this long."""

_COUNTED: Final[Sequence[tuple[str, str]]] = (
    ("calls doubled", "calls_doubled"),
    ("linked ids heard of without a record", "calls_unrecorded"),
    ("records without a line", "calls_unheard"),
    ("open calls of an earlier start of Asterisk", "calls_never_closed"),
    ("queue days that do not add up", "queue_identity"),
    ("records that do not add up with their parts", "parts_identity"),
    ("counts that differ from what they count", "counts_identity"),
    ("stays in a queue beyond the call's end", "visits_unended"),
    ("agents offered two calls at once", "agents_offered_two"),
    ("recordings shorter than the talk", "recordings_short"),
    ("deleted recordings without a certificate", "recordings_uncertified"),
    ("recordings deleted under a legal hold", "recordings_deleted_under_hold"),
    ("transcripts of deleted recordings", "transcripts_outliving"),
)
"""Identities that a single count proves; each query takes `since`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One identity, and how far it holds."""

    name: str
    violations: int
    checked: int | None = None
    """How many things were looked at, where that is not the whole table."""
    examples: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether there is nothing to complain of."""
        return self.violations == 0


def begin(asked: datetime | None, *, everything: bool, now: datetime) -> datetime:
    """Say where a look begins: where it was asked to, or `WEEK` ago."""
    if everything:
        return EVER
    return now - WEEK if asked is None else asked


async def verify(settings: Settings, *, since: datetime = EVER) -> list[Finding]:
    """Check every identity for the calls that began at or after `since`."""
    shown = await _picture(settings)
    patient = settings.database.model_copy(update={"command_seconds": _QUERY_SECONDS})
    async with (
        make_pool(patient, purpose="verify") as pool,
        pool.acquire(timeout=settings.database.acquire_seconds) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return [
            *[await _count(connection, name, query, since) for name, query in _COUNTED],
            await _overdue(connection),
            *await _sound(connection, since),
            await _audit(connection),
            await _folded_again(connection, since),
            *await _three_ways(connection, settings, since),
            *[
                Finding(*found)
                for found in await check_recordings(connection, pool, settings, since)
            ],
            *await _spool(connection, settings),
            shown,
        ]


def report(findings: Sequence[Finding]) -> str:
    """Put the findings into lines for a terminal."""
    lines = []
    for finding in findings:
        looked = "" if finding.checked is None else f" (of {finding.checked})"
        seen = "".join(f"\n        {example}" for example in finding.examples[:5])
        verdict = "ok  " if finding.holds else "FAIL"
        lines.append(f"{verdict} {finding.violations:>6}  {finding.name}{looked}{seen}")
    return "\n".join(lines)


async def _count(connection: Session, name: str, query: str, since: datetime) -> Finding:
    return Finding(name, await getattr(queries, query)(connection, since=since))


async def _overdue(connection: Session) -> Finding:
    return Finding("ended calls waiting for their record", await queries.calls_overdue(connection))


async def _sound(connection: Session, since: datetime) -> list[Finding]:
    """Every talk that owes sound has it, or is known to miss it; what owes none is counted."""
    missing = await queries.recordings_missing(connection, since=since, **LEAST)
    owed = await queries.recordings_owed(connection, since=since, grace=GRACE, **LEAST)
    short = await queries.talks_soundless(connection, since=since, **LEAST)
    return [
        Finding("conversations without a recording", missing),
        Finding("conversations and messages not asked for their recording", owed),
        Finding("talks too short to have left a sound", 0, short),
    ]


async def _audit(connection: Session) -> Finding:
    return Finding("breaks in the audit's chain", await queries.audit_broken(connection))


async def _folded_again(connection: Session, since: datetime) -> Finding:
    """Fold the newest calls again; `ivr.refold` does it with all."""
    rows = [row async for row in queries.final_calls(connection, since=since, most=_FOLDED_AGAIN)]
    wrong = await unlike_their_fold(connection, rows)
    return Finding("records unlike the fold of their lines", len(wrong), len(rows), tuple(wrong))


async def _three_ways(connection: Session, settings: Settings, since: datetime) -> list[Finding]:
    """Ask Asterisk's CDR file and queue_log; what they know is reported, never a record's."""
    checked = await check_counterparts(connection, settings, since=since)
    found = [
        Finding(
            kind,
            sum(difference.kind == kind for difference in checked.differences),
            checked.calls,
            tuple(f"{d.call_id}: {d.why}" for d in checked.differences if d.kind == kind),
        )
        for kind in KINDS
    ]
    unreadable = (f"{checked.unreadable} are not Asterisk's",) if checked.unreadable else ()
    return [*found, Finding("lines of CDR file and queue_log", 0, checked.lines, unreadable)]


async def _picture(settings: Settings) -> Finding:
    """Hold what desks are shown against Asterisk, where that can be asked."""
    found = await picture.compare(settings)
    seen = (f"not asked: {found.unasked}",) if found.unasked else found.differences
    name = "live state in Redis unlike Asterisk's"
    return Finding(name, len(found.differences), found.facts, seen)


async def _spool(connection: Session, settings: Settings) -> list[Finding]:
    """Every byte before the cursor is in a line, in quarantine, or the end of a line."""
    files = await asyncio.to_thread(journal.files, settings.spool.directory)
    heads = {file: await asyncio.to_thread(journal.read_head, file.path) for file in files}
    known = [head for head in heads.values() if head is not None]
    rows = queries.bytes_taken(connection, node=settings.node.name, heads=known)
    taken = {row["head"]: row async for row in rows}
    late, lost = [], []
    for file, head in heads.items():
        if head is None:
            continue
        row = taken.get(head)
        position = row["position"] if row else 0
        waits = timedelta(microseconds=(_now_ns() - file.modified_ns) // 1000)
        if file.size > position and waits > _LATE:
            late.append(f"{file.path.name}: {file.size - position} bytes")
        ends = await asyncio.to_thread(_line_ends, file.path, position)
        if row and ends + row["line_bytes"] + row["quarantined_bytes"] != position:
            lost.append(file.path.name)
    return [
        Finding("spool files left unread", len(late), None, tuple(late)),
        Finding("spool files whose bytes are not all kept", len(lost), len(taken), tuple(lost)),
    ]


def _now_ns() -> int:
    return int(datetime.now(UTC).timestamp()) * 1_000_000_000


def _line_ends(path: Path, position: int) -> int:
    ends, left = 0, position
    with path.open("rb") as stream:
        while left and (chunk := stream.read(min(left, 1 << 20))):
            ends += chunk.count(b"\n")
            left -= len(chunk)
    return ends
