"""Fetching Asterisk: whole or not at all. The package tool is replaced by one that fails."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.stack.asterisk_root import (
    MINIMUM,
    AsteriskMissing,
    _complete,
    _version,
    parse_version,
    provide_asterisk,
)
from deploy.stack.layout import cache_folder

_EXPIRED = """#!/bin/sh
echo "$@" >>"$CALLS"
echo "E: Release file for a mirror is expired (invalid since 15d)." >&2
exit 1
"""
_BROKEN = """#!/bin/sh
echo "$@" >>"$CALLS"
echo "E: no network" >&2
exit 1
"""
_SLOW = """#!/bin/sh
echo "$$" >"$CALLS"
sleep 611 &
wait
"""
_FETCHER = """
import asyncio, sys
from pathlib import Path
from deploy.stack.asterisk_root import provide_asterisk
asyncio.run(provide_asterisk(Path(sys.argv[1]), {}, lambda word: None))
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a folder first on PATH; the tool that a test puts there notes how it was called."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def _put(calls: Path, script: str, name: str = "mmdebstrap") -> None:
    tool = calls.parent / "bin" / name
    tool.write_text(script)
    tool.chmod(0o755)


def _lines(calls: Path) -> list[str]:
    return calls.read_text().splitlines()


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Asterisk 22.10.1~dfsg+~cs6.15.60671435-1", (22, 10, 1)),
        ("Asterisk 20.6.0~dfsg+~cs6.13.40431414-2build5", (20, 6, 0)),
        ("Asterisk GIT-master-abc", ()),
        ("", ()),
    ],
)
def test_the_version_is_read_from_what_asterisk_says(said: str, version: tuple[int, ...]) -> None:
    assert parse_version(said) == version


async def test_the_machines_own_asterisk_is_used_when_it_is_new_enough(
    calls: Path, tmp_path: Path
) -> None:
    _put(calls, "#!/bin/sh\necho Asterisk 22.10.1\n", "asterisk")
    assert await provide_asterisk(tmp_path / "cache", {}, print) == Path("/")


async def test_an_asterisk_that_is_too_old_is_not_used(calls: Path, tmp_path: Path) -> None:
    _put(calls, "#!/bin/sh\necho Asterisk 20.6.0\n", "asterisk")
    _put(calls, _BROKEN)
    with pytest.raises(AsteriskMissing):
        await provide_asterisk(tmp_path / "cache", {}, print)


@pytest.mark.real
async def test_asterisk_runs_for_a_user_whose_path_has_no_sbin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    root = await provide_asterisk(cache_folder(os.environ), os.environ, print)
    assert await _version(root) >= MINIMUM


async def test_a_named_root_without_asterisk_is_refused_by_name(tmp_path: Path) -> None:
    named = {"HOTLINE_ASTERISK_ROOT": str(tmp_path)}
    wanted = ".".join(map(str, MINIMUM))
    with pytest.raises(AsteriskMissing, match=f"{tmp_path}: expected Asterisk {wanted}"):
        await provide_asterisk(tmp_path / "cache", named, print)


async def test_the_expiry_is_ignored_only_after_the_tool_complained_of_it(
    calls: Path, tmp_path: Path
) -> None:
    _put(calls, _EXPIRED)
    told: list[str] = []
    with pytest.raises(AsteriskMissing, match="failed twice"):
        await provide_asterisk(tmp_path / "cache", {}, told.append)
    first, second = _lines(calls)
    assert "Check-Valid-Until" not in first
    assert "Check-Valid-Until" in second
    assert any("old snapshot" in word for word in told)


async def test_another_failure_is_not_tried_again_and_leaves_nothing(
    calls: Path, tmp_path: Path
) -> None:
    _put(calls, _BROKEN)
    with pytest.raises(AsteriskMissing, match=r"asterisk-root\.log"):
        await provide_asterisk(tmp_path / "cache", {}, print)
    assert len(_lines(calls)) == 1
    left = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert left == [".asterisk-root.lock", "asterisk-root.log"]
    assert "no network" in (tmp_path / "cache/asterisk-root.log").read_text()


def test_a_fetch_that_is_killed_leaves_neither_a_process_nor_a_root(
    calls: Path, tmp_path: Path
) -> None:
    _put(calls, _SLOW)
    cache = tmp_path / "cache"
    argv = [sys.executable, "-c", _FETCHER, str(cache)]
    with subprocess.Popen(argv) as fetcher:
        asyncio.run(_until(lambda: calls.exists() and bool(calls.read_text())))
        tool = int(calls.read_text())
        asyncio.run(_until(lambda: len(_group(tool)) >= 3))
        fetcher.send_signal(signal.SIGKILL)
    asyncio.run(_until(lambda: not _group(tool)))
    assert not (cache / "asterisk-root").exists()
    # The next attempt clears away what this one left.
    _put(calls, _BROKEN)
    with pytest.raises(AsteriskMissing):
        asyncio.run(provide_asterisk(cache, {}, print))
    assert not list(cache.glob(".asterisk-root.new-*"))


def test_what_package_scripts_would_have_made_is_added(tmp_path: Path) -> None:
    for name in ("usr/bin", "usr/lib", "var/log"):
        (tmp_path / name).mkdir(parents=True)
    _complete(tmp_path)
    _complete(tmp_path)
    assert (tmp_path / "bin").readlink() == Path("usr/bin")
    assert (tmp_path / "var/run").readlink() == Path("/run")
    assert (tmp_path / "var/spool/asterisk").is_dir()


_groups: dict[int, int] = {}


def _group(tool: int) -> list[str]:
    """Living processes in the tool's process group."""
    if tool not in _groups:
        _groups[tool] = os.getpgid(tool)
    members = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, group = entry.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) == _groups[tool] and state != "Z":
            members.append(entry.parent.name)
    return members


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.02)
