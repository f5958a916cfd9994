"""`deploy/up` as a person meets it: a call with its record, and an end that leaves nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import soundfile

from deploy.stack.demonstration import AGENT_TONE, CALLER_TONE
from deploy.stack.record import KEYS
from deploy.stack.stack import Stack
from deploy.stack.up import _first_people
from ivr.config import REPOSITORY

pytestmark = pytest.mark.real

_BARE = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
_PATIENCE = 240


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy for all tests: each must leave it so that the next start works."""
    return tmp_path_factory.mktemp("home")


def _command(directory: Path, *options: str) -> list[str]:
    launcher = [sys.executable, "-m", "deploy.stack", "up", "--directory", str(directory)]
    return [*launcher, *options]


def _below(directory: Path) -> list[str]:
    """Every process that mentions the folder, found by nobody's book-keeping."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            environment = (entry.parent / "environ").read_bytes()
            text = entry.read_bytes() + environment
        except OSError:
            continue
        if str(directory).encode() in text and entry.parent.name != str(os.getpid()):
            found.append(text.decode("utf-8", "replace")[:200])
    return found


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)


def _read_until(stream: IO[str], word: str) -> str:
    said = ""
    while word not in said:
        line = stream.readline()
        assert line, f"ended before {word!r}: {said}"
        said += line
    return said


def _strongest(samples: np.ndarray[Any, np.dtype[np.float64]], rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def test_the_first_call_leaves_one_complete_record_with_both_voices(home: Path) -> None:
    done = subprocess.run(
        _command(home, "--once", "--json"),
        cwd=REPOSITORY,
        env=_BARE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert list(record) == list(KEYS)
    assert record["dialled"] == "12320"
    assert "****" in record["caller"]
    assert record["agent"] == "a1001"
    assert record["disposition"] == "answered"
    assert [request["code"] for request in record["requests"]] == ["C02"]
    path = Path(record["recording"]["path"])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == record["recording"]["sha256"]
    sound, rate = soundfile.read(path)
    middle = sound[len(sound) // 2 - rate : len(sound) // 2 + rate]
    assert sound.shape[1] == 2
    assert abs(_strongest(middle[:, 0], rate) - CALLER_TONE) < 5
    assert abs(_strongest(middle[:, 1], rate) - AGENT_TONE) < 5
    assert _below(home) == []


@pytest.mark.parametrize("ending", ["Ctrl-C", "SIGTERM", "the terminal dies", "SIGKILL"])
def test_nothing_runs_any_more_after(ending: str, home: Path) -> None:
    command = _command(home, "--no-call")
    terminal = ["script", "-qec", f"echo $$; exec {shlex.join(command)}", "/dev/null"]
    with subprocess.Popen(
        terminal,
        cwd=REPOSITORY,
        env=_BARE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as screen:
        assert screen.stdin
        assert screen.stdout
        launcher = int(screen.stdout.readline())
        _read_until(screen.stdout, "Ctrl-C")
        assert len(_below(home)) > 5
        if ending == "Ctrl-C":
            screen.stdin.write("\x03")
            screen.stdin.flush()
        elif ending == "the terminal dies":
            screen.kill()
        else:
            os.kill(launcher, signal.Signals[ending])
        if ending in {"Ctrl-C", "SIGTERM"}:
            assert "everything is stopped" in screen.stdout.read()
    asyncio.run(_until(lambda: _below(home) == []))
    if ending != "SIGKILL":
        assert not (home / "postgres/postmaster.pid").exists()
        assert list((home / "run").glob("*")) == []


def test_a_failure_names_the_part_and_shows_its_last_words(tmp_path: Path) -> None:
    environment = {**_BARE, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    done = subprocess.run(
        _command(tmp_path, "--once"),
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "migrate" in done.stderr
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr
    assert _below(tmp_path) == []


async def test_the_first_people_are_told_their_passwords_once(tmp_path: Path) -> None:
    async with Stack(tmp_path, environment=_BARE) as stack:
        await stack.start("postgres", "valkey", "migrate")
        head, *people = await _first_people(stack)
        assert "once" in head
        assert [line.split()[-2] for line in people] == ["a2001", "s1001", "e1001"]
        passwords = {line.split()[-1] for line in people}
        assert len(passwords) == 3
        assert all(len(password) == 20 for password in passwords)
        assert await _first_people(stack) == []
