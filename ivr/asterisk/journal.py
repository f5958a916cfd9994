"""The folder of Asterisk's journal: which files there are, what they are called, what they hold.

A file is known by the digest of its first line, which holds a microsecond and a channel's unique
id. So it stays the same file through renaming, moving and copying, which an inode does not, and a
new file in the same inode is another one.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from ivr.asterisk.spool import LONGEST_LINE

ACTIVE_SUFFIXES: Final = frozenset({".json", ".jsonl"})
"""A name that ends so is being written; one with more behind it was rotated."""

PACKED: Final = frozenset({".gz", ".xz", ".zst", ".bz2"})
"""A file whose name ends so was read to its end long before it was packed."""


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """A file of the journal as the folder shows it."""

    path: Path
    device: int
    inode: int
    size: int
    modified_ns: int

    @property
    def active(self) -> bool:
        """Whether Asterisk still writes to it."""
        return self.path.suffix in ACTIVE_SUFFIXES

    @property
    def state(self) -> tuple[int, int, int, int]:
        """What changes when the file is written, truncated or replaced."""
        return self.device, self.inode, self.size, self.modified_ns


def files(directory: Path) -> list[SpoolFile]:
    """List the journal's files, the one written longest ago first."""
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            path = Path(entry.path)
            named = ACTIVE_SUFFIXES.intersection(path.suffixes)
            if not named or path.suffix in PACKED or not entry.is_file(follow_symlinks=False):
                continue
            seen = entry.stat(follow_symlinks=False)
            state = seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns
            found.append(SpoolFile(path, *state))
    return sorted(found, key=lambda file: (file.modified_ns, file.active, file.path.name))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a file, and what stands around it."""

    head: bytes | None
    """SHA-256 of the first line; None while it has no end."""
    before: bytes
    """The bytes just before `position`, as many as the cursor remembers."""
    data: bytes
    size: int
    """Length of the file when it was read."""


def read_head(path: Path) -> bytes | None:
    """Return the SHA-256 of a file's first line; None while it has no end."""
    with path.open("rb") as stream:
        line = stream.readline(LONGEST_LINE)
    whole = line.endswith(b"\n") or len(line) == LONGEST_LINE
    return hashlib.sha256(line).digest() if whole else None


def read_stretch(path: Path, position: int, *, remembered: int, most: int) -> Stretch:
    """Read up to `most` bytes from `position`, with the `remembered` bytes before it."""
    with path.open("rb") as stream:
        line = stream.readline(LONGEST_LINE)
        whole = line.endswith(b"\n") or len(line) == LONGEST_LINE
        stream.seek(max(0, position - remembered))
        before = stream.read(min(position, remembered))
        data = stream.read(most)
        size = os.fstat(stream.fileno()).st_size
    return Stretch(hashlib.sha256(line).digest() if whole else None, before, data, size)


def rotate(file: SpoolFile, now: datetime) -> Path:
    """Set the active file aside; Asterisk opens its file anew for every record."""
    aside = file.path.with_name(f"{file.path.name}.{now:%Y%m%dT%H%M%S}")
    file.path.rename(aside)
    return aside
