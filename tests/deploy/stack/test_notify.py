from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.stack.notify import NotifySocket, parse_notification


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[NotifySocket]:
    notify = NotifySocket(tmp_path / "notify")
    yield notify
    notify.close()


def _say(door: NotifySocket, *words: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as child:
        for word in words:
            child.sendto(word, str(door.path))


async def test_ready_is_heard_among_other_words(door: NotifySocket) -> None:
    _say(door, b"STATUS=warming up", b"\xff\xfe", b"", b"STATUS=x\nREADY=1\n")
    assert await door.heard("READY", within=5)


async def test_silence_is_not_ready(door: NotifySocket) -> None:
    _say(door, b"READY=0", b"NOTREADY=1")
    assert not await door.heard("READY", within=0.05)


async def test_a_supervisor_that_was_held_up_itself_punishes_nobody(door: NotifySocket) -> None:
    def hold_up() -> None:
        time.sleep(0.3)
        _say(door, b"WATCHDOG=1")

    asyncio.get_running_loop().call_soon(hold_up)
    assert await door.heard("WATCHDOG", within=0.1)


async def test_a_new_start_does_not_hear_the_last_process(tmp_path: Path) -> None:
    old = NotifySocket(tmp_path / "notify")
    _say(old, b"READY=1")
    new = NotifySocket(tmp_path / "notify")
    assert not await new.heard("READY", within=0.05)
    old.close()
    new.close()


async def test_each_sign_of_life_counts_once(door: NotifySocket) -> None:
    _say(door, b"WATCHDOG=1", b"READY=1")
    assert await door.heard("WATCHDOG", within=5)
    assert await door.heard("READY", within=5)
    assert not await door.heard("WATCHDOG", within=0.05)


@given(st.binary(max_size=300))
def test_no_datagram_is_too_odd_to_read(datagram: bytes) -> None:
    parsed = parse_notification(datagram)
    assert all(key and "\n" not in value for key, value in parsed.items())


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,10}", fullmatch=True), st.from_regex(r"[a-z=0-9]*", fullmatch=True)
    )
)
def test_every_assignment_is_read(pairs: dict[str, str]) -> None:
    datagram = "\n".join(f"{key}={value}" for key, value in pairs.items()).encode()
    assert parse_notification(datagram) == pairs
