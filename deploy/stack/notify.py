"""The receiving side of sd_notify: what a child says about itself on its own socket.

The protocol is systemd's `sd_notify(3)`: datagrams of `KEY=VALUE` lines. `READY=1` ends the
start; afterwards `WATCHDOG=1` must come within `WATCHDOG_USEC`.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

_LONGEST_MESSAGE: Final = 4096
_KEYS: Final = frozenset({"READY", "WATCHDOG"})


def parse_notification(datagram: bytes) -> dict[str, str]:
    """Read the assignments of one datagram; lines that are none are left out."""
    pairs = (line.partition("=") for line in datagram.decode("utf-8", "replace").splitlines())
    return {key: value for key, separator, value in pairs if separator and key}


class NotifySocket:
    """One child's `NOTIFY_SOCKET`; made anew for each start, so an old process cannot speak up."""

    def __init__(self, path: Path) -> None:
        """Bind the socket at `path`, in a folder that only this user may enter."""
        self.path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._said: set[str] = set()
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    async def heard(self, key: str, within: float) -> bool:
        """Wait for `key=1` since the last time it was heard; False after so many seconds.

        What lies in the socket already counts even when the time is over: a supervisor that
        was itself held up must not punish its child for it.
        """
        try:
            async with asyncio.timeout(within):
                while key not in self._said:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            self._read()
        heard = key in self._said
        self._said.discard(key)
        return heard

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while True:
                words = parse_notification(self._socket.recv(_LONGEST_MESSAGE))
                self._said.update(key for key in _KEYS & words.keys() if words[key] == "1")
                self._news.set()

    def close(self) -> None:
        """Remove the socket."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self.path.unlink(missing_ok=True)
