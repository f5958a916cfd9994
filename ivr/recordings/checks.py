"""Checks what must hold of recordings: every row's sound against what lies on disk or in the store.

Reads only. What looks wrong is looked at once more, with the row as it is then: on a live system
files are finished, moved and deleted while the check runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from ivr.config import Settings
from ivr.database import Pool, Session, queries
from ivr.errors import HotlineError
from ivr.lines import opened_at
from ivr.recordings.archive import archived, call_id_of
from ivr.recordings.keys import KeyFile
from ivr.recordings.reading import Reader, StoredFile, files_of
from ivr.recordings.storages import open_storages

_SETTLING_SECONDS: Final = 2.0
"""A file is in its place this long before its row is there, and gone this long after."""


class Checked(NamedTuple):
    """One identity: its name, what violates it, and how many things were looked at."""

    name: str
    violations: int
    checked: int
    examples: tuple[str, ...]


class _Looked(NamedTuple):
    unlike: set[str]
    undead: set[str]
    ownerless: set[str]

    @property
    def clean(self) -> bool:
        return not any(self)


async def check_recordings(
    connection: Session, pool: Pool, settings: Settings, since: datetime
) -> list[Checked]:
    """Compare rows and files, both ways.

    Args:
        connection: in the snapshot of the whole check.
        pool: asked again for what looks wrong.
        settings: where files lie, and their keys.
        since: calls that began earlier are left out; files without a row are looked for always.
    """
    kept = [row async for row in queries.recordings_kept(connection, since=since)]
    deleted = [row async for row in queries.recordings_deleted(connection, since=since)]
    found = await asyncio.to_thread(archived, settings.recordings.archive)
    async with open_storages(settings.recordings) as storages:
        reader = Reader(storages, KeyFile(settings.recordings.keys))
        looked = await _look(connection, reader, kept, deleted, found)
        if not looked.clean:
            await asyncio.sleep(_SETTLING_SECONDS)
            async with pool.acquire(timeout=settings.database.acquire_seconds) as second:
                looked = await _look_again(second, reader, looked, settings)
    return [
        _checked("recordings gone or unlike their row", looked.unlike, len(kept)),
        _checked("deleted recordings that are still there", looked.undead, len(deleted)),
        _checked("archived files without a row", looked.ownerless, len(found)),
    ]


def _checked(name: str, wrong: set[str], looked_at: int) -> Checked:
    return Checked(name, len(wrong), looked_at, tuple(sorted(wrong)))


async def _look(
    connection: Session,
    reader: Reader,
    kept: Sequence[Mapping[str, Any]],
    deleted: Sequence[Mapping[str, Any]],
    found: set[str],
) -> _Looked:
    files = [file for row in kept for file in files_of(row)]
    gone = [file for row in deleted for file in files_of(row)]
    unlike = {file.path for file in files if not await reader.proves(file)}
    undead = {file.path for file in gone if await _is_there(reader, file)}
    return _Looked(unlike, undead, await _ownerless(connection, found))


async def _look_again(
    connection: Session, reader: Reader, looked: _Looked, settings: Settings
) -> _Looked:
    suspects = looked.unlike | looked.undead
    rows = await _rows_at(connection, suspects)
    kept = [row for row in rows if row["state"] == "kept"]
    deleted = [row for row in rows if row["state"] == "deleted"]
    found = await asyncio.to_thread(archived, settings.recordings.archive)
    return await _look(connection, reader, kept, deleted, looked.ownerless & found)


async def _rows_at(connection: Session, paths: Iterable[str]) -> list[Mapping[str, Any]]:
    wanted = set(paths)
    calls = {call_id_of(path) for path in wanted}
    rows = queries.recordings_of_calls(
        connection, call_ids=sorted(calls), opened_at=[opened_at(call) for call in sorted(calls)]
    )
    return [row async for row in rows]


async def _ownerless(connection: Session, found: set[str]) -> set[str]:
    ours = {path for path in found if call_id_of(path)}
    owned = {
        file.path
        for row in await _rows_at(connection, ours)
        if row["state"] != "missing"
        for file in files_of(row)
        # One that was moved on is taken away here by the next round.
        if file.storage == "local" or row["state"] == "kept"
    }
    return found - owned


async def _is_there(reader: Reader, file: StoredFile) -> bool:
    """Tell whether a file lies where its row says; a place that does not answer may hold it."""
    try:
        return await reader.storage(file).size(file.path) is not None
    except (OSError, HotlineError):
        return True
