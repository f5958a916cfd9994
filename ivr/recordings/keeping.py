"""What the archive needs beside new recordings: moving on, deletion at night, room on the disk."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import structlog

from ivr.config import Settings
from ivr.database import Pool
from ivr.errors import RecordingUnreadable
from ivr.recordings.adoption import Adoption
from ivr.recordings.archive import is_waiting
from ivr.recordings.deletion import Deletion
from ivr.recordings.moving import Moving
from ivr.recordings.retention import CENTRE_TIME
from ivr.recordings.storage import Storage
from ivr.recordings.storages import open_storages

log = structlog.get_logger()

STUCK_SECONDS: Final = 3_600.0
"""Longer than the longest step: one night's deletions, or a large upload over a slow line."""
_PAUSE_SECONDS: Final = 30.0
_HALF_MADE_SECONDS: Final = 86_400.0
_ROOM: Final = 0.2
"""Share of a disk below which an alarm is raised."""


class Keeping:
    """Keeps the archive of one node."""

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._deletion = Deletion(pool, settings)
        self._moving = Moving(pool, settings, now)
        self._adoption = Adoption(pool, settings)
        self._now = now
        self._night: date | None = None
        self._tight: set[Path] = set()

    async def step(self) -> float:
        """Do what is to be done now; returns the seconds until the next time."""
        await asyncio.to_thread(self._look_for_room)
        async with open_storages(self._settings.recordings) as storages:
            more = await self._move(storages)
            await self._keep_the_night(storages)
            await self._deletion.remove(storages)
        return 0.0 if more else _PAUSE_SECONDS

    async def _move(self, storages: Mapping[str, Storage]) -> bool:
        """Move some on; tells whether more wait that can be tried at once."""
        if self._settings.recordings.storage != "s3":
            return False
        try:
            await self._moving.step(storages)
        except (OSError, RecordingUnreadable) as error:
            log.warning("recording.unmoved", why=str(error) or type(error).__name__)
            return False
        return self._moving.unfinished

    async def _keep_the_night(self, storages: Mapping[str, Storage]) -> None:
        """Delete what is due, once a night; after a restart once more, which finds the rest."""
        now = self._now()
        local = now.astimezone(CENTRE_TIME)
        if local.hour != self._settings.recordings.retention.hour or local.date() == self._night:
            return
        deleted = await delete_due(self._deletion, self._settings, now)
        log.info("recording.night", deleted=deleted)
        if "s3" in storages:
            await self._moving.tidy(storages)
        await self._adoption.look_through()
        await asyncio.to_thread(_clear_away, self._settings.recordings.archive, now)
        self._night = local.date()

    def _look_for_room(self) -> None:
        recordings = self._settings.recordings
        for folder in {recordings.incoming, recordings.archive}:
            with suppress(FileNotFoundError):
                usage = shutil.disk_usage(folder)
                tight = usage.free < usage.total * _ROOM
                if tight and folder not in self._tight:
                    log.error(
                        "recording.disk_low",
                        folder=str(folder),
                        free_percent=round(100 * usage.free / usage.total, 1),
                    )
                (self._tight.add if tight else self._tight.discard)(folder)


def _clear_away(archive: Path, now: datetime) -> None:
    """Remove what a death left half-made: what it was to be made of is still there."""
    for path in archive.rglob("*"):
        if is_waiting(path) and now.timestamp() - path.stat().st_mtime > _HALF_MADE_SECONDS:
            path.unlink(missing_ok=True)


async def delete_due(deletion: Deletion, settings: Settings, now: datetime) -> int:
    """Delete what is due, up to a night's most; returns how many recordings that were."""
    deleted = 0
    async for due in deletion.due(now):
        if deleted >= settings.recordings.retention.most:
            break
        deleted += await deletion.delete(due)
    return deleted
