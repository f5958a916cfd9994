"""Asterisk's programs: the machine's own, or Debian's package unpacked into a private folder.

Nothing is installed: the package and what it needs are unpacked without running their scripts,
and the result is used read-only inside a sandbox. A folder that bears the final name is whole:
it is filled beside it, tried, and renamed.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Final

from ivr.errors import HotlineError

MINIMUM: Final = (22, 10, 1)
"""JSON in the CEL journal came with 22.9; twenty advisories were closed in 22.10.1."""

MACHINE: Final = Path("/")
"""The root that stands for an Asterisk which is installed on the machine."""

_NAME: Final = "asterisk-root"
_FETCH: Final = (
    *("mmdebstrap", "--mode=unshare", "--variant=extract", "--include=asterisk"),
    '--aptopt=APT::Install-Recommends "false"',
)
_IGNORE_EXPIRY: Final = '--aptopt=Acquire::Check-Valid-Until "false"'
_EXPIRED: Final = "is expired"
_FETCH_SECONDS: Final = 1800.0
_VERSION_SECONDS: Final = 10.0
_CHUNK: Final = 1 << 20
_OPEN: Final = 0o022
"""The umask for public programs; the tool works under user ids to which ours is closed."""
_LINKS: Final = {
    **{name: f"usr/{name}" for name in ("bin", "sbin", "lib", "lib64")},
    "var/run": "/run",
}
_MOUNT_POINTS: Final = (
    *("dev", "proc", "sys", "tmp", "run/asterisk", "etc/asterisk"),
    *("var/lib/asterisk", "var/spool/asterisk", "var/log/asterisk"),
)

_AS_ONE_GROUP: Final = 'trap "kill -9 0" TERM; "$@" & wait "$!"'
"""The fetching tool has children of its own; when our death is announced, all of them go."""


class AsteriskMissing(HotlineError):
    """Asterisk could not be found or fetched."""


async def provide_asterisk(
    cache: Path, environment: Mapping[str, str], tell: Callable[[str], None]
) -> Path:
    """Find or fetch Asterisk; give its root, which is `/` for the machine's own.

    Args:
        cache: the folder that keeps what was fetched; several copies may share it.
        environment: `HOTLINE_ASTERISK_ROOT` names a root that is to be used as it is.
        tell: called now and then during a long fetch with a short word on how it goes.

    Raises:
        AsteriskMissing: saying what was tried, and where the full story is.
    """
    if named := environment.get("HOTLINE_ASTERISK_ROOT"):
        return await _checked(Path(named))
    if await _version(MACHINE) >= MINIMUM:
        return MACHINE
    root = cache / _NAME
    if not root.exists():
        async with _alone(cache / f".{_NAME}.lock", tell):
            if not root.exists():
                await _fetch(root, tell)
    return await _checked(root)


async def _checked(root: Path) -> Path:
    version = await _version(root)
    if version < MINIMUM:
        found = ".".join(map(str, version)) or "none that runs"
        wanted = ".".join(map(str, MINIMUM))
        raise AsteriskMissing(f"{root}: expected Asterisk {wanted} or later, found {found}.")
    return root


async def _version(root: Path) -> tuple[int, ...]:
    """Ask the program itself; empty when it does not run."""
    inside = ("bwrap", "--ro-bind", str(root), "/", "--dev", "/dev", "--die-with-parent")
    argv = (*(inside if root != MACHINE else ()), "asterisk", "-V")
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # An ordinary user's own path leaves out where Debian puts it.
            env={**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"},
        )
    except FileNotFoundError:
        return ()
    async with asyncio.timeout(_VERSION_SECONDS):
        said, _ = await process.communicate()
    return parse_version(said.decode("utf-8", "replace"))


def parse_version(said: str) -> tuple[int, ...]:
    """Read `Asterisk 22.10.1~dfsg+…` as (22, 10, 1); empty when it says something else."""
    match = re.match(r"Asterisk (\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, match.groups())) if match else ()


@asynccontextmanager
async def _alone(lock: Path, tell: Callable[[str], None]) -> AsyncIterator[None]:
    with _opened(lock) as file:
        async with asyncio.timeout(_FETCH_SECONDS):
            while not _locked(file.fileno()):
                tell("另一份正在获取 · another copy is fetching it")
                await asyncio.sleep(0.5)
        yield


def _opened(lock: Path) -> IO[str]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    return lock.open("a", encoding="utf-8")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _fetch(root: Path, tell: Callable[[str], None]) -> None:
    beside = _new_folder_beside(root)
    story = root.parent / f"{_NAME}.log"
    try:
        if not await _unpack(beside, story, tell):
            if _EXPIRED not in story.read_text(encoding="utf-8", errors="replace"):
                raise AsteriskMissing(f"The package tool failed; its story is in {story}.")
            tell(
                "软件源是旧快照，忽略其有效期 · the mirror is an old snapshot, ignoring its expiry"
            )
            if not await _unpack(beside, story, tell, _IGNORE_EXPIRY):
                raise AsteriskMissing(f"The package tool failed twice; its story is in {story}.")
        _complete(beside)
        await _checked(beside)
        os.rename(beside, root)  # noqa: PTH104 - one system call, nothing that could block long
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _new_folder_beside(root: Path) -> Path:
    """Make the folder to fill; what a killed attempt left is removed first."""
    for leftover in root.parent.glob(f".{_NAME}.new-*"):
        shutil.rmtree(leftover)
    beside = Path(tempfile.mkdtemp(dir=root.parent, prefix=f".{_NAME}.new-"))
    beside.chmod(0o755)
    return beside


async def _unpack(into: Path, story: Path, tell: Callable[[str], None], *options: str) -> bool:
    """Stream the package tool's archive into a folder, telling seconds and megabytes."""
    scratch = _empty_scratch(story)
    environment = {**os.environ, "TMPDIR": str(scratch), "LC_ALL": "C.UTF-8"}
    bound = ("setpriv", "--pdeathsig", "TERM", "--", "sh", "-c", _AS_ONE_GROUP, "fetch")
    with story.open("wb") as errors:
        fetch = await asyncio.create_subprocess_exec(
            *(*bound, *_FETCH, *options, "sid", "-"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,
            umask=_OPEN,
            limit=_CHUNK,
        )
        tar = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", "--", "tar", "-x", "--no-same-owner"),
            *("--exclude=./dev", "-C", str(into)),
            stdin=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            umask=_OPEN,
        )
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                await _pump(fetch, tar, tell)
                return await fetch.wait() == 0 and await tar.wait() == 0
        finally:
            await _end(fetch)
            await _end(tar)
            _remove(scratch)


async def _pump(
    fetch: asyncio.subprocess.Process,
    tar: asyncio.subprocess.Process,
    tell: Callable[[str], None],
) -> None:
    source, sink = fetch.stdout, tar.stdin
    if source is None or sink is None:
        raise HotlineError("expected pipes to both programs.")
    began, unpacked, chunk = time.monotonic(), 0, b""
    with suppress(BrokenPipeError, ConnectionResetError):
        while True:
            try:
                async with asyncio.timeout(1.0):
                    chunk = await source.read(_CHUNK)
            except TimeoutError:
                tell(f"{time.monotonic() - began:.0f} s")
                continue
            if not chunk:
                break
            unpacked += len(chunk)
            sink.write(chunk)
            await sink.drain()
            tell(f"{time.monotonic() - began:.0f} s, {unpacked / 1e6:.0f} MB")
        sink.close()
        await sink.wait_closed()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()


def _empty_scratch(story: Path) -> Path:
    """Make the folder in which the tool works; the same one each time, so nothing piles up.

    It cannot lie below our own folders: the tool enters it under other user ids.
    """
    digest = hashlib.sha256(os.fsencode(story)).hexdigest()[:12]
    scratch = Path(tempfile.gettempdir()) / f"hotline-fetch-{os.getuid()}-{digest}"
    _remove(scratch)
    scratch.mkdir()
    scratch.chmod(0o755)
    return scratch


def _remove(scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    if scratch.exists():
        # What the tool made under other user ids, only it can remove.
        helper = ("mmdebstrap", "--unshare-helper", "rm", "-rf", str(scratch))
        subprocess.run(helper, check=False, capture_output=True, timeout=60)
        shutil.rmtree(scratch, ignore_errors=True)


def _complete(root: Path) -> None:
    """Add what package scripts would have made: merged folders and mount points."""
    for name, target in _LINKS.items():
        link = root / name
        if not link.is_symlink() and not link.exists():
            link.symlink_to(target)
    for name in _MOUNT_POINTS:
        (root / name).mkdir(parents=True, exist_ok=True)
