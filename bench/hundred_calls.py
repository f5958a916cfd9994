"""A hundred calls at once for ten minutes: waiting, talking and recorded, on this machine.

The whole hotline runs; SIPp dials and answers, `bench/crowd.py` speaks, listens and presses keys.
Callers go through two menus, wait with music, talk to an agent, and rate; whoever is done is
followed by the next, so that the number of calls stays. What is told at the end:

- gaps: packets of 20 ms in which a recording lacks the tone that was said all the time
- digits: keys pressed by the crowd, and steps and ratings in Asterisk's journal
- packets that never reached a party, and the longest pause between two
- memory and CPU of each process, and how memory grew after the first minutes

    python bench/hundred_calls.py [--minutes 10] [--calls 100] [--agents 45] [--talk 45]

The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Final

import asyncpg
import numpy as np
import soundfile

REPOSITORY: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from bench.crowd import LEVELS, PORT_STEP  # noqa: E402 - the repository is not installed
from bench.heard import digits, recordings  # noqa: E402
from bench.processes import Course, prefer  # noqa: E402
from deploy.stack import asterisk, postgres  # noqa: E402
from deploy.stack.console import console  # noqa: E402
from deploy.stack.rtp import RATE, sine  # noqa: E402
from deploy.stack.sip import free_port  # noqa: E402
from deploy.stack.stack import AGENT_ADDRESS, CALLER_ADDRESS, Stack  # noqa: E402

CALLER_TONE, AGENT_TONE, MUSIC, OTHER = 440.0, 880.0, 1240.0, 620.0
MOST_CALLS: Final = 2_000
"""After so many, SIPp would use a port again."""
SAMPLE_SECONDS: Final = 5.0
LAST_SECONDS: Final = 240.0
"""For the calls that are left at the end."""
PROCESSES: Final = ("asterisk", "ivr", "ledger")
UNIT_NICE: Final = -10
"""What deploy/systemd gives Asterisk."""
CROWD_NICE: Final = -15
"""Telephones do not wait for the hotline's processors."""


def write_sounds(sounds: Path) -> None:
    """Write questions as constant levels of two seconds, everything else as a second of tone."""
    from ivr.config import DefinitionSettings  # noqa: PLC0415 - only the bench itself needs it
    from ivr.menu.definitions import Sources, load_definitions  # noqa: PLC0415

    book = load_definitions(Sources.of(DefinitionSettings())).prompts
    for locale, texts in book.recordable.items():
        folder = sounds / locale / "hotline"
        folder.mkdir(parents=True, exist_ok=True)
        for name in texts:
            sound = sine(OTHER, 1.0)
            if name in LEVELS:
                sound = np.full(2 * RATE, LEVELS[name], dtype=np.int16)
            soundfile.write(folder / f"{name}.wav", sound, RATE, subtype="PCM_16")
    for music in ("music", "calm"):
        (sounds / music).mkdir(exist_ok=True)
        soundfile.write(sounds / music / "tone.wav", sine(MUSIC, 20.0), RATE, subtype="PCM_16")


@dataclass
class Bench:
    """The running hotline and its crowd."""

    stack: Stack
    folder: Path
    arguments: argparse.Namespace
    courses: dict[str, Course] = field(default_factory=dict)
    calls_open: list[int] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    """The machine's load average: what else ran shows in it."""

    async def watch(self, crowds: dict[str, int]) -> None:
        """Note what the processes take, until cancelled; one that was replaced is said to be."""
        began = time.monotonic()
        while True:
            ours = {name: pid for name in PROCESSES if (pid := self.stack.pid(name))}
            for name, pid in (ours | crowds).items():
                course = self.courses.setdefault(name, Course())
                minute = (time.monotonic() - began) / 60
                with suppress(FileNotFoundError):
                    await asyncio.to_thread(course.look, pid, minute)
            self.calls_open.append(await asyncio.to_thread(self._open_calls))
            self.load.append(os.getloadavg()[0])
            await asyncio.sleep(SAMPLE_SECONDS)

    def _open_calls(self) -> int:
        """Count calls by Asterisk's journal."""
        kinds = Counter(line["eventtype"] for line in self.journal())
        return kinds["CALLER"] - kinds["LINKEDID_END"]

    def journal(self) -> list[dict[str, str]]:
        """Read the whole journal."""
        path = self.stack.settings.spool.directory / "cel.jsonl"
        whole = path.read_bytes() if path.exists() else b""
        return [json.loads(line) for line in whole[: whole.rfind(b"\n") + 1].splitlines()]

    async def sign_agents_on(self, port: int) -> None:
        """Register every telephone at the one port that answers for all."""
        lines = ["SEQUENTIAL"]
        for agent in self.stack.settings.telephony.agents:
            user, secret = f"agent-{agent}", self.stack.agent_secret(agent)
            lines.append(f"{user};[authentication username={user} password={secret}]")
        (self.folder / "agents.csv").write_text("\n".join([*lines, ""]), "ascii")
        options = ("-inf", "agents.csv", "-m", str(len(lines) - 1), "-r", "20", "-l", "20")
        async with self.sipp("register", AGENT_ADDRESS, port, *options) as process:
            async with asyncio.timeout(60):
                assert await process.wait() == 0, "every agent signs on"

    @asynccontextmanager
    async def sipp(
        self, scenario: str, host: str, port: int, *options: str, **values: str
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run SIPp with a scenario filled with values; end it with the block."""
        text = Template((REPOSITORY / f"bench/sipp/{scenario}.xml").read_text("ascii"))
        (self.folder / f"{scenario}.xml").write_text(text.substitute(values), "ascii")
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", "--"),
            *("sipp", f"127.0.0.1:{self.stack.sip_port}", "-sf", f"{scenario}.xml", "-nostdin"),
            *("-i", host, "-p", str(port), "-aa", "-mi", media(scenario)),
            *("-trace_err", "-error_file", f"{scenario}.errors", "-trace_stat", "-fd", "5"),
            *("-stf", f"{scenario}.stat", *options),
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.defpath, "TERM": "dumb"},
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def media(who: str) -> str:
    """Give a loopback address of our own for each crowd; SIPp's own sockets lie beside them."""
    number = {"caller": 1, "agent": 2, "caller crowd": 3, "agent crowd": 4}.get(who, 5)
    return f"127.{16 + os.getpid() // 256 % 200}.{os.getpid() % 256}.{number}"


@asynccontextmanager
async def crowd(host: str, tone: float) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run a crowd and tell its first port; at the end of its input it prints its notes."""
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", "--", sys.executable),
        *(str(REPOSITORY / "bench/crowd.py"), host, str(MOST_CALLS), str(tone)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        first = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        assert first, "the crowd has its ports"
        yield process, first
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def notes_of(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """End a crowd and read its notes."""
    said, _ = await asyncio.wait_for(process.communicate(b""), 30)
    notes: dict[str, Any] = json.loads(said)
    return notes


async def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the whole thing; give the figures."""
    outer = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    agents = (f"a{1001 + number}" for number in range(arguments.agents))
    outer["HOTLINE_TELEPHONY__AGENTS"] = ",".join(agents)
    async with AsyncExitStack() as parts:
        stack = Stack(folder / "stack", environment=outer, rated_after_seconds=1)
        await parts.enter_async_context(stack)
        write_sounds(stack.layout.sounds)
        await stack.start("postgres", "valkey", "migrate", "asterisk", "ivr", "ledger")
        await let_agents_stay(stack)
        bench = Bench(stack, folder, arguments)
        crowds = {
            "callers": await parts.enter_async_context(crowd(media("caller crowd"), CALLER_TONE)),
            "agents": await parts.enter_async_context(crowd(media("agent crowd"), AGENT_TONE)),
        }
        allowed = prefer(stack.pid("asterisk") or 0, UNIT_NICE)
        allowed &= all(prefer(process.pid, CROWD_NICE) for process, _ in crowds.values())
        figures = {"priorities_as_in_a_centre": allowed, **await bench_calls(bench, crowds)}
        notes = {name: await notes_of(process) for name, (process, _) in crowds.items()}
        figures["settled"] = await settle(bench)
        pressed = Counter(notes["callers"]["pressed"])
        figures |= {"media": notes, "digits": digits(bench.journal(), pressed)}
        figures["recordings"] = await kept(stack)
        code, said = await stack.ask("ivr", "verify")
        figures["verify"] = "holds" if code == 0 else said.splitlines()
        return figures


async def bench_calls(
    bench: Bench, crowds: dict[str, tuple[asyncio.subprocess.Process, str]]
) -> dict[str, Any]:
    """Let the calls go on for as long as wanted, and then end one after the other."""
    arguments = bench.arguments
    pids = {f"crowd of {name}": process.pid for name, (process, _) in crowds.items()}
    port = free_port(AGENT_ADDRESS)
    await bench.sign_agents_on(port)
    agent_values = {"media_host": media("agent crowd"), "talk_ms": str(arguments.talk * 1_000)}
    values = {
        "number": "12320",
        "caller": "0251000[call_number]",
        "media_port": "[auto_media_port]",
    }
    values |= {"media_host": media("caller crowd"), "longest_ms": "900000"}
    options = ("-l", str(arguments.calls), "-r", "5", "-m", str(MOST_CALLS))
    ports = {name: ("-mp", first) for name, (_, first) in crowds.items()}
    async with (
        bench.sipp("agent", AGENT_ADDRESS, port, *ports["agents"], **agent_values),
        bench.sipp(
            "caller",
            CALLER_ADDRESS,
            free_port(CALLER_ADDRESS),
            *(*ports["callers"], *options),
            **values,
        ) as dial,
        asyncio.TaskGroup() as tasks,
    ):
        watching = tasks.create_task(bench.watch(pids))
        await asyncio.sleep(arguments.minutes * 60)
        watching.cancel()
        dial.send_signal(signal.SIGUSR1)  # no more new calls
        code = await last_calls(bench, dial)
    steady = bench.calls_open[len(bench.calls_open) // 5 :]
    return {
        "sipp": {
            "code": code,
            "callers": last_statistics(bench.folder / "caller.stat"),
            "agents": last_statistics(bench.folder / "agent.stat"),
        },
        "calls_at_once": {"least": min(steady), "median": float(np.median(steady))},
        "load_average": {"median": float(np.median(bench.load)), "most": max(bench.load)},
        "processes": {name: course.figures() for name, course in bench.courses.items()},
    }


async def last_calls(bench: Bench, dial: asyncio.subprocess.Process) -> int:
    """Wait for the calls that are left, and end those that nobody answers; give SIPp's code."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_SECONDS):
            return await dial.wait()
    await console(bench.stack.layout, "channel request hangup all")
    async with asyncio.timeout(60):
        return await dial.wait()


def last_statistics(path: Path) -> dict[str, int]:
    """Read SIPp's own count of calls."""
    lines = path.read_text("ascii").splitlines()
    row = dict(zip(lines[0].split(";"), lines[-1].split(";"), strict=False))
    return {"made": int(row["TotalCallCreated"]), "failed": int(row["FailedCall(C)"])}


async def let_agents_stay(stack: Stack) -> None:
    """Let a registration last for the whole run, and nobody ask whether the agents are there.

    Nobody renews a registration here, and SIPp takes a port of the crowd for each such question.
    """
    folders = asterisk.Folders(base=stack.layout.asterisk, sounds=stack.layout.sounds)
    path = folders.etc / "pjsip.conf"
    text = path.read_text("utf-8")
    for usual, here in (
        ("maximum_expiration = 600", "maximum_expiration = 7200"),
        ("qualify_frequency = 15", "qualify_frequency = 0"),
    ):
        assert usual in text
        text = text.replace(usual, here)
    path.write_text(text, "utf-8")
    await console(stack.layout, "module reload res_pjsip.so")


async def settle(bench: Bench) -> bool:
    """Wait until every call is recorded and every conversation is kept; tell whether they are."""
    connection = await asyncpg.connect(_database(bench.stack))
    sql = (
        "SELECT (SELECT count(*) FROM call WHERE NOT final) + (SELECT count(*) FROM fold_due)"
        " + (SELECT count(*) FROM call WHERE talk_ms > 0)"
        " - (SELECT count(*) FROM recording WHERE state = 'kept')"
    )
    try:
        async with asyncio.timeout(LAST_SECONDS):
            while await connection.fetchval(sql):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(1)
    except TimeoutError:
        return False
    finally:
        await connection.close()
    return True


def _database(stack: Stack) -> str:
    return postgres.url(stack.ports.postgres, stack.memory.secret("postgres"))


async def kept(stack: Stack) -> dict[str, Any]:
    """Listen to every conversation that was kept, and compare them with the time talked."""
    connection = await asyncpg.connect(_database(stack))
    rows = await connection.fetch("SELECT * FROM recording WHERE state = 'kept'")
    talked = await connection.fetchval("SELECT sum(talk_ms) FROM call")
    await connection.close()
    found = await recordings(rows, stack.settings.recordings, (CALLER_TONE, AGENT_TONE))
    return {"talked_minutes": round(int(talked or 0) / 60_000, 1), **found}


def main() -> None:
    """Read the arguments, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--agents", type=int, default=45)
    parser.add_argument("--talk", type=int, default=45, help="seconds of a conversation")
    arguments = parser.parse_args()
    assert PORT_STEP * MOST_CALLS < 10_000, "SIPp begins again at the first port"  # noqa: PLR2004 - SIPp's own number
    with tempfile.TemporaryDirectory(prefix="hundred-calls-") as folder:
        figures = asyncio.run(measure(arguments, Path(folder)))
    figures = {"bench": "hundred_calls", "minutes": arguments.minutes, **figures}
    print(json.dumps(figures, indent=2))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
