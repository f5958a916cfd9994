"""The object store, against moto's S3 server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiobotocore.session import get_session
from moto.server import ThreadedMotoServer

from ivr.config import ObjectStorageSettings
from ivr.recordings.object_storage import ObjectStorage, open_object_storage
from ivr.recordings.storage import PIECE_BYTES

S3Client: TypeAlias = Any
"""The library has no types."""

PATH = "2026/11/18/n1-7-1795000000.1.opus.sealed"
SMALL = bytes(range(256)) * 40
LARGE = bytes(range(256)) * 48_000
"""12 MB: three parts of the least size that S3 allows."""


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(s3: str, request: pytest.FixtureRequest) -> ObjectStorageSettings:
    return ObjectStorageSettings.model_validate(
        {
            "endpoint": s3,
            "bucket": f"b{abs(hash(request.node.name))}",
            "prefix": "centre/",
            "access_key": "key",
            "secret_key": "secret",
            "part_bytes": 5 << 20,
        }
    )


async def client_of(store: ObjectStorageSettings) -> S3Client:
    return get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=store.endpoint,
        aws_access_key_id="key",
        aws_secret_access_key="secret",  # noqa: S106 - of the tests' own server
    )


@pytest.fixture
async def client(store: ObjectStorageSettings) -> AsyncIterator[S3Client]:
    """The tests' own connection to the bucket."""
    async with await client_of(store) as opened:
        await opened.create_bucket(Bucket=store.bucket)
        yield opened


@pytest.fixture
async def bucket(client: S3Client, store: ObjectStorageSettings) -> AsyncIterator[ObjectStorage]:
    assert client is not None
    async with open_object_storage(store) as opened:
        yield opened


async def read(bucket: ObjectStorage, start: int, stop: int) -> list[bytes]:
    return [piece async for piece in bucket.read(PATH, start, stop)]


def source(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "source"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [SMALL, LARGE, LARGE[: 10 << 20], b""])
async def test_a_file_is_stored_whole_in_one_request_or_in_parts(
    bucket: ObjectStorage,
    client: S3Client,
    store: ObjectStorageSettings,
    tmp_path: Path,
    content: bytes,
) -> None:
    await bucket.put(PATH, source(tmp_path, content))
    assert await bucket.size(PATH) == len(content)
    answer = await client.get_object(Bucket=store.bucket, Key=f"centre/{PATH}")
    assert await answer["Body"].read() == content
    assert ("-" in answer["ETag"]) == (len(content) >= store.part_bytes), "parts only when long"


async def test_a_range_is_asked_for_alone_and_comes_in_bounded_pieces(
    bucket: ObjectStorage, tmp_path: Path
) -> None:
    await bucket.put(PATH, source(tmp_path, LARGE))
    pieces = await read(bucket, 1_000, 2_000_000)
    assert b"".join(pieces) == LARGE[1_000:2_000_000]
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert await read(bucket, 7, 7) == []
    assert b"".join(await read(bucket, len(LARGE) - 5, len(LARGE) + 5)) == LARGE[-5:]


async def test_what_is_not_there_has_no_size_cannot_be_read_and_may_be_deleted(
    bucket: ObjectStorage, tmp_path: Path
) -> None:
    assert await bucket.size(PATH) is None
    with pytest.raises(FileNotFoundError):
        await read(bucket, 0, 1)
    await bucket.delete(PATH)
    await bucket.put(PATH, source(tmp_path, SMALL))
    await bucket.delete(PATH)
    assert await bucket.size(PATH) is None


async def test_an_upload_that_was_cut_off_leaves_nothing_behind_once_it_is_repeated(
    bucket: ObjectStorage,
    client: S3Client,
    store: ObjectStorageSettings,
    tmp_path: Path,
) -> None:
    key = f"centre/{PATH}"
    begun = await client.create_multipart_upload(Bucket=store.bucket, Key=key)
    await client.upload_part(
        Bucket=store.bucket, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=b"half"
    )
    await bucket.put(PATH, source(tmp_path, LARGE))
    left = await client.list_multipart_uploads(Bucket=store.bucket)
    assert left.get("Uploads", []) == []
    assert await bucket.size(PATH) == len(LARGE)


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A server that takes connections and never says a word."""
    over = asyncio.Event()

    async def hangs(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hangs, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    over.set()
    await asyncio.sleep(0.1)
    server.close()
    await server.wait_closed()


async def test_a_store_that_is_away_refuses_or_hangs_is_an_error_in_time(
    store: ObjectStorageSettings, silent: str, tmp_path: Path
) -> None:
    for changed in (
        {"endpoint": "http://127.0.0.1:1"},
        {"bucket": "no-such-bucket"},
        {"endpoint": silent, "deadline_seconds": 0.2},
    ):
        settings = store.model_copy(update=changed)
        async with asyncio.timeout(60), open_object_storage(settings) as one:
            with pytest.raises(OSError):  # noqa: PT011 - what matters is that it is one
                await one.put(PATH, source(tmp_path, SMALL))


@pytest.fixture
async def dripping() -> AsyncIterator[str]:
    """A server whose answers come byte by byte, and would take hours."""
    answer = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1000000\r\n\r\n"
    over = asyncio.Event()

    async def drips(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        with suppress(OSError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        over.set()

    async with await asyncio.start_server(drips, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(60):
            await over.wait()


async def test_a_store_that_gives_a_file_drop_by_drop_is_an_error_in_time(
    store: ObjectStorageSettings, dripping: str
) -> None:
    """Some byte always comes, so nothing ends this but a deadline for the whole piece."""
    changed = store.model_copy(update={"endpoint": dripping, "deadline_seconds": 1.0})
    async with asyncio.timeout(60), open_object_storage(changed) as one:
        with pytest.raises(TimeoutError):
            await read(one, 0, 1_000_000)


@pytest.fixture
async def cutting() -> AsyncIterator[str]:
    """A server that goes away in the middle of its answer."""
    answer = b"HTTP/1.1 206 Partial Content\r\nContent-Length: 1000000\r\n\r\nxxx"

    async def cuts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(cuts, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_store_that_cuts_a_file_off_is_away(
    store: ObjectStorageSettings, cutting: str
) -> None:
    changed = store.model_copy(update={"endpoint": cutting})
    async with asyncio.timeout(60), open_object_storage(changed) as one:
        with pytest.raises(OSError, match="is away"):
            await read(one, 0, 1_000_000)
