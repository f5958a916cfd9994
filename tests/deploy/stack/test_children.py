from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.stack import children
from deploy.stack.children import Child, ChildFailed, Supervisor, tail

_PATIENCE = 20
_HERE = {"PATH": os.environ["PATH"]}

_BEATING = """
import os, signal, socket, sys, time
door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
door.connect(os.environ["NOTIFY_SOCKET"])
door.send(b"READY=1")
while True:
    door.send(b"WATCHDOG=1")
    time.sleep(int(os.environ["WATCHDOG_USEC"]) / 4e6)
"""


def _python(name: str, code: str, *, notifies: bool = True, **how: float) -> Child:
    return Child(
        name=name,
        command=lambda: (sys.executable, "-c", textwrap.dedent(code)),
        environment=_HERE,
        notifies=notifies,
        **how,  # type: ignore[arg-type]  # only numbers of seconds are passed on
    )


def _sleeper(name: str) -> Child:
    return Child(name=name, command=lambda: ("sleep", "600"), environment=_HERE)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE):
        # What is awaited happens in another process.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    async with Supervisor(logs=tmp_path, runtime=tmp_path) as running:
        yield running


async def test_a_killed_child_comes_back(supervisor: Supervisor) -> None:
    await supervisor.start(_sleeper("sleeper"))
    first = supervisor.pid("sleeper")
    supervisor.signal("sleeper", signal.SIGKILL)
    await supervisor.ready("sleeper")
    second = supervisor.pid("sleeper")
    assert first != second
    assert second
    assert _alive(second)


async def test_a_child_killed_for_good_stays_dead(supervisor: Supervisor) -> None:
    await supervisor.start(_sleeper("sleeper"))
    first = supervisor.pid("sleeper")
    assert first
    supervisor.signal("sleeper", signal.SIGKILL, revive=False)
    with pytest.raises(ChildFailed):
        await supervisor.ready("sleeper")
    assert supervisor.pid("sleeper") is None


async def test_a_child_that_ends_before_it_is_ready_fails_with_its_last_words(
    supervisor: Supervisor,
) -> None:
    with pytest.raises(ChildFailed, match="no such port"):
        await supervisor.start(_python("broken", "raise SystemExit('no such port')"))


async def test_a_child_that_is_not_ready_in_time_is_killed(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    pid = str(tmp_path / "pid")
    code = f"import os, time; open({pid!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(ChildFailed):
        await supervisor.start(_python("late", code, ready_seconds=1))
    assert not _alive(int(Path(pid).read_text()))  # noqa: ASYNC240 - one small file


async def test_a_child_that_has_become_slow_is_given_more_time_at_each_start(
    supervisor: Supervisor,
) -> None:
    """On an overloaded machine, the same limit for ever would be a loop of kills."""
    clock, begun, overloaded = time.monotonic, dict[int, float](), False

    async def serves() -> bool:
        pid = supervisor.pid("slow")
        if pid is None:
            return False
        begun.setdefault(pid, clock())
        return clock() - begun[pid] > (2.5 if overloaded else 0)

    child = Child(
        name="slow",
        command=lambda: ("sleep", "600"),
        environment=_HERE,
        ready=serves,
        ready_seconds=1,
    )
    await supervisor.start(child)
    for _ in range(2):
        overloaded, starts = True, len(begun)
        supervisor.signal("slow", signal.SIGKILL)
        async with asyncio.timeout(_PATIENCE):
            await supervisor.ready("slow")
        assert len(begun) > starts + 1, "whoever was ready has the first limit again"


async def test_a_command_that_does_not_exist_fails_by_name(supervisor: Supervisor) -> None:
    child = Child(
        name="ghost", command=lambda: ("/nowhere/ghost",), environment=_HERE, notifies=True
    )
    with pytest.raises(ChildFailed, match="ghost"):
        await supervisor.start(child)


async def test_a_fault_in_one_childs_command_does_not_harm_the_others(
    supervisor: Supervisor,
) -> None:
    def faulty() -> tuple[str, ...]:
        raise AttributeError("no such setting")

    await supervisor.start(_sleeper("sleeper"))
    pid = supervisor.pid("sleeper")
    with pytest.raises(ChildFailed, match="no such setting"):
        await supervisor.start(Child(name="faulty", command=faulty, environment=_HERE))
    assert supervisor.pid("sleeper") == pid


async def test_a_child_that_hangs_is_killed_and_started_again(supervisor: Supervisor) -> None:
    await supervisor.start(_python("beating", _BEATING, watchdog_seconds=0.5))
    first = supervisor.pid("beating")
    assert first
    os.kill(first, signal.SIGSTOP)
    await _until(lambda: supervisor.pid("beating") not in (None, first))
    await supervisor.ready("beating")
    assert not _alive(first)


async def test_a_child_that_beats_is_left_alone(supervisor: Supervisor) -> None:
    await supervisor.start(_python("beating", _BEATING, watchdog_seconds=0.4))
    first = supervisor.pid("beating")
    await asyncio.sleep(1.2)
    assert supervisor.pid("beating") == first


async def test_a_stubborn_child_is_killed_in_the_end(supervisor: Supervisor) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + _BEATING.lstrip()
    await supervisor.start(_python("stubborn", code, watchdog_seconds=30, stop_seconds=0.3))
    pid = supervisor.pid("stubborn")
    assert pid
    await supervisor.stop("stubborn")
    assert not _alive(pid)


async def test_a_stopped_child_can_still_be_ended_in_order(supervisor: Supervisor) -> None:
    await supervisor.start(_sleeper("sleeper"))
    pid = supervisor.pid("sleeper")
    assert pid
    supervisor.signal("sleeper", signal.SIGSTOP)
    await supervisor.stop("sleeper")
    assert not _alive(pid)


async def test_children_end_in_the_reverse_of_their_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = """
        import signal, socket, os, sys
        def end(*_):
            open({path!r}, "a").write({name!r} + " ")
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        door.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
        while True:
            signal.pause()
        """
    async with Supervisor(logs=tmp_path, runtime=tmp_path) as running:
        for name in ("database", "bridge"):
            await running.start(_python(name, code.format(path=str(order), name=name)))
    assert order.read_text() == "bridge database "


async def test_a_sandbox_leads_to_the_process_inside(supervisor: Supervisor) -> None:
    inside = ("sh", "-c", "sleep 600; true")
    child = Child(name="boxed", command=lambda: inside, environment=_HERE, sandboxed=True)
    await supervisor.start(child)

    def name() -> str:
        return Path(f"/proc/{supervisor.pid('boxed')}/comm").read_text().strip()

    await _until(lambda: name() == "sleep")


_OWNER = """
import asyncio, sys
from pathlib import Path
from deploy.stack.children import Child, Supervisor
async def main():
    here = Path(sys.argv[1])
    sleeper = Child(
        name="sleeper", command=lambda: ("sleep", "600"), environment={"PATH": sys.argv[2]}
    )
    async with Supervisor(logs=here, runtime=here) as running:
        await running.start(sleeper)
        (here / "pid").write_text(str(running.pid("sleeper")))
        print("here", file=sys.stderr, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def test_no_child_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _OWNER, str(tmp_path), os.environ["PATH"]]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(argv, stdout=quiet, stderr=subprocess.PIPE, text=True) as owner:
        assert owner.stderr
        assert owner.stderr.readline() == "here\n"
        pid = int((tmp_path / "pid").read_text())
        assert _alive(pid)
        owner.kill()
    asyncio.run(_until(lambda: not _alive(pid)))


def test_a_child_born_after_its_parent_died_gives_up() -> None:
    """Between fork and setpriv the death of the parent would go unnoticed."""
    script = children._BORN_OF
    orphan = ("sh", "-c", script, "1", "echo", "still here")
    done = subprocess.run(orphan, capture_output=True, text=True, check=False, timeout=10)
    assert (done.returncode, done.stdout) == (1, "")
    own = ("sh", "-c", script, str(os.getpid()), "echo", "born")
    done = subprocess.run(own, capture_output=True, text=True, check=False, timeout=10)
    assert done.stdout == "born\n"


async def test_a_log_is_bounded_and_goes_on(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "_LOG_BYTES", 1000)
    monkeypatch.setattr(children, "_LOG_CHECK_SECONDS", 0.05)
    talk = "while sleep 0.01; do echo 一二三四五六七八九十; done"
    child = Child(name="talker", command=lambda: ("sh", "-c", talk), environment=_HERE)
    async with Supervisor(logs=supervisor.log("x").parent, runtime=Path()) as running:
        await running.start(child)
        older = running.log("talker").with_suffix(".log.1")
        await _until(older.exists)
        size = older.stat().st_size
        await _until(lambda: running.log("talker").stat().st_size > 100)
        assert size < 20_000


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(10_000)))
    lines = tail(log).splitlines()
    assert lines[-1] == "line 9999"
    assert len(lines) == 15
    assert tail(tmp_path / "none") == ""
