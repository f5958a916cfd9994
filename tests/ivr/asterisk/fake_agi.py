"""An Asterisk for tests that asks by FastAGI, over TCP, and misbehaves when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ivr.asterisk.agi import AgiServer, Channel, Limits

TOKEN = "t" * 32
SECONDS = 10.0
"""Ends a wait that would otherwise hang the tests; nothing is measured by it."""

SENT = {
    "agi_network": "yes",
    "agi_network_script": "menu",
    "agi_request": "agi://127.0.0.1:4573/menu",
    "agi_channel": "PJSIP/trunk-00000001",
    "agi_language": "zh",
    "agi_type": "PJSIP",
    "agi_uniqueid": "n1-17-1763785000.42",
    "agi_version": "22.10.1",
    "agi_callerid": "13812341234",
    "agi_calleridname": "unknown",
    "agi_callingpres": "0",
    "agi_callingani2": "0",
    "agi_callington": "0",
    "agi_callingtns": "0",
    "agi_dnid": "12320",
    "agi_rdnis": "unknown",
    "agi_context": "from-trunk",
    "agi_extension": "12320",
    "agi_priority": "3",
    "agi_enhanced": "0.0",
    "agi_accountcode": "",
    "agi_threadid": "139950107817664",
    "agi_arg_1": TOKEN,
}
"""What Asterisk 22.10.1 was seen to send, in its order."""


def environment(**changed: str) -> bytes:
    values = {**SENT, **changed}
    return "".join(f"{name}: {value}\n" for name, value in values.items()).encode() + b"\n"


@dataclass
class Peer:
    """One connection to the server under test."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def command(self) -> str:
        """Wait for the next command; empty when the server has closed."""
        async with asyncio.timeout(SECONDS):
            try:
                return (await self.reader.readline()).decode().removesuffix("\n")
            except ConnectionResetError:
                return ""

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, reply: bytes) -> str:
        command = await self.command()
        self.say(reply)
        return command

    async def closed(self) -> bytes:
        """Wait until the server closes, and return what it still sent."""
        async with asyncio.timeout(SECONDS):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def hang_up(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return


@dataclass
class Served:
    """A server under test, its port, and what its handler did."""

    server: AgiServer
    port: int
    ended: asyncio.Queue[object] = field(default_factory=asyncio.Queue)

    @asynccontextmanager
    async def peer(self, opening: bytes | None = None) -> AsyncIterator[Peer]:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        peer.say(environment() if opening is None else opening)
        try:
            yield peer
        finally:
            await peer.hang_up()

    async def outcome(self) -> object:
        """Wait for a handler to end, and return its result or the error it met."""
        async with asyncio.timeout(SECONDS):
            return await self.ended.get()


@asynccontextmanager
async def serving(
    handler: Callable[[Channel], Awaitable[object]], limits: Limits | None = None
) -> AsyncIterator[Served]:
    """Serve this handler at `agi://…/menu` on a free port."""
    ended: asyncio.Queue[object] = asyncio.Queue()

    async def observed(channel: Channel) -> None:
        try:
            ended.put_nowait(await handler(channel))
        except BaseException as error:
            ended.put_nowait(error)
            raise

    server = AgiServer({"menu": observed}, token=TOKEN, limits=limits)
    async with server.listening("127.0.0.1", 0) as port:
        yield Served(server, port, ended)


async def conversation(
    handler: Callable[[Channel], Awaitable[object]], *replies: bytes
) -> tuple[list[str], object]:
    """Answer a handler's commands with these replies in turn.

    Returns:
        The commands that were sent, and the handler's result or error. One command too few or
        too many fails the test.
    """
    async with serving(handler) as served, served.peer() as peer:
        commands = [await peer.answer(reply + b"\n") for reply in replies]
        assert await peer.closed() == b""
        return commands, await served.outcome()


async def until(condition: Callable[[], object]) -> None:
    """Wait for what no event announces."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - the other side has no event for us
            await asyncio.sleep(0.01)
