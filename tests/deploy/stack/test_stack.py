"""The stack with real servers: they come back, keep their data, and never stay behind."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from deploy.stack import postgres
from deploy.stack.children import ChildFailed
from deploy.stack.layout import AlreadyRunning
from deploy.stack.stack import Stack

pytestmark = pytest.mark.real

_BARE = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}

_OWNER = """
import asyncio, sys
from pathlib import Path
from deploy.stack.stack import Stack
async def main():
    async with Stack(Path(sys.argv[1])) as stack:
        await stack.start("postgres", "valkey", "asterisk")
        names = ("postgres", "valkey", "asterisk")
        Path(sys.argv[1], "pids").write_text(" ".join(str(stack.pid(name)) for name in names))
        print("here", file=sys.stderr, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def _processes_below(directory: Path) -> list[str]:
    """Every process on the machine that mentions the folder, found by nobody's book-keeping."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(directory) in line and entry.parent.name != str(os.getpid()):
            found.append(line)
    return found


def _listening(port: int) -> bool:
    tables = (Path(f"/proc/net/{kind}").read_text() for kind in ("tcp", "udp"))
    lines = [line.split() for table in tables for line in table.splitlines()[1:]]
    states = {"0A", "07"}
    return any(row[1].endswith(f":{port:04X}") and row[3] in states for row in lines)


async def test_postgres_comes_back_from_a_kill_with_every_committed_row(tmp_path: Path) -> None:
    async with Stack(tmp_path, environment=_BARE) as stack:
        await stack.start("postgres")
        address = stack.settings.database.url
        connection = await asyncpg.connect(address)
        await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
        first = stack.pid("postgres")
        stack.kill("postgres")
        await stack.ready("postgres")
        await connection.close(timeout=5)
        assert stack.pid("postgres") != first
        again = await asyncpg.connect(address)
        assert await again.fetchval("SELECT n FROM kept") == 7
        await again.close(timeout=5)


async def test_postgres_wants_the_password_that_the_first_start_made(tmp_path: Path) -> None:
    async with Stack(tmp_path, environment=_BARE) as stack:
        await stack.start("postgres")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres.url(stack.ports.postgres, "guessed"))
        for name in ("hotline.toml", "memory.json"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) & 0o007 == 0


async def test_valkey_is_reached_by_its_socket_and_keeps_its_data(tmp_path: Path) -> None:
    async with Stack(tmp_path, environment=_BARE) as stack:
        await stack.start("valkey")
        client = redis.asyncio.from_url(stack.settings.redis.url)
        await client.set("kept", "七")
        await client.aclose()
        await stack.restart("valkey")
        client = redis.asyncio.from_url(stack.settings.redis.url, decode_responses=True)
        assert await client.get("kept") == "七"
        await client.aclose()


async def test_servers_of_ones_own_are_used_instead(tmp_path: Path) -> None:
    own = {
        **_BARE,
        "DATABASE_URL": "postgresql://db.example/own",
        "REDIS_URL": "redis://cache.example/3",
    }
    async with Stack(tmp_path, environment=own) as stack:
        await stack.start("postgres", "valkey")
        assert stack.pid("postgres") is None
        assert stack.pid("valkey") is None
        assert stack.settings.database.url == "postgresql://db.example/own"
        assert stack.settings.redis.url == "redis://cache.example/3"


async def test_a_second_start_in_the_same_folder_is_told_who_runs(tmp_path: Path) -> None:
    async with Stack(tmp_path, environment=_BARE):
        with pytest.raises(AlreadyRunning, match=str(os.getpid())):
            async with Stack(tmp_path, environment=_BARE):
                pass


async def test_a_half_made_database_is_never_taken_for_whole(tmp_path: Path) -> None:
    half = tmp_path / ".postgres.killed" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with Stack(tmp_path, environment=_BARE) as stack:
        await stack.start("postgres")
        assert not half.exists()


async def test_two_copies_run_side_by_side_and_asterisk_counts_its_starts(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    async with Stack(here) as one, Stack(there) as other:
        await asyncio.gather(one.start("asterisk"), other.start("asterisk"))
        assert _listening(one.ports.sip)
        assert _listening(other.ports.sip)
        assert (here / "asterisk-boots").read_text().strip() == "1"
        one.kill("asterisk")
        await one.ready("asterisk")
        assert "n1-2" in (here / "asterisk/etc/asterisk.conf").read_text()
        assert "n1-1" in (there / "asterisk/etc/asterisk.conf").read_text()
    assert not _listening(one.ports.sip)


async def test_asterisk_is_seen_to_be_ready_by_a_user_whose_path_has_no_sbin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    async with Stack(tmp_path) as stack:
        await stack.start("asterisk")
        assert stack.pid("asterisk")


async def test_asterisk_does_not_start_without_knowing_how_often_it_did(tmp_path: Path) -> None:
    async with Stack(tmp_path, environment=_BARE) as stack:
        (tmp_path / "asterisk-boots").write_text("many")
        with pytest.raises(ChildFailed, match="expected the number of starts"):
            await stack.start("asterisk")


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_when_the_launcher_ends_in_any_way(
    tmp_path: Path, ending: signal.Signals
) -> None:
    argv = [sys.executable, "-c", _OWNER, str(tmp_path)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(argv, stdout=quiet, stderr=subprocess.PIPE, text=True) as owner:
        assert owner.stderr
        said = owner.stderr.readline()
        assert said == "here\n", said + owner.stderr.read()
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        owner.send_signal(ending)

    async def all_gone() -> None:
        async with asyncio.timeout(20):
            while _processes_below(tmp_path) or any(_alive(pid) for pid in pids):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    asyncio.run(all_gone())


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
