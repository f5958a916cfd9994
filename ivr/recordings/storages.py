"""Opens the places that recordings may lie in, as the settings name them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from ivr.config import RecordingSettings
from ivr.recordings.storage import LocalStorage, Storage


@asynccontextmanager
async def open_storages(settings: RecordingSettings) -> AsyncIterator[Mapping[str, Storage]]:
    """Give the storages by the name that rows have for them, while the block runs."""
    local = LocalStorage(settings.archive)
    if not settings.s3.endpoint:
        yield {"local": local}
        return
    # An extra, which a centre that keeps its recordings on its own disk need not install.
    from ivr.recordings.object_storage import open_object_storage  # noqa: PLC0415

    async with open_object_storage(settings.s3) as bucket:
        yield {"local": local, "s3": bucket}
