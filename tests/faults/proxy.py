"""A TCP proxy that does to a connection what networks do: the eight toxics of toxiproxy.

It stands between the bridge and AMI, and between the ledger and PostgreSQL. A fault holds for
the connections that stand and for those that come, until it is healed.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

_CHUNK = 65_536
_SLICES = 40
"""Bytes of a piece that go one by one when slicing; the rest follows in small pieces."""


@dataclass(frozen=True)
class Fault:
    """What happens to bytes on their way; nothing by default."""

    reset: bool = False
    """Connections are reset, and so is everyone who connects."""
    refused: bool = False
    """Nobody listens."""
    swallowed: bool = False
    """Bytes are taken and never arrive; nobody is told (a half-open connection)."""
    delay: float = 0.0
    """Seconds by which each piece is late."""
    bytes_a_second: int = 0
    """0: as fast as it goes."""
    sliced: bool = False
    """Bytes arrive one by one."""
    cut_after: bytes = b""
    """When the client has sent this, it is delivered, and the client is reset before the answer."""
    limit: int = 0
    """Reset after so many bytes from the server; 0: never."""


HEALTHY = Fault()


@dataclass
class Proxy:
    """Listens from entering to leaving its context; `target` may be named later."""

    host: str = "127.0.0.1"
    target: int = 0
    fault: Fault = HEALTHY
    cuts: int = 0
    """How often a connection was cut by `cut_after` or `limit`."""
    _open: set[Pair] = field(init=False, default_factory=set)
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._reset_all()
        await self._server.wait_closed()

    @property
    def connections(self) -> int:
        return len(self._open)

    def become(self, fault: Fault) -> None:
        """Let `fault` hold from now on."""
        self.fault = fault
        self._changed.set()
        self._changed = asyncio.Event()
        if fault.reset or fault.refused:
            self._reset_all()

    @asynccontextmanager
    async def suffers(self, fault: Fault) -> AsyncIterator[None]:
        """Let `fault` hold inside, and heal in the end."""
        self.become(fault)
        try:
            yield
        finally:
            self.become(HEALTHY)

    def _reset_all(self) -> None:
        for pair in list(self._open):
            pair.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = Pair(writer)
        if self.fault.reset or self.fault.refused:
            pair.reset()
            return
        self._open.add(pair)
        try:
            back, pair.server = await asyncio.open_connection(self.host, self.target)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(pair, reader, pair.server, from_client=True))
                ways.create_task(self._carry(pair, back, writer, from_client=False))
        except* OSError:
            pair.reset()
        finally:
            self._open.discard(pair)
            pair.close()

    async def _carry(
        self,
        pair: Pair,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        *,
        from_client: bool,
    ) -> None:
        carried, before = 0, b""
        while data := await source.read(_CHUNK):
            fault = self.fault
            while fault.swallowed:
                # TCP would send them again: what was on its way arrives when the way is back.
                await self._changed.wait()
                fault = self.fault
            if pair.cut:
                continue
            await asyncio.sleep(fault.delay)
            await _send(sink, data, fault)
            carried += len(data)
            if from_client and fault.cut_after and fault.cut_after in before + data:
                # The server does what it was told, and its answer finds nobody.
                self.cuts += 1
                pair.cut = True
                pair.reset_client()
            elif not from_client and 0 < fault.limit <= carried:
                self.cuts += 1
                return pair.reset()
            before = data[-len(fault.cut_after) :] if fault.cut_after else b""
        with suppress(OSError):
            sink.write_eof()
        return None


@dataclass(eq=False)
class Pair:
    """Both ends of a connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    cut: bool = False
    """The client is gone, and what the server says is thrown away."""

    def reset(self) -> None:
        """Send a TCP reset to both ends; what was not sent yet is lost."""
        self.reset_client()
        if self.server is not None:
            _reset(self.server)

    def reset_client(self) -> None:
        _reset(self.client)

    def close(self) -> None:
        for end in (self.client, self.server):
            if end is not None:
                end.close()


def _reset(end: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        handle = end.get_extra_info("socket")
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.transport.abort()


async def _send(sink: asyncio.StreamWriter, data: bytes, fault: Fault) -> None:
    if fault.sliced:
        handle = sink.get_extra_info("socket")
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(min(len(data), _SLICES)):
            sink.write(data[at : at + 1])
            await asyncio.sleep(0)
        for at in range(_SLICES, len(data), 7):
            sink.write(data[at : at + 7])
            await asyncio.sleep(0)
    elif fault.bytes_a_second:
        step = max(1, fault.bytes_a_second // 50)
        for at in range(0, len(data), step):
            sink.write(data[at : at + step])
            await asyncio.sleep(step / fault.bytes_a_second)
    else:
        sink.write(data)
    await sink.drain()
