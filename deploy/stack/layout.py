"""Where one copy of the stack keeps its things, and what it remembers between two starts."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from ivr.config import REPOSITORY
from ivr.errors import HotlineError

_LONGEST_SOCKET_FOLDER: Final = 80
"""A unix socket's path must stay below 108 bytes; our longest file name has 22."""
_SECRET_BYTES: Final = 30


class AlreadyRunning(HotlineError):
    """Another start of this copy is running."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one copy, all below `directory`."""

    directory: Path

    @property
    def logs(self) -> Path:
        """One file per child, written by the child itself."""
        return self.directory / "log"

    @property
    def boots(self) -> Path:
        """How often Asterisk was started, in digits; part of every id it gives."""
        return self.directory / "asterisk-boots"

    @property
    def asterisk(self) -> Path:
        """Asterisk's writable folders: etc, lib, spool, log, run."""
        return self.directory / "asterisk"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.directory / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's data."""
        return self.directory / "valkey"

    @property
    def sounds(self) -> Path:
        """Spoken prompts."""
        return self.directory / "sounds"

    @property
    def recordings(self) -> Path:
        """Finished recordings."""
        return self.directory / "recordings"

    @property
    def settings(self) -> Path:
        """What `HOTLINE_SETTINGS` names for our own processes."""
        return self.directory / "hotline.toml"

    @property
    def runtime(self) -> Path:
        """Sockets of a running copy; short, because the kernel limits a socket's path."""
        own = self.directory / "run"
        if len(os.fsencode(own)) <= _LONGEST_SOCKET_FOLDER:
            return own
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"hotline-{os.getuid()}-{digest}"

    def make(self) -> None:
        """Make the folders that are not there; nobody but the owner and group may look in."""
        for folder in (self.directory, self.logs, self.valkey, self.sounds, self.recordings):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        self.runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
        owner = self.runtime.stat().st_uid
        if owner != os.getuid():
            raise HotlineError(f"{self.runtime} belongs to user {owner}, expected {os.getuid()}.")


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Give the folder for what was fetched; `HOTLINE_CACHE` lets several checkouts share it."""
    return Path(environment.get("HOTLINE_CACHE") or REPOSITORY / "var/cache").absolute()


def next_boot(counter: Path) -> int:
    """Raise the counter in the file by one, durably, and give the new value.

    Raises:
        HotlineError: when the file holds no number; starting again from 1 would give
            the ids of old calls to new ones.
    """
    said = counter.read_text(encoding="ascii") if counter.exists() else "0"
    if not said.strip().isdecimal():
        raise HotlineError(f"{counter}: expected the number of starts so far, found {said[:20]!r}.")
    boot = int(said) + 1
    write_private(counter, f"{boot}\n")
    return boot


class Memory:
    """Small facts kept between two starts in one private JSON file: secrets, ports, counters."""

    def __init__(self, path: Path) -> None:
        """Read `path` if it is there."""
        self._path = path
        self._facts: dict[str, str | int] = {}
        if path.exists():
            self._facts = json.loads(path.read_text(encoding="utf-8"))

    def number(self, name: str) -> int | None:
        """Give the number kept under `name`."""
        value = self._facts.get(name)
        return value if isinstance(value, int) else None

    def keep(self, name: str, value: int) -> None:
        """Keep a number under `name`."""
        if self._facts.get(name) != value:
            self._facts[name] = value
            write_private(self._path, json.dumps(self._facts, indent=1), mode=0o600)

    def secret(self, name: str) -> str:
        """Give the secret called `name`: 40 URL-safe random characters, made when first asked."""
        value = self._facts.get(name)
        if not isinstance(value, str):
            value = self._facts[name] = secrets.token_urlsafe(_SECRET_BYTES)
            write_private(self._path, json.dumps(self._facts, indent=1), mode=0o600)
        return value


def write_private(path: Path, text: str, *, mode: int = 0o640) -> None:
    """Write `text` so that a reader sees the old file or the new one, never a part of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


def hold_lock(path: Path) -> IO[str]:
    """Lock `path` for this process until the returned file is closed or the process ends.

    Raises:
        AlreadyRunning: naming the process that holds the lock.
    """
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(f"Process {holder} holds {path}.") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
