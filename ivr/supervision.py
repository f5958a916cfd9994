"""Living under a supervisor: ready, alive, and stopping when told, in sd_notify(3)'s words.

systemd and the local stack's own supervisor both listen on the datagram socket named by
`NOTIFY_SOCKET`. A process that stops saying `WATCHDOG=1` is killed with SIGKILL: that is what
frees the callers of a bridge that hangs, because Asterisk waits for an AGI answer for ever.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress

import structlog

log = structlog.get_logger()

Main = Callable[[], Coroutine[None, None, None]]

_BEATS_PER_LIMIT = 4
"""The supervisor's limit is this many beats, so a late one is not yet a dead one."""


class Supervisor:
    """The process that started us; silent when nobody listens."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._limit_seconds = int(environment.get("WATCHDOG_USEC", "0")) / 1_000_000
        self._heard = True

    def ready(self) -> None:
        """Say that start-up is over and work can come."""
        self._say("READY=1")

    def stopping(self) -> None:
        """Say that we are going down on purpose."""
        self._say("STOPPING=1")

    async def keep_watched(self, healthy: Callable[[], bool]) -> None:
        """Say `WATCHDOG=1` for as long as `healthy`, until cancelled.

        Runs on the event loop on purpose: a loop that is blocked stops the beat.
        """
        if not self._limit_seconds:
            return
        while True:
            if healthy():
                self._say("WATCHDOG=1")
            await asyncio.sleep(self._limit_seconds / _BEATS_PER_LIMIT)

    def _say(self, words: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
                door.settimeout(0)
                door.sendto(words.encode("ascii"), self._address)
            self._heard = True
        except OSError as error:
            if self._heard:  # once per silence: a beat would repeat it four times a second
                log.warning("supervisor.unreachable", why=str(error))
            self._heard = False


def run_until_stopped(main: Main) -> None:
    """Run `main` on the fastest loop there is, until it ends or SIGTERM or SIGINT comes.

    A stop that was asked for is an ordinary end; whatever else ends `main` is raised.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_stoppable(main))


async def _stoppable(main: Main) -> None:
    work = asyncio.current_task()
    assert work is not None  # noqa: S101 - we are running in it
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await main()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None
    return uvloop.new_event_loop
