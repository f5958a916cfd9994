"""The supervisor: starts servers as direct children, keeps them alive, and takes them along.

Every child asks the kernel for a signal when its parent dies (`setpriv --pdeathsig`), so
nothing outlives a supervisor that is killed. That signal follows the *thread* that forked:
children are started from the event loop's thread, which must be the main thread.
A child writes its log file itself; it never waits for a supervisor that is slow.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import structlog

from deploy.stack.notify import NotifySocket
from ivr.errors import HotlineError

_log = structlog.get_logger()

_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 5.0
_SETTLED_SECONDS: Final = 30.0
"""A child that lived this long starts again without delay the next time."""
_MOST_PATIENCE: Final = 16
"""How many times `ready_seconds` a start may take in the end."""
_DEADLY: Final = frozenset({signal.SIGKILL, signal.SIGTERM})
_PROBE_SECONDS: Final = 0.05
_LOG_BYTES: Final = 16_000_000
_LOG_CHECK_SECONDS: Final = 5.0
_TAIL_BYTES: Final = 4_000
_TAIL_LINES: Final = 15

_BORN_OF = 'test "$PPID" = "$0" && exec "$@"'
"""Closes the gap between fork and setpriv: a child whose parent is gone by then gives up."""


class ChildFailed(HotlineError):
    """A part of the stack did not start."""


@dataclass(frozen=True, slots=True)
class Child:
    """How to start, judge and end one server."""

    name: str
    command: Callable[[], Sequence[str]]
    """Asked before every start, so that a start may count, render or repair something first."""
    environment: Mapping[str, str]
    parent_death: str = "TERM"
    """What the kernel sends when the supervisor dies."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    """Then SIGKILL."""
    ready: Callable[[], Awaitable[bool]] | None = None
    """Asked again and again until true; without it, see `notifies`."""
    notifies: bool = False
    """It sends READY=1 when it serves."""
    ready_seconds: float = 30.0
    """Then SIGKILL, and another start that may take twice as long: whoever is slow because the
    machine is overloaded would be slower still for every start that is thrown away."""
    watchdog_seconds: float | None = None
    """It sends WATCHDOG=1 at least this often, or is killed and started again."""
    sandboxed: bool = False
    """The command is a sandbox that starts the server as its own child."""
    prefix: tuple[str, ...] = ()
    """Put before everything else, such as a user namespace."""
    folder: Path = field(default_factory=Path.cwd)


class _Life:
    """One child from start to stop, over as many processes as it takes."""

    def __init__(self, child: Child, log: Path, notify: Path) -> None:
        self.child = child
        self.log = log
        self.ended = asyncio.Event()
        self.is_ready = asyncio.Event()
        self.unwanted = asyncio.Event()
        self.failure = ""
        self._notify = notify
        self._process: asyncio.subprocess.Process | None = None
        self._was_ready = False
        self._ready_seconds = child.ready_seconds

    async def run(self) -> None:
        """Start the child, and again whenever it ends, until it is unwanted.

        A child that was never ready is not started again: whoever started it is told.
        """
        delay = _FIRST_DELAY
        try:
            while not self.unwanted.is_set():
                born = time.monotonic()
                code = await self._one_process()
                if self.unwanted.is_set() or not self._was_ready:
                    return
                lived = time.monotonic() - born
                delay = _FIRST_DELAY if lived > _SETTLED_SECONDS else delay
                _log.warning("child.ended", child=self.child.name, code=code, again_in=delay)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.unwanted.wait(), delay)
                delay = min(delay * 2, _LONGEST_DELAY)
        finally:
            self.ended.set()

    async def _one_process(self) -> int:
        notify = NotifySocket(self._notify) if self.child.notifies else None
        try:
            process = self._process = await self._spawn(notify)
        except Exception as error:  # noqa: BLE001 - one part's fault; the others go on, or end in order
            self.failure = str(error) or type(error).__name__
            _log.error("child.unstartable", child=self.child.name, error=self.failure)
            return -1
        finally:
            if notify and self._process is None:
                notify.close()
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._watch(notify))
                code = await process.wait()
                watch.cancel()
            return code
        finally:
            if process.returncode is None:
                self.signal(signal.SIGKILL)
                await process.wait()
            self.is_ready.clear()
            self._process = None
            if notify:
                notify.close()

    async def _spawn(self, notify: NotifySocket | None) -> asyncio.subprocess.Process:
        child = self.child
        environment = dict(child.environment)
        if notify:
            environment["NOTIFY_SOCKET"] = str(notify.path)
        if child.watchdog_seconds:
            environment["WATCHDOG_USEC"] = str(int(child.watchdog_seconds * 1_000_000))
        bound = ("setpriv", "--pdeathsig", child.parent_death, "--")
        born_of = ("sh", "-c", _BORN_OF, str(os.getpid()))
        argv = (*child.prefix, *bound, *born_of, *child.command())
        _rotate(self.log)
        with _opened(self.log) as output:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                cwd=child.folder,
                # Ctrl-C at the terminal is for the supervisor alone, which then stops in order.
                start_new_session=True,
            )
        _log.info("child.started", child=child.name, pid=process.pid)
        return process

    async def _watch(self, notify: NotifySocket | None) -> None:
        began = time.monotonic()
        if not await self._became_ready(notify):
            _log.error("child.late", child=self.child.name, seconds=self._ready_seconds)
            most = self.child.ready_seconds * _MOST_PATIENCE
            self._ready_seconds = min(self._ready_seconds * 2, most)
            self.signal(signal.SIGKILL)
            return
        self._was_ready = True
        self._ready_seconds = self.child.ready_seconds
        self.is_ready.set()
        ms = round((time.monotonic() - began) * 1000)
        _log.info("child.ready", child=self.child.name, ms=ms)
        limit = self.child.watchdog_seconds
        if notify is None or limit is None:
            return
        while await notify.heard("WATCHDOG", limit):
            pass
        _log.error("child.hung", child=self.child.name, seconds=limit)
        self.signal(signal.SIGKILL)

    async def _became_ready(self, notify: NotifySocket | None) -> bool:
        if notify:
            return await notify.heard("READY", self._ready_seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._ready_seconds):
                # Another process cannot set an event of ours.
                while self.child.ready and not await self.child.ready():  # noqa: ASYNC110
                    await asyncio.sleep(_PROBE_SECONDS)
                return True
        return False

    async def becomes_ready(self) -> bool:
        """Wait until the child serves; False when it has ended for good instead."""
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(e.wait()) for e in (self.is_ready, self.ended)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        return self.is_ready.is_set()

    @property
    def pid(self) -> int | None:
        """The process that does the work, behind its sandbox if it has one."""
        if self._process is None or self._process.returncode is not None:
            return None
        return innermost(self._process.pid) if self.child.sandboxed else self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send `number` to the process that does the work, if there is one."""
        pid = self.pid
        if number in _DEADLY:
            self.is_ready.clear()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    async def stop(self) -> None:
        """Ask, wait, and then insist."""
        self.unwanted.set()
        self.signal(self.child.stop_signal)
        self.signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(self.child.stop_seconds):
                await self.ended.wait()
        except TimeoutError:
            _log.warning("child.stubborn", child=self.child.name, seconds=self.child.stop_seconds)
            self.signal(signal.SIGKILL)
            await self.ended.wait()
        _log.info("child.stopped", child=self.child.name)


class Supervisor:
    """Several children under one roof; leaving the context stops them, youngest first."""

    def __init__(self, *, logs: Path, runtime: Path) -> None:
        """Keep log files in `logs` and notification sockets in `runtime`."""
        self._logs = logs
        self._runtime = runtime
        self._group = asyncio.TaskGroup()
        self._lives: dict[str, _Life] = {}

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._bound = self._group.create_task(self._keep_logs_bounded())
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        for name in reversed(list(self._lives)):
            await self.stop(name)
        self._bound.cancel()
        # What went wrong in the body goes on as it is, not wrapped in a group.
        await self._group.__aexit__(None, None, None)

    async def start(self, child: Child) -> None:
        """Start `child` and wait until it is ready.

        Raises:
            ChildFailed: when it ends or its time is over before; with its last log lines.
        """
        life = _Life(child, self.log(child.name), self._runtime / f"notify-{child.name}")
        self._lives[child.name] = life
        self._group.create_task(life.run())
        if not await life.becomes_ready():
            del self._lives[child.name]
            raise ChildFailed(f"{child.name}: {life.failure}\n{tail(life.log)}")

    async def stop(self, name: str) -> None:
        """Stop the child in order; nothing happens when it is not there."""
        if life := self._lives.get(name):
            await life.stop()
            del self._lives[name]

    async def ready(self, name: str) -> None:
        """Wait until the child serves (again)."""
        life = self._lives[name]
        if not await life.becomes_ready():
            raise ChildFailed(f"{name}: {life.failure}\n{tail(life.log)}")

    def signal(self, name: str, number: signal.Signals, *, revive: bool = True) -> None:
        """Send `number` to the child's working process; `revive=False` lets it stay dead."""
        life = self._lives[name]
        if not revive:
            life.unwanted.set()
        life.signal(number)

    def pid(self, name: str) -> int | None:
        """Give the working process of the child, None while there is none."""
        life = self._lives.get(name)
        return life.pid if life else None

    def log(self, name: str) -> Path:
        """Where the child writes."""
        return self._logs / f"{name}.log"

    async def _keep_logs_bounded(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_SECONDS)
            for life in self._lives.values():
                _rotate(life.log)


def innermost(pid: int) -> int:
    """Follow first children down from `pid`: a sandbox leads to what it was made for."""
    while True:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        except OSError:
            return pid
        if not children:
            return pid
        pid = int(children[0])


def tail(log: Path) -> str:
    """Give the last lines of a log, for the person at the terminal."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_TAIL_LINES:])


def _opened(log: Path) -> IO[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    return os.fdopen(descriptor, "wb")


def _rotate(log: Path) -> None:
    """Keep one older file; truncate in place, since the child has the file open for appending."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)
