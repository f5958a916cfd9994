"""The key file: what recordings are sealed with, kept outside the database and its backups.

One line a key, the newest last; new files are sealed with it, and the older ones open what was
sealed before. Without this file no recording can be heard again: it is to be kept in a second,
safe place.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ivr.errors import RecordingUnreadable, SettingsInvalid
from ivr.recordings.sealing import KEY_BYTES

_HEAD: Final = (
    "# Keys of the recordings, the newest last. Keep a copy where no thief of the disk finds it:\n"
    "# without this file no recording can be heard again.\n"
)
_MODE: Final = 0o640
_NOT_OTHERS: Final = 0o007
_LARGEST: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of a centre."""

    secrets: dict[str, bytes]
    """By id, the newest last."""

    @property
    def newest(self) -> str:
        """Id of the key that new files are sealed with."""
        return next(reversed(self.secrets))

    def secret(self, key_id: str) -> bytes:
        """Return the key of an id.

        Raises:
            RecordingUnreadable: there is none by that id.
        """
        if key_id not in self.secrets:
            raise RecordingUnreadable(f"Key {key_id!r} is not in the key file.")
        return self.secrets[key_id]


class KeyFile:
    """The key file on the disk, read again when it was replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._ring = Keyring({})

    def ring(self) -> Keyring:
        """Return the keys.

        Raises:
            SettingsInvalid: the file is absent, holds no keys, or others may read it.
        """
        try:
            with self.path.open("rb") as stream:
                found = os.fstat(stream.fileno())
                seen = found.st_ino, found.st_mtime_ns, found.st_ctime_ns
                if seen != self._seen:
                    _refuse_public(self.path, found)
                    self._ring = _parse(self.path, stream.read(_LARGEST))
                    self._seen = seen
        except OSError as error:
            raise SettingsInvalid(
                f"{self.path}: expected the recordings' keys, {error.strerror}."
            ) from None
        return self._ring

    def make(self) -> Keyring:
        """Return the keys, after making the file with a first one if it is not there."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            waiting = _written(self.path, _HEAD + _line(os.urandom(KEY_BYTES)))
            try:
                # Two processes that start at once: a link never replaces what is there.
                os.link(waiting, self.path)
            except FileExistsError:
                pass
            finally:
                waiting.unlink()
            _sync(self.path.parent)
        return self.ring()

    def rotate(self) -> str:
        """Add a key, with which files are sealed from now on; returns its id."""
        self.ring()
        text = self.path.read_text(encoding="ascii")
        waiting = _written(self.path, text.rstrip("\n") + "\n" + _line(os.urandom(KEY_BYTES)))
        os.chown(waiting, -1, self.path.stat().st_gid)
        waiting.replace(self.path)
        _sync(self.path.parent)
        return self.ring().newest


def _line(secret: bytes) -> str:
    return f"{key_id(secret)} {base64.b64encode(secret).decode()}\n"


def key_id(secret: bytes) -> str:
    """Return the name of a key, by which it cannot be guessed."""
    return hashlib.sha256(b"12320 key id\0" + secret).hexdigest()[:12]


def _parse(path: Path, content: bytes) -> Keyring:
    secrets = {}
    for number, line in enumerate(content.decode("ascii", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        named, _, encoded = line.partition(" ")
        try:
            secret = base64.b64decode(encoded.strip(), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) != KEY_BYTES or named != key_id(secret):
            raise SettingsInvalid(f"{path}: line {number} is no key as `rotate-key` writes it.")
        secrets[named] = secret
    if not secrets:
        raise SettingsInvalid(f"{path}: expected at least one key.")
    return Keyring(secrets)


def _refuse_public(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_mode & _NOT_OTHERS:
        raise SettingsInvalid(
            f"{path}: expected a file closed to others (chmod 640), "
            f"came {stat.filemode(found.st_mode)}."
        )


def _written(path: Path, text: str) -> Path:
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(number, "w", encoding="ascii") as stream:
        os.fchmod(stream.fileno(), _MODE)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return Path(name)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
