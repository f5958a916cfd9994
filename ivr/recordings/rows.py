"""Rows of recordings: written, with the marks of their pauses, and gone through page by page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ivr.asterisk import spool
from ivr.asterisk.variables import UserEvent
from ivr.database import Session, queries
from ivr.errors import PeerBroke
from ivr.lines import opened_at
from ivr.recordings.archive import Kept
from ivr.recordings.pauses import Pause, pauses


class Place(NamedTuple):
    """How far the rows have been gone through, in the order of their calls' beginnings."""

    after_opened_at: datetime
    after_call_id: str = ""
    after_leg: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Place:
        """Return the place just behind a row."""
        return cls(row["opened_at"], row["call_id"], row["leg"])


FIRST: Final = Place(datetime(2000, 1, 1, tzinfo=UTC))
"""Before every row."""


async def write_row(connection: Session, call_id: str, leg: str, kept: Kept) -> bool:
    """Say that a recording lies in the archive, in the caller's transaction.

    Returns:
        False when it was deleted before; it stays so.
    """
    first, *beside = kept.files
    marks = await _pauses_of(connection, call_id) if leg == "both" else ()
    written = await queries.keep_recording(
        connection,
        call_id=call_id,
        leg=leg,
        path=first.path,
        format=first.format,
        key_id=first.key_id,
        bytes=first.size,
        milliseconds=kept.milliseconds,
        sha256=first.sha256,
        wav_bytes=beside[0].size if beside else None,
        wav_sha256=beside[0].sha256 if beside else None,
        peaks=kept.peaks,
        pauses=json.dumps([asdict(mark) for mark in marks]),
    )
    return written is not None


async def _pauses_of(connection: Session, call_id: str) -> Sequence[Pause]:
    """Find a call's pauses in the lines of its journal."""
    rows = queries.lines_of_calls(connection, opened_at=[opened_at(call_id)], call_ids=[call_id])
    lines = [line async for row in rows for line in row["lines"].split("\n")]
    if not any(UserEvent.RECORDING_PAUSED in line for line in lines):
        return ()
    found = []
    for line in lines:
        with suppress(PeerBroke):
            found.append(spool.parse(line))
    return pauses(event for event in found if event is not None)
