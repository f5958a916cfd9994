from __future__ import annotations

from pathlib import Path

from ivr.config import RecordingSettings
from ivr.recordings.storages import open_storages


async def test_the_store_is_there_when_the_settings_name_one(tmp_path: Path) -> None:
    """Reading from it goes on though new recordings stay here: only its address counts."""
    local = RecordingSettings(archive=tmp_path)
    async with open_storages(local) as storages:
        assert set(storages) == {"local"}
    both = RecordingSettings.model_validate(
        {"archive": tmp_path, "s3": {"endpoint": "http://127.0.0.1:1", "access_key": "a"}}
    )
    async with open_storages(both) as storages:
        assert set(storages) == {"local", "s3"}
