"""An S3-compatible object store behind the storage interface: MinIO, Ceph, OSS, or AWS itself.

A file up to one part goes in one request with its SHA-256, a longer one in parts with theirs. What
an upload that was cut off left behind is taken away before the next. Nothing is retried here: who
moves files tries the whole file again, which changes nothing that was right.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from ivr.config import ObjectStorageSettings
from ivr.recordings.storage import PIECE_BYTES

T = TypeVar("T")

_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_CONNECTIONS: Final = 8


class ObjectStorage:
    """One bucket."""

    def __init__(self, client: Any, settings: ObjectStorageSettings) -> None:  # noqa: ANN401 - the library has no types
        self._client = client
        self._settings = settings

    async def put(self, path: str, source: Path) -> None:
        """Upload a file; its parts become an object when all of them are there."""
        await self._drop_leftovers(path)
        with source.open("rb") as stream:
            part = await asyncio.to_thread(stream.read, self._settings.part_bytes)
            if len(part) < self._settings.part_bytes:
                await self._ask(
                    self._client.put_object(
                        **self._named(path), Body=part, ChecksumSHA256=_checksum(part)
                    )
                )
                return
            await self._put_parts(path, stream, part)

    async def _put_parts(self, path: str, stream: IO[bytes], part: bytes) -> None:
        begun = await self._ask(
            self._client.create_multipart_upload(**self._named(path), ChecksumAlgorithm="SHA256")
        )
        upload = {**self._named(path), "UploadId": begun["UploadId"]}
        done: list[dict[str, Any]] = []
        while part:
            checksum = _checksum(part)
            number = len(done) + 1
            answer = await self._ask(
                self._client.upload_part(
                    **upload, PartNumber=number, Body=part, ChecksumSHA256=checksum
                )
            )
            done.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})
            part = await asyncio.to_thread(stream.read, self._settings.part_bytes)
        await self._ask(
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
        )

    async def read(self, path: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Ask for the range alone, and hand it on piece by piece."""
        if start >= stop:
            return
        answer = await self._ask(
            self._client.get_object(**self._named(path), Range=f"bytes={start}-{stop - 1}")
        )
        body = answer["Body"]
        try:
            while piece := await self._ask(_whole_piece(body)):
                yield piece
        finally:
            body.close()

    async def size(self, path: str) -> int | None:
        """Ask for the object's head."""
        try:
            answer = await self._ask(self._client.head_object(**self._named(path)))
        except FileNotFoundError:
            return None
        return int(answer["ContentLength"])

    async def delete(self, path: str) -> None:
        """Delete the object; S3 says yes to one that is not there."""
        await self._ask(self._client.delete_object(**self._named(path)))

    async def _drop_leftovers(self, path: str) -> None:
        found = await self._ask(
            self._client.list_multipart_uploads(
                Bucket=self._settings.bucket, Prefix=self._named(path)["Key"]
            )
        )
        for upload in found.get("Uploads", []):
            await self._ask(
                self._client.abort_multipart_upload(
                    Bucket=self._settings.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
            )

    def _named(self, path: str) -> dict[str, str]:
        return {"Bucket": self._settings.bucket, "Key": f"{self._settings.prefix}{path}"}

    async def _ask(self, request: Awaitable[T]) -> T:
        """Wait for one answer, within the deadline.

        Raises:
            OSError: the store is away, refuses, or does not answer in time; `FileNotFoundError`
                when it says that there is no such object.
        """
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                return await request
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _ABSENT:
                raise FileNotFoundError(f"no such object ({code})") from None
            raise OSError(f"the object store refused: {code}") from None
        except (BotoCoreError, aiohttp.ClientError) as error:
            raise OSError(f"the object store is away: {type(error).__name__}") from None


@asynccontextmanager
async def open_object_storage(settings: ObjectStorageSettings) -> AsyncIterator[ObjectStorage]:
    """Keep the connections to the store while the block runs."""
    config = AioConfig(
        connect_timeout=settings.deadline_seconds,
        read_timeout=settings.deadline_seconds,
        max_pool_connections=_CONNECTIONS,
        retries={"total_max_attempts": 1},
        # Other makers' stores know no trailing checksums; ours are in the requests themselves.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": settings.addressing},
    )
    async with get_session().create_client(
        "s3",
        region_name=settings.region,
        endpoint_url=settings.endpoint,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key.get_secret_value(),
        config=config,
    ) as client:
        yield ObjectStorage(client, settings)


async def _whole_piece(body: Any) -> bytes:  # noqa: ANN401 - the library has no types
    """Read a piece to its end: some byte at a time would never meet a deadline."""
    piece = bytearray()
    while len(piece) < PIECE_BYTES and (more := await body.read(PIECE_BYTES - len(piece))):
        piece += more
    return bytes(piece)


def _checksum(part: bytes) -> str:
    return base64.b64encode(hashlib.sha256(part).digest()).decode()
