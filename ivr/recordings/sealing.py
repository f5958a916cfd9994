"""The sealed file: AES-256-GCM in chunks, so that a part can be read without the whole.

    header   64 bytes   magic, chunk size, length of the plain sound, key id, salt
    chunk    65,536 bytes of sound and a tag of 16; the last one may be shorter

Each file has a key of its own, derived (HKDF-SHA256) from the centre's key, the file's random salt
and its name, so a file put in another's place does not open. A chunk's nonce is its number and
whether it is the last, and the header is authenticated with every chunk: what was cut, lengthened,
swapped, reordered or changed by one bit is refused. This is the STREAM construction of Hoang,
Reyhanitabar, Rogaway and Vizár (2015) with the number counted in the clear.
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass
from typing import IO, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ivr.errors import RecordingUnreadable

KEY_BYTES: Final = 32
CHUNK_BYTES: Final = 1 << 16
"""Of sound; about a dozen seconds of Opus, or two of a telephone's WAV."""
TAG_BYTES: Final = 16
SUFFIX: Final = ".sealed"

_MAGIC: Final = b"12320REC"
_HEADER: Final = struct.Struct(">8sIQ12s32s")
HEADER_BYTES: Final = _HEADER.size
_SALT_BYTES: Final = 32
_LARGEST_CHUNK: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class Header:
    """The first bytes of a sealed file."""

    length: int
    """Bytes of the plain sound."""
    key_id: str
    salt: bytes
    chunk_bytes: int = CHUNK_BYTES

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a header.

        Raises:
            RecordingUnreadable: it is none.
        """
        if len(data) != HEADER_BYTES or not data.startswith(_MAGIC):
            raise RecordingUnreadable(f"Expected a sealed file's header, came {data[:16]!r}.")
        _, chunk_bytes, length, key_id, salt = _HEADER.unpack(data)
        if not 1 <= chunk_bytes <= _LARGEST_CHUNK:
            raise RecordingUnreadable(f"Expected a chunk of at most 16 MiB, came {chunk_bytes}.")
        if not key_id.isascii():
            raise RecordingUnreadable(f"Expected the name of a key, came {key_id!r}.")
        return cls(length, key_id.rstrip(b"\0").decode("ascii"), salt, chunk_bytes)

    def encode(self) -> bytes:
        """Return the header's bytes."""
        return _HEADER.pack(
            _MAGIC, self.chunk_bytes, self.length, self.key_id.encode("ascii"), self.salt
        )

    @property
    def chunks(self) -> int:
        """How many chunks follow; an empty sound has one, empty as well."""
        return max(1, -(-self.length // self.chunk_bytes))

    @property
    def sealed_bytes(self) -> int:
        """Size of the whole sealed file."""
        return HEADER_BYTES + self.length + self.chunks * TAG_BYTES


class Seal:
    """The key of one file: seals and opens its chunks."""

    def __init__(self, header: Header, secret: bytes, name: str) -> None:
        """Derive the file's key.

        Args:
            header: of the file.
            secret: the centre's key that `header.key_id` names.
            name: what the file holds; must be the same for sealing and opening.
        """
        self.header = header
        self._aad = header.encode()
        info = b"12320 recording\0" + name.encode()
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=header.salt, info=info)
        self._cipher = AESGCM(derived.derive(secret))

    @classmethod
    def fresh(cls, length: int, key_id: str, secret: bytes, name: str) -> Self:
        """Begin a file that does not exist yet, with a salt of its own."""
        return cls(Header(length, key_id, os.urandom(_SALT_BYTES)), secret, name)

    def seal(self, number: int, plain: bytes) -> bytes:
        """Seal the chunk of a number, from 0."""
        return self._cipher.encrypt(self._nonce(number), plain, self._aad)

    def open(self, number: int, sealed: bytes) -> bytes:
        """Open the chunk of a number.

        Raises:
            RecordingUnreadable: it is not that chunk of this file, whole and unchanged.
        """
        if len(sealed) != self.sealed_size(number):
            raise RecordingUnreadable(
                f"Chunk {number}: expected {self.sealed_size(number)} bytes, came {len(sealed)}."
            )
        try:
            return self._cipher.decrypt(self._nonce(number), sealed, self._aad)
        except InvalidTag:
            raise RecordingUnreadable(f"Chunk {number} is not what was sealed.") from None

    def sealed_size(self, number: int) -> int:
        """Return the bytes of a chunk with its tag."""
        before = number * self.header.chunk_bytes
        return min(self.header.chunk_bytes, self.header.length - before) + TAG_BYTES

    def _nonce(self, number: int) -> bytes:
        last = number == self.header.chunks - 1
        return bytes([last]) + number.to_bytes(11, "big")


@dataclass(frozen=True, slots=True)
class Span:
    """The chunks that hold a range of the sound, and where they stand in the sealed file."""

    first: int
    """Number of the first chunk."""
    start: int
    """Offset in the sealed file."""
    stop: int
    skip: int
    """Bytes of the first chunk before the range."""


def span(header: Header, start: int, stop: int) -> Span:
    """Find the chunks that hold the sound's bytes from `start` up to `stop`."""
    whole = header.chunk_bytes + TAG_BYTES
    first = min(start // header.chunk_bytes, header.chunks - 1)
    last = min(max(start, stop - 1) // header.chunk_bytes, header.chunks - 1)
    return Span(
        first,
        HEADER_BYTES + first * whole,
        min(HEADER_BYTES + (last + 1) * whole, header.sealed_bytes),
        start - first * header.chunk_bytes,
    )


def seal_file(plain: IO[bytes], sealed: IO[bytes], seal: Seal) -> None:
    """Write the sealed file of a plain one.

    Raises:
        OSError: `plain` did not give as many bytes as the header says.
    """
    sealed.write(seal.header.encode())
    for number in range(seal.header.chunks):
        expected = seal.sealed_size(number) - TAG_BYTES
        chunk = plain.read(expected)
        if len(chunk) != expected:
            raise OSError(errno.EIO, f"short read: expected {expected} bytes, came {len(chunk)}")
        sealed.write(seal.seal(number, chunk))
