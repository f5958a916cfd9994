"""An Asterisk for tests: speaks the manager protocol over TCP and fails when it is told to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from pydantic import SecretStr

from ivr.config import AmiSettings

SECRET = "s" * 32

Headers = dict[str, str]
Answer = Callable[[Headers], bytes | None]


def message(**headers: str | int) -> bytes:
    return b"".join(f"{key}: {value}\r\n".encode() for key, value in headers.items()) + b"\r\n"


def listed(action: Headers, *items: bytes) -> bytes:
    """Answer an action with a list, each item carrying the action's id."""
    tag = f"ActionID: {action['ActionID']}\r\n".encode()
    started = message(Response="Success", ActionID=action["ActionID"], EventList="start")
    ended = message(Event=f"{action['Action']}Complete", EventList="Complete")
    return started + b"".join(item[:-2] + tag + b"\r\n" for item in (*items, ended))


@dataclass
class FakeAsterisk:
    """Answers Success to everything but what `answers` or `muted` say otherwise."""

    port: int = 0
    received: list[Headers] = field(default_factory=list)
    logins: int = 0
    refuses_login: bool = False
    silent: bool = False
    """Takes actions and never answers, as a stopped process does."""
    muted: set[str] = field(default_factory=set)
    answers: dict[str, Answer] = field(default_factory=dict)
    behind_login: bytes = b""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def settings(self, **changes: float) -> AmiSettings:
        base = {"ping_seconds": 0.05, "deadline_seconds": 2.0}
        return AmiSettings.model_validate(
            {"port": self.port, "secret": SecretStr(SECRET)} | base | changes
        )

    def named(self, action: str) -> list[Headers]:
        return [headers for headers in self.received if headers["Action"] == action]

    async def emit(self, data: bytes) -> None:
        writer = self.writers[-1]
        writer.write(data)
        await writer.drain()

    def reset(self) -> None:
        """Break the newest connection with a TCP reset."""
        writer = self.writers[-1]
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                lines = [line.split(": ", 1) for line in raw.decode().split("\r\n")[:-2]]
                headers = {line[0]: line[1] for line in lines}
                self.received.append(headers)
                if self.silent or headers["Action"] in self.muted:
                    continue
                if (answer := self._answer(headers)) is not None:
                    writer.write(answer)
        writer.close()

    def _answer(self, headers: Headers) -> bytes | None:
        action = headers["Action"]
        if action in self.answers:
            return self.answers[action](headers)
        if action == "Login":
            self.logins += 1
            if self.refuses_login or headers["Secret"] != SECRET:
                return _response(headers, "Error", "Authentication failed")
            return _response(headers, "Success", "Authentication accepted") + self.behind_login
        if action in {"CoreShowChannels", "QueueStatus", "DeviceStateList"}:
            return listed(headers)
        return _response(headers, "Success", "Done")


def _response(headers: Headers, outcome: str, words: str) -> bytes:
    return message(Response=outcome, ActionID=headers["ActionID"], Message=words)


def refused(words: str) -> Answer:
    return lambda headers: _response(headers, "Error", words)


@asynccontextmanager
async def fake_asterisk() -> AsyncIterator[FakeAsterisk]:
    asterisk = FakeAsterisk()
    server = await asyncio.start_server(asterisk.serve, "127.0.0.1", 0, limit=1 << 24)
    asterisk.port = server.sockets[0].getsockname()[1]
    try:
        yield asterisk
    finally:
        server.close()
        for writer in asterisk.writers:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)  # the aborted transports close their sockets in the next turn


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition, with an end."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # any condition of any object
            await asyncio.sleep(0.005)
