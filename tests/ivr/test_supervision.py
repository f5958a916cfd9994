"""The supervisor hears that we are ready and alive, in sd_notify's words."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.errors import SettingsInvalid
from ivr.supervision import Supervisor, run_until_stopped


@pytest.fixture
def door(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def _environment(door: socket.socket, usec: str = "40000") -> dict[str, str]:
    return {"NOTIFY_SOCKET": door.getsockname(), "WATCHDOG_USEC": usec}


def test_ready_and_stopping_are_said(door: socket.socket) -> None:
    supervisor = Supervisor(_environment(door))
    supervisor.ready()
    supervisor.stopping()
    assert [door.recv(64), door.recv(64)] == [b"READY=1", b"STOPPING=1"]


def test_an_abstract_socket_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0hotline-test-supervision")
        listener.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": "@hotline-test-supervision"}).ready()
        assert listener.recv(64) == b"READY=1"


def test_nobody_listening_is_not_an_error(tmp_path: Path) -> None:
    Supervisor({}).ready()
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "absent")}).ready()


async def test_the_watchdog_is_fed_only_while_healthy(door: socket.socket) -> None:
    states = iter([True, True, False, False, True])
    supervisor = Supervisor(_environment(door))

    def healthy() -> bool:
        return next(states)

    with contextlib.suppress(RuntimeError):  # a coroutine turns StopIteration into this
        async with asyncio.timeout(10):
            await supervisor.keep_watched(healthy)
    door.settimeout(0)
    heard = []
    with contextlib.suppress(BlockingIOError):
        while True:
            heard.append(door.recv(64))
    assert heard == [b"WATCHDOG=1"] * 3


async def test_without_a_limit_there_is_no_beat(door: socket.socket) -> None:
    async with asyncio.timeout(10):
        await Supervisor({"NOTIFY_SOCKET": door.getsockname()}).keep_watched(lambda: True)
    door.settimeout(0)
    with pytest.raises(BlockingIOError):
        door.recv(64)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_was_asked_for_is_an_ordinary_end_with_clean_up(number: signal.Signals) -> None:
    program = (
        "import asyncio\n"
        "from ivr.supervision import run_until_stopped\n"
        "async def main():\n"
        "    try:\n"
        "        print('up', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "    finally:\n"
        "        print('cleaned', flush=True)\n"
        "run_until_stopped(main)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        child.send_signal(number)
        assert child.stdout.read() == "cleaned\n"
        assert child.wait(timeout=20) == 0


def test_what_ends_the_work_is_raised() -> None:
    async def main() -> None:
        raise SettingsInvalid("nothing can be served.")

    with pytest.raises(SettingsInvalid):
        run_until_stopped(main)
