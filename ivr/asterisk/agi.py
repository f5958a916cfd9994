"""Our FastAGI server: Asterisk asks where a call goes, a handler answers on its `Channel`.

One connection is one call. Its handler runs in a task of the server's group; what goes wrong in
it ends that call's session and nothing else, and the dialplan, finding no route set, leads the
caller on by itself. Deadlines are kept by one sweep over all sessions instead of a timer each:
a session ends at most `SWEEP_SECONDS` after its time.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

import structlog

from ivr.asterisk.agi_protocol import (
    DEAD_CHANNEL,
    Broke,
    Environment,
    HungUp,
    Parser,
    Refusal,
    Reply,
    wire,
)
from ivr.asterisk.channel import CallerGone, Channel
from ivr.errors import ActionRefused, PeerBroke, SettingsInvalid

__all__ = ["AgiServer", "CallerGone", "Channel", "Environment", "Handler", "Limits"]

SWEEP_SECONDS: Final = 0.25
CLOSING_SECONDS: Final = 1.0
"""How long a peer may take to read the last command before the connection is cut."""

_REFUSAL_SHOWN: Final = 80

_log = structlog.get_logger()

Handler = Callable[[Channel], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server holds at most, and how long."""

    sessions: int = 1_000
    """Connections at once; one more is closed at once and takes the plain menu."""
    backlog: int = 1_024
    """Connections that the kernel holds while the loop is busy."""
    environment_seconds: float = 3.0
    """From the connection to the end of its environment."""
    session_seconds: float = 900.0
    """From the connection to its end, whatever the caller does."""
    drain_seconds: float = 5.0
    """How long a shutdown waits for calls in the menu."""


class AgiServer:
    """Answers `agi://host:port/<script>` with the handler of that name.

    Args:
        handlers: by script.
        token: what the dialplan gives as the first argument; who does not is turned away.
        limits: see `Limits`.
        local_only: turn away peers that are not on this machine.

    Raises:
        SettingsInvalid: the token is empty.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        token: str,
        limits: Limits | None = None,
        local_only: bool = True,
    ) -> None:
        if not token:
            raise SettingsInvalid("agi.token: expected a secret shared with the dialplan.")
        self.limits = limits or Limits()
        self._handlers = handlers
        self._token = token.encode()
        self._local_only = local_only
        self._open: set[_Connection] = set()
        self._empty = asyncio.Event()
        self._excess = 0
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def sessions(self) -> int:
        """Connections open now."""
        return len(self._open)

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve until the block ends; then take no more calls, and let those inside finish.

        Yields:
            The port, which the system chooses when 0 was given.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            server = await loop.create_server(
                lambda: _Connection(self), host, port, backlog=self.limits.backlog
            )
            sweeper = tasks.create_task(self._sweep())
            try:
                yield server.sockets[0].getsockname()[1]
            finally:
                server.close()
                await self._drain()
                self._tasks = None
                sweeper.cancel()

    async def _drain(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.drain_seconds):
                while self._open:
                    self._empty.clear()
                    await self._empty.wait()
        for connection in tuple(self._open):
            connection.cut("shutdown")

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for connection in [one for one in self._open if one.due < now or one.ends < now]:
                connection.cut(connection.awaited)
            if self._excess:
                _log.warning("agi.full", refused=self._excess, sessions=len(self._open))
                self._excess = 0

    def take(self, connection: _Connection, host: str) -> bool:
        """Count a new connection in, unless there is no place for it."""
        if self._local_only and not _is_local(host):
            _log.warning("agi.refused", reason="peer", peer=host)
            return False
        if len(self._open) >= self.limits.sessions:
            self._excess += 1
            return False
        self._open.add(connection)
        return True

    def drop(self, connection: _Connection) -> None:
        """Count a connection out."""
        self._open.discard(connection)
        if not self._open:
            self._empty.set()

    def begin(self, connection: _Connection, environment: Environment) -> asyncio.Task[None] | None:
        """Start the handler of an environment that proves where it comes from."""
        handler = self._handlers.get(environment.script)
        token = environment.arguments[0].encode() if environment.arguments else b""
        if not hmac.compare_digest(token, self._token):
            reason = "token"
        elif handler is None:
            reason = "script"
        elif self._tasks is None:
            reason = "shutdown"
        else:
            return self._tasks.create_task(self._run(handler, connection, environment))
        _log.warning("agi.refused", reason=reason, call_id=environment.uniqueid)
        return None

    async def _run(
        self, handler: Handler, connection: _Connection, environment: Environment
    ) -> None:
        structlog.contextvars.bind_contextvars(call_id=environment.uniqueid)
        try:
            with suppress(CallerGone):
                await handler(Channel(connection.ask, environment))
        except Exception:  # noqa: BLE001 - whatever it was, the other calls go on
            _log.exception("agi.failed", script=environment.script)
        finally:
            connection.finish()


class _Connection(asyncio.Protocol):
    """One socket: bytes to the parser, replies to the command that waits, deadlines."""

    __slots__ = (
        "_gone",
        "_loop",
        "_parser",
        "_server",
        "_task",
        "_transport",
        "_waiting",
        "awaited",
        "call_id",
        "due",
        "ends",
    )

    def __init__(self, server: AgiServer) -> None:
        self._server = server
        self._parser = Parser()
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._gone = False
        self.call_id = ""
        self.awaited = "environment"
        """What `due` is the deadline of."""
        self.ends = self._loop.time() + server.limits.session_seconds
        self.due = self._loop.time() + server.limits.environment_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._server.take(self, transport.get_extra_info("peername")[0]):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        for said in self._parser.feed(data):
            match said:
                case Reply():
                    waiting = self._answered()
                    if waiting is not None:
                        waiting.set_result(said)
                case Refusal():
                    refused = _refused(said, self.awaited)
                    waiting = self._answered()
                    if waiting is not None:
                        waiting.set_exception(refused)
                case HungUp():
                    self._gone = True
                case Environment():
                    self._begin(said)
                case Broke():
                    self._broke(said.detail)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._gone = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(CallerGone())
        self._server.drop(self)

    def ask(self, command: str, seconds: float) -> asyncio.Future[Reply]:
        """Send one command; the future is its reply.

        Raises, or fails with:
            CallerGone: the caller hung up before or meanwhile, or the connection is lost.
            ActionRefused: Asterisk knows no such command, or not in this form.
            PeerBroke: what came is no reply.
            ValueRefused: the command is more than one line, or too long.
        """
        line = wire(command)
        if self._waiting is not None:
            self._end_by_second(command)
        if self._gone:
            raise CallerGone
        self._waiting = self._loop.create_future()
        self.awaited = command
        self.due = self._loop.time() + seconds
        self._transport.write(line)
        return self._waiting

    def finish(self) -> None:
        """Close in good order: what was written is still sent."""
        self._gone = True
        self.awaited = "closing"
        self.due = self._loop.time() + CLOSING_SECONDS
        self._transport.close()

    def cut(self, awaited: str) -> None:
        """End the session now, its handler too."""
        _log.warning("agi.cut", call_id=self.call_id, awaited=_verb(awaited))
        self._abort()
        if self._task is not None:
            self._task.cancel()

    def _begin(self, environment: Environment) -> None:
        self.call_id = environment.uniqueid
        self.awaited = "handler"
        self.due = self.ends
        self._task = self._server.begin(self, environment)
        if self._task is None:
            self._abort()

    def _end_by_second(self, command: str) -> None:
        """Judge a command that comes before the last one's reply: a bug, or a wait given up."""
        if self._waiting is not None and not self._waiting.done():
            raise RuntimeError(f"{_verb(command)}: the channel is still busy.")
        # The reply to what was given up is still to come, and would be taken for this one's.
        self._abort()

    def _answered(self) -> asyncio.Future[Reply] | None:
        """Return the command that a reply is for; a reply to nothing ends the session."""
        waiting, self._waiting = self._waiting, None
        self.awaited = "handler"
        self.due = self.ends
        if waiting is None or waiting.done():
            self._broke("expected silence, came a reply that nothing asked for.")
            return None
        return waiting

    def _broke(self, detail: str) -> None:
        _log.warning("agi.broken", call_id=self.call_id, detail=detail)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(PeerBroke(detail))
        self._abort()

    def _abort(self) -> None:
        self._gone = True
        self._transport.abort()


def _refused(refusal: Refusal, command: str) -> Exception:
    if refusal.code == DEAD_CHANNEL:
        return CallerGone()
    return ActionRefused(f"{_verb(command)}: {refusal.code} {refusal.text[:_REFUSAL_SHOWN]}")


def _verb(command: str) -> str:
    """Return what of a command may be logged: its words without their values."""
    return " ".join(command.split(" ", 2)[:2])


@lru_cache(maxsize=1_024)
def _is_local(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback
