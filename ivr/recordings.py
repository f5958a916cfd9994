"""Brings every recording to its call: sweeps finished files into the archive, and misses none.

Asterisk writes `<call id>.raw`, and `<call id>.voicemail.raw` for a message. When the call is over
the file is finished, and its row and its place come about in one transaction; only then does the
raw file go. A file without a call is written down and left alone; a conversation or a message
without a file raises an alarm, once.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from ivr.archive import Archive, Kept, open_regular
from ivr.calls import CALL_ID
from ivr.config import Settings
from ivr.database import Pool, queries, transaction
from ivr.errors import ValueRefused
from ivr.failpoints import reach
from ivr.lines import CENTRE_TIME, opened_at

log = structlog.get_logger()

GRACE: Final = timedelta(minutes=10)
"""How long a file may wait for its call, and a conversation for its file."""

_SUFFIXES: Final[Mapping[str, str]] = {".voicemail.raw": "voicemail", ".raw": "both"}
"""Leg by the end of the name, the longer first."""
_QUIET_SECONDS: Final = 1.0
"""Asterisk may still be writing a moment after the call has ended."""
_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file in the folder that Asterisk records into."""

    path: Path
    size: int
    modified_s: float
    plain: bool
    """A regular file, not a link or a folder."""

    @property
    def call_id(self) -> str | None:
        """The call it is named after; None for a name that is none of ours."""
        named = self.path.name.removesuffix(self._suffix) if self._suffix and self.plain else ""
        match = CALL_ID.fullmatch(named)
        return match[0] if match else None

    @property
    def leg(self) -> str:
        """What of the call it holds: `both` sides of a conversation, or a `voicemail`."""
        return _SUFFIXES.get(self._suffix, "both")

    @property
    def _suffix(self) -> str:
        return next((end for end in _SUFFIXES if self.path.name.endswith(end)), "")


def incoming(folder: Path) -> list[Incoming]:
    """List what lies in the folder, the oldest first."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            seen = entry.stat(follow_symlinks=False)
            plain = entry.is_file(follow_symlinks=False)
            found.append(Incoming(Path(entry.path), seen.st_size, seen.st_mtime, plain))
    return sorted(found, key=lambda file: (file.modified_s, file.path.name))


class Sweeper:
    """Finishes the recordings of one Asterisk."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._archive = Archive(settings.recordings.archive)
        self._orphans: set[str] = set()

    async def step(self) -> int:
        """Finish what can be finished; returns how many recordings that were."""
        found = await asyncio.to_thread(incoming, self._settings.recordings.incoming)
        now = time.time()
        quiet = [file for file in found if now - file.modified_s > _QUIET_SECONDS]
        named = [(file.call_id, file) for file in quiet if file.call_id]
        calls = await self._calls(sorted({call_id for call_id, _ in named}))
        done = 0
        for call_id, file in named:
            call = calls.get(call_id)
            if call is not None and call["final"] and done < _AT_ONCE:
                done += await self._finish(file, call)
        for file in quiet:
            if now - file.modified_s > GRACE.total_seconds() and file.call_id not in calls:
                await self._note_orphan(file)
        return done

    async def look_for_missing(self) -> None:
        """Raise the alarm for conversations whose file never came, once each."""
        found = await asyncio.to_thread(incoming, self._settings.recordings.incoming)
        present = [f"{file.call_id}/{file.leg}" for file in found if file.call_id and file.size]
        async with transaction(self._pool, self._settings.database) as connection:
            missing = queries.miss_recordings(
                connection, node=self._settings.node.name, grace=GRACE, present=present
            )
            missed = [(row["call_id"], row["leg"]) async for row in missing]
        for call_id, leg in missed:
            log.error("recording.missing", call_id=call_id, leg=leg)

    async def _calls(self, call_ids: list[str]) -> dict[str, Mapping[str, Any]]:
        if not call_ids:
            return {}
        async with transaction(self._pool, self._settings.database) as connection:
            rows = queries.calls_of_files(connection, call_ids=call_ids)
            return {row["call_id"]: row async for row in rows}

    async def _finish(self, file: Incoming, call: Mapping[str, Any]) -> int:
        if file.size == 0:
            # Nobody spoke: Asterisk opens the file before the first conversation. If somebody
            # did, the empty file stays as evidence and the conversation is reported missing.
            if file.leg not in call["owed"]:
                await asyncio.to_thread(file.path.unlink, missing_ok=True)
            return 0
        if file.leg in call["deleted"]:
            await self._note_orphan(file)
            return 0
        try:
            kept, waiting = await asyncio.to_thread(self._prepare, file, call["call_id"])
        except ValueRefused as error:
            log.error("recording.refused", file=file.path.name, why=str(error))  # noqa: TRY400 - the reason is in the error itself
            return 0
        await self._keep(file, call["call_id"], kept, waiting)
        await asyncio.to_thread(file.path.unlink, missing_ok=True)
        reach("recordings.removed")
        log.info(
            "recording.kept",
            call_id=call["call_id"],
            leg=file.leg,
            milliseconds=kept.milliseconds,
            bytes=kept.size,
        )
        return 1

    def _prepare(self, file: Incoming, call_id: str) -> tuple[Kept, Path]:
        day = opened_at(call_id).astimezone(CENTRE_TIME)
        with open_regular(file.path) as raw:
            return self._archive.prepare(raw, call_id, day, leg=file.leg)

    async def _keep(self, file: Incoming, call_id: str, kept: Kept, waiting: Path) -> None:
        async with transaction(self._pool, self._settings.database) as connection:
            await queries.keep_recording(
                connection,
                call_id=call_id,
                leg=file.leg,
                path=kept.path,
                format="wav",
                key_id=None,
                bytes=kept.size,
                milliseconds=kept.milliseconds,
                sha256=kept.sha256,
            )
            await queries.adopt_orphan(
                connection, node=self._settings.node.name, name=file.path.name
            )
            await asyncio.to_thread(self._archive.place, kept, waiting)
            reach("recordings.commit.before")
        reach("recordings.commit.after")

    async def _note_orphan(self, file: Incoming) -> None:
        if file.path.name in self._orphans:
            return
        async with transaction(self._pool, self._settings.database) as connection:
            row = await queries.note_orphan(
                connection,
                node=self._settings.node.name,
                name=file.path.name,
                reason="no call" if file.call_id else "no name of ours",
                bytes=file.size,
                modified_at=datetime.fromtimestamp(file.modified_s, UTC),
            )
        self._orphans.add(file.path.name)
        if row["new"]:
            log.error("recording.orphan", file=file.path.name, bytes=file.size)
