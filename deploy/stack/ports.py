"""Ports of one copy of the stack: a block that no other copy on this machine uses.

A copy takes a whole block and holds an abstract socket named after it for as long as it runs.
The kernel frees that name when the process ends in any way, and it is known exactly where the
ports are: in the network namespace. All blocks lie below the range from which the kernel
takes ports for outgoing connections, so a port kept from the last start is rarely gone.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from ivr.errors import HotlineError

_FIRST: Final = 10_000
_SIZE: Final = 800
_BLOCKS: Final = 28
_SERVICES: Final = 100
"""Ports kept free for servers at the start of a block; the rest is audio."""


class NoPortsLeft(HotlineError):
    """No block of ports is free on this machine."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers of one copy listen, all within one block."""

    block: int
    """The block's first port."""

    @property
    def postgres(self) -> int:
        """TCP: PostgreSQL."""
        return self.block

    @property
    def ami(self) -> int:
        """TCP: Asterisk's manager interface."""
        return self.block + 1

    @property
    def agi(self) -> int:
        """TCP: our FastAGI server."""
        return self.block + 2

    @property
    def sip(self) -> int:
        """UDP and TCP: Asterisk's SIP."""
        return self.block + 3

    @property
    def http(self) -> int:
        """TCP: Asterisk's HTTP server, for browsers' SIP over WebSocket."""
        return self.block + 4

    @property
    def web(self) -> int:
        """TCP: the people's side."""
        return self.block + 5

    @property
    def rtp(self) -> tuple[int, int]:
        """UDP: first and last port for audio, both included."""
        return self.block + _SERVICES, self.block + _SIZE - 1

    def services(self) -> tuple[int, ...]:
        """Every port that a server of ours listens on."""
        return (self.postgres, self.ami, self.agi, self.sip, self.http, self.web)


class PortBlock:
    """Holds one block of ports from construction to `close`."""

    def __init__(self, preferred: int | None = None) -> None:
        """Take the block that starts at `preferred` if it is free, else the first free one.

        Raises:
            NoPortsLeft: when other copies or programs use every block.
        """
        for block in _candidates(preferred):
            guard = _guard(block)
            if guard is None:
                continue
            self.ports = Ports(block)
            if all(_free(port) for port in self.ports.services()):
                self._guard = guard
                return
            guard.close()
        raise NoPortsLeft(f"tried {_BLOCKS} blocks of {_SIZE} from {_FIRST}.")

    def close(self) -> None:
        """Let another copy take the block."""
        self._guard.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        self.close()


def _candidates(preferred: int | None) -> Iterator[int]:
    blocks = range(_FIRST, _FIRST + _BLOCKS * _SIZE, _SIZE)
    if preferred is not None and preferred in blocks:
        yield preferred
    yield from blocks


def _guard(block: int) -> socket.socket | None:
    guard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        guard.bind(f"\0hotline-12320/ports/{block}")
    except OSError:
        guard.close()
        return None
    return guard


def _free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # A server that restarts may listen again while old connections linger.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True
