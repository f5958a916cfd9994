from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from ivr.errors import ValueRefused
from ivr.recordings import storage
from ivr.recordings.storage import PIECE_BYTES, LocalStorage

PATH = "2026/11/18/n1-7-1795000000.1.opus.sealed"
CONTENT = bytes(range(256)) * 4_000


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "archive")


async def put(local: LocalStorage, tmp_path: Path, content: bytes = CONTENT) -> None:
    source = tmp_path / "source"
    source.write_bytes(content)
    await local.put(PATH, source)


async def test_what_is_put_is_read_back_in_bounded_pieces(
    local: LocalStorage, tmp_path: Path
) -> None:
    await put(local, tmp_path)
    assert await local.size(PATH) == len(CONTENT)
    pieces = [piece async for piece in local.read(PATH, 0, len(CONTENT))]
    assert b"".join(pieces) == CONTENT
    assert max(map(len, pieces)) == PIECE_BYTES
    assert b"".join([p async for p in local.read(PATH, 5, 300_005)]) == CONTENT[5:300_005]
    await put(local, tmp_path, b"another")
    assert await local.size(PATH) == 7


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(
    local: LocalStorage, tmp_path: Path
) -> None:
    await put(local, tmp_path)
    for _ in range(2):
        await local.delete(PATH)
        assert await local.size(PATH) is None


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "2026/11/18/x.wav", ""])
async def test_no_verb_leaves_the_archive(local: LocalStorage, tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueRefused):
        await local.size(path)
    with pytest.raises(ValueRefused):
        await local.delete(path)
    with pytest.raises(ValueRefused):
        await local.put(path, tmp_path)
    with pytest.raises(ValueRefused):
        async for _ in local.read(path, 0, 1):
            pass


async def test_a_disk_that_does_not_answer_is_not_waited_for(
    local: LocalStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(local, tmp_path)
    monkeypatch.setattr(storage, "DEADLINE_SECONDS", 0.05)
    monkeypatch.setattr(Path, "stat", lambda _path, **_: time.sleep(0.5))
    async with asyncio.timeout(30):
        with pytest.raises(TimeoutError):
            await local.size(PATH)
