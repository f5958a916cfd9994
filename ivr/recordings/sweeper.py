"""Brings every recording to its call: sweeps finished files into the archive, and misses none.

Asterisk writes `<call id>.raw`, and `<call id>.voicemail.raw` for a message. When the call is over
the file is encoded, sealed and read back, and its row and its place come about in one transaction;
only then does the raw file go. A file without a call is written down and left alone; a
conversation or a message without a file raises an alarm, once. A file that cannot be taken in
holds up no other: it is tried again, ever more seldom, and written down.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import structlog

from ivr.calls import CALL_ID
from ivr.config import Settings
from ivr.database import Pool, queries, transaction
from ivr.errors import RecordingUnreadable, SettingsInvalid, ValueRefused
from ivr.failpoints import reach
from ivr.lines import CENTRE_TIME, opened_at
from ivr.recordings.adoption import Adoption
from ivr.recordings.archive import Archive, Kept, open_regular
from ivr.recordings.keys import KeyFile, Keyring
from ivr.recordings.owed import GRACE, LEAST
from ivr.recordings.rows import write_row
from ivr.recordings.troubles import Troubles

log = structlog.get_logger()

_SUFFIXES: Final[Mapping[str, str]] = {".voicemail.raw": "voicemail", ".raw": "both"}
"""Leg by the end of the name, the longer first."""
_QUIET_SECONDS: Final = 1.0
"""Asterisk may still be writing a moment after the call has ended."""
_ROUND_SECONDS: Final = 10.0
"""After this no further file is begun: whoever watches the ledger must see it come round, however
many files wait and however slow the machine is."""
_LEAST_PRIORITY: Final = 19


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
        self._keys = KeyFile(settings.recordings.keys)
        self._archive = Archive(settings.recordings.archive, settings.recordings.formats)
        self._adoption = Adoption(pool, settings)
        self._orphans: set[str] = set()
        self._troubles = Troubles()
        self._keyless = ""
        self._workshop = ThreadPoolExecutor(1, "recordings", _yield_to_others)

    async def step(self) -> int:
        """Finish what can be finished; returns how many recordings that were."""
        found = await asyncio.to_thread(incoming, self._settings.recordings.incoming)
        now = time.time()
        quiet = [file for file in found if now - file.modified_s > _QUIET_SECONDS]
        named = [(file.call_id, file) for file in quiet if file.call_id]
        calls = await self._calls(sorted({call_id for call_id, _ in named}))
        self._troubles.keep_only({file.path.name for file in found})
        done, until = 0, time.monotonic() + _ROUND_SECONDS
        for call_id, file in named:
            call = calls.get(call_id)
            if done and time.monotonic() > until:
                break
            if call is not None and call["final"]:
                done += await self._finish(file, call)
        for file in quiet:
            if now - file.modified_s > GRACE.total_seconds() and file.call_id not in calls:
                await self._note_orphan(file, "no call" if file.call_id else "no name of ours")
        return done

    async def look_for_missing(self) -> None:
        """Raise the alarm for conversations whose file never came, once each.

        One whose row the database has lost lies in the archive already, and is no alarm.
        """
        found = await asyncio.to_thread(incoming, self._settings.recordings.incoming)
        present = [f"{file.call_id}/{file.leg}" for file in found if file.call_id and file.size]
        async with transaction(self._pool, self._settings.database) as connection:
            rows = queries.recordings_overdue(
                connection,
                node=self._settings.node.name,
                grace=GRACE,
                present=present,
                **LEAST,
            )
            overdue = [(row["call_id"], row["leg"]) async for row in rows]
        for call_id, leg in overdue:
            if not await self._adoption.adopt(call_id, leg):
                await self._miss(call_id, leg)

    async def _miss(self, call_id: str, leg: str) -> None:
        async with transaction(self._pool, self._settings.database) as connection:
            new = await queries.miss_recording(connection, call_id=call_id, leg=leg)
        if new:
            log.error("recording.missing", call_id=call_id, leg=leg)

    async def _calls(self, call_ids: list[str]) -> dict[str, Mapping[str, Any]]:
        if not call_ids:
            return {}
        async with transaction(self._pool, self._settings.database) as connection:
            rows = queries.calls_of_files(connection, call_ids=call_ids, **LEAST)
            return {row["call_id"]: row async for row in rows}

    async def _finish(self, file: Incoming, call: Mapping[str, Any]) -> int:
        if file.size == 0:
            # Nobody spoke: Asterisk opens the file before the first conversation. If somebody
            # did, the empty file stays as evidence and the conversation is reported missing.
            if file.leg not in call["owed"]:
                await asyncio.to_thread(file.path.unlink, missing_ok=True)
            return 0
        if file.leg in call["deleted"]:
            await self._note_orphan(file, "deleted before")
            return 0
        ring = await self._ring()
        if ring is None or not self._troubles.may_try(file.path.name, time.monotonic()):
            return 0
        try:
            kept = await asyncio.get_running_loop().run_in_executor(
                self._workshop, self._prepare, file, call["call_id"], ring
            )
            await self._keep(file, call["call_id"], kept)
        except ValueRefused as refusal:
            await self._note_orphan(file, refusal.detail)
            return 0
        except RecordingUnreadable as error:
            await self._failed(file, error.detail)
            return 0
        await asyncio.to_thread(file.path.unlink, missing_ok=True)
        reach("recordings.removed")
        self._troubles.forget(file.path.name)
        _tell(file, call["call_id"], kept)
        return 1

    def _prepare(self, file: Incoming, call_id: str, ring: Keyring) -> Kept:
        day = opened_at(call_id).astimezone(CENTRE_TIME)
        try:
            with open_regular(file.path) as raw:
                return self._archive.prepare(raw, call_id, day, ring, leg=file.leg)
        except OSError as error:
            raise RecordingUnreadable(_named(error)) from None

    def _place(self, kept: Kept) -> None:
        try:
            self._archive.place(kept.files)
        except OSError as error:
            raise RecordingUnreadable(_named(error)) from None

    async def _keep(self, file: Incoming, call_id: str, kept: Kept) -> None:
        async with transaction(self._pool, self._settings.database) as connection:
            await write_row(connection, call_id, file.leg, kept)
            await queries.adopt_orphan(
                connection, node=self._settings.node.name, name=file.path.name
            )
            await asyncio.to_thread(self._place, kept)
            reach("recordings.commit.before")
        reach("recordings.commit.after")

    async def _ring(self) -> Keyring | None:
        """Return the keys, made at the first start; None while they cannot be used."""
        try:
            if not self._settings.recordings.keys.exists():
                await self._refuse_a_second_first_key()
                ring = await asyncio.to_thread(self._keys.make)
                log.warning("recording.key_made", key_id=ring.newest)
            ring = self._keys.ring()
        except SettingsInvalid as error:
            if self._keyless != error.detail:
                log.error("recording.keyless", why=error.detail)  # noqa: TRY400 - the reason is in the error itself
                self._keyless = error.detail
            return None
        self._keyless = ""
        return ring

    async def _refuse_a_second_first_key(self) -> None:
        async with transaction(self._pool, self._settings.database) as connection:
            known = [row["key_id"] async for row in queries.key_ids_in_use(connection)]
        if known:
            raise SettingsInvalid(
                f"{self._settings.recordings.keys}: expected the keys {', '.join(known)} that "
                "recordings are sealed with; no new file is made in place of a lost one."
            )

    async def _failed(self, file: Incoming, why: str) -> None:
        """Come back to a file later; when it goes on failing, write that down."""
        attempts = self._troubles.failed(file.path.name, time.monotonic())
        log.warning("recording.failed", file=file.path.name, attempts=attempts, why=why)
        if attempts == Troubles.PATIENT:
            self._orphans.discard(file.path.name)
            await self._note_orphan(file, f"unreadable: {why}")

    async def _note_orphan(self, file: Incoming, reason: str) -> None:
        if file.path.name in self._orphans:
            return
        async with transaction(self._pool, self._settings.database) as connection:
            row = await queries.note_orphan(
                connection,
                node=self._settings.node.name,
                name=file.path.name,
                reason=reason[:200],
                bytes=file.size,
                modified_at=datetime.fromtimestamp(file.modified_s, UTC),
            )
        self._orphans.add(file.path.name)
        if row["new"]:
            log.error("recording.orphan", file=file.path.name, bytes=file.size, reason=reason)


def _yield_to_others() -> None:
    """Let this thread have what the machine has left: encoding must not be heard in a call.

    Where a sandbox forbids that, recordings are finished all the same.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LEAST_PRIORITY)


def _tell(file: Incoming, call_id: str, kept: Kept) -> None:
    if kept.unencoded:
        log.error("recording.unencoded", call_id=call_id, leg=file.leg, why=kept.unencoded)
    log.info(
        "recording.kept",
        call_id=call_id,
        leg=file.leg,
        format=kept.files[0].format,
        milliseconds=kept.milliseconds,
        bytes=kept.files[0].size,
    )


def _named(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
