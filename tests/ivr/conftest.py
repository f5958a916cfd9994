"""A real PostgreSQL for the tests of the call side, and an empty migrated database for each."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from deploy.stack.postgres import binaries, user_namespace
from ivr.config import DatabaseSettings, Settings
from ivr.database import Pool, make_pool
from ivr.migrations import migrate

_STARTED_WITHIN = 30.0
_MEMORY = Path("/dev/shm")  # noqa: S108 - memory that calls itself a folder
_PREFIX = "hotline-tests-"
_ENOUGH = 4 * 2**30
"""Free bytes from which the servers' files lie there; each worker's take some 500 MB."""


@dataclass
class Server:
    """A PostgreSQL server that the tests may stop, kill and start again."""

    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        return f"postgresql://hotline:secret@127.0.0.1:{self.port}/{database}"

    def spawn(self) -> None:
        """Start it; from the main thread, because it dies with the thread that started it."""
        argv = (
            *user_namespace(),
            *("setpriv", "--pdeathsig", "INT", "--", str(binaries() / "postgres")),
            *("-D", str(self.data), "-k", "", "-p", str(self.port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "timezone=Asia/Shanghai"),
            *("-c", "max_connections=100", "-c", "fsync=off"),
            # A new database for each test is a journal of 12 MB, unless nothing is to be copied.
            *("-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "max_wal_size=256MB"),
        )
        with (self.data.parent / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)

    def start(self) -> None:
        self.spawn()
        assert self.process is not None
        deadline = time.monotonic() + _STARTED_WITHIN
        while not asyncio.run(self._answers()):
            assert self.process.poll() is None, (self.data.parent / "postgres.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(timeout=_STARTED_WITHIN)

    async def _answers(self) -> bool:
        with suppress(OSError, asyncpg.PostgresError, TimeoutError):
            connection = await asyncpg.connect(self.url("postgres"), timeout=2)
            await connection.close()
            return True
        return False


@contextmanager
def _quick_folder(otherwise: Path) -> Iterator[Path]:
    """Give a folder in memory where there is room, for a disk is what these tests would wait for.

    What a killed run has left there goes with the next one.
    """
    for left in _MEMORY.glob(f"{_PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(_PREFIX)).exists():
            shutil.rmtree(left, ignore_errors=True)
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ENOUGH:
        yield otherwise
        return
    ours = _MEMORY / f"{_PREFIX}{os.getpid()}"
    ours.mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=ours))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            ours.rmdir()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _quick_folder(tmp_path_factory.mktemp("postgres")) as folder:
        yield from _served(folder)


def _served(folder: Path) -> Iterator[Server]:
    password = folder / "password"
    password.write_text("secret")
    argv = (
        *user_namespace(),
        *(str(binaries() / "initdb"), "-D", str(folder / "data"), "-U", "hotline"),
        *("-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-sync"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    )
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=60)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = Server(folder / "data", port)
    server.start()
    asyncio.run(_make_template(server))
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()


async def _make_template(server: Server) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    await connection.execute("CREATE DATABASE migrated")
    await connection.close()
    await migrate(server.url("migrated"))


_numbers = itertools.count(1)


@pytest.fixture
async def database(postgres: Server) -> AsyncIterator[DatabaseSettings]:
    """Settings of an empty database with today's schema."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    await connection.close()
    yield DatabaseSettings(url=postgres.url(name), connections=4)
    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def connection(
    database: DatabaseSettings,
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """One connection to the test's database."""
    opened = await asyncpg.connect(database.url)
    yield opened
    await opened.close()


@pytest.fixture
async def pool(database: DatabaseSettings) -> AsyncIterator[Pool]:
    async with make_pool(database, purpose="test") as opened:
        yield opened


@pytest.fixture
def settings(database: DatabaseSettings, tmp_path: Path) -> Settings:
    """Settings of a centre with an empty database, journal, and folder of recordings."""
    for name in ("cel", "monitor"):
        (tmp_path / name).mkdir()
    return Settings.model_validate(
        {
            "database": database.model_dump(),
            "spool": {"directory": tmp_path / "cel", "poll_seconds": 0.02},
            "recordings": {
                "incoming": tmp_path / "monitor",
                "archive": tmp_path / "archive",
                "keys": tmp_path / "recordings.keys",
            },
        }
    )
