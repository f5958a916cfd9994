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
import io
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
from numpy.typing import NDArray

REPOSITORY: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from bench.crowd import LEVELS, PORT_STEP  # noqa: E402 - the repository is not installed
from deploy.stack import asterisk, postgres  # noqa: E402
from deploy.stack.asterisk_root import provide_asterisk  # noqa: E402
from deploy.stack.layout import cache_folder  # noqa: E402
from deploy.stack.rtp import FRAME, RATE, sine  # noqa: E402
from deploy.stack.sip import free_port  # noqa: E402
from deploy.stack.stack import AGENT_ADDRESS, CALLER_ADDRESS, Stack  # noqa: E402
from tests.real.sealed import unseal  # noqa: E402

CALLER_TONE, AGENT_TONE, MUSIC, OTHER = 440.0, 880.0, 1240.0, 620.0
MOST_CALLS: Final = 2_000
"""After so many, SIPp would use a port again."""
SAMPLE_SECONDS: Final = 5.0
WARM_MINUTES: Final = 2.0
"""Memory that start-up and the first calls take is not growth."""
EDGE_FRAMES: Final = 25
"""At both ends of a conversation, where one side is already or still silent."""
SHARE: Final = 0.5
LAST_SECONDS: Final = 240.0
"""For the calls that are left at the end."""
PROCESSES: Final = ("asterisk", "ivr", "ledger")


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
class Sample:
    """What a process takes, over time."""

    minutes: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)

    def add(self, pid: int, minute: float, megabytes: float, cpu_seconds: float) -> None:
        """Note one look."""
        self.pids.add(pid)
        self.minutes.append(minute)
        self.megabytes.append(megabytes)
        self.cpu_seconds.append(cpu_seconds)

    def figures(self) -> dict[str, float]:
        """Give memory at the end, its growth after the first minutes, and cores in use."""
        minutes, memory = np.array(self.minutes), np.array(self.megabytes)
        late = minutes >= min(WARM_MINUTES, minutes[-1] / 2)
        slope = float(np.polyfit(minutes[late], memory[late], 1)[0]) if late.sum() > 2 else 0.0  # noqa: PLR2004 - a line needs points
        cores = (self.cpu_seconds[-1] - self.cpu_seconds[0]) / (60 * (minutes[-1] - minutes[0]))
        return {
            "megabytes_warm": round(float(memory[late][0]), 1),
            "megabytes_end": round(float(memory[-1]), 1),
            "megabytes_a_minute": round(slope, 3),
            "cores": round(float(cores), 3),
            "restarts": len(self.pids) - 1,
        }


def _tree(pid: int) -> list[int]:
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text("ascii").split():
            found += _tree(int(child))
    return found


def _taken(pid: int) -> tuple[float, float]:
    """Give resident megabytes and CPU seconds of a process and its children."""
    memory = cpu = 0.0
    for one in _tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text("ascii").rpartition(")")[2].split()
        cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return memory, cpu


@dataclass
class Bench:
    """The running hotline and its crowd."""

    stack: Stack
    folder: Path
    arguments: argparse.Namespace
    samples: dict[str, Sample] = field(default_factory=dict)
    calls_open: list[int] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    """The machine's load average: what else ran shows in it."""

    async def watch(self, crowds: dict[str, int]) -> None:
        """Note what the processes take, until cancelled; one that was replaced is said to be."""
        began = time.monotonic()
        while True:
            ours = {name: pid for name in PROCESSES if (pid := self.stack.pid(name))}
            for name, pid in (ours | crowds).items():
                with suppress(FileNotFoundError):
                    taken = await asyncio.to_thread(_taken, pid)
                    sample = self.samples.setdefault(name, Sample())
                    sample.add(pid, (time.monotonic() - began) / 60, *taken)
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
        figures = await bench_calls(bench, crowds)
        notes = {name: await notes_of(process) for name, (process, _) in crowds.items()}
        figures["settled"] = await settle(bench)
        figures |= {"media": notes, "digits": digits(bench, notes["callers"])}
        figures["recordings"] = await recordings(bench)
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
        "sipp": {"code": code, **last_statistics(bench.folder / "caller.stat")},
        "calls_at_once": {"least": min(steady), "median": float(np.median(steady))},
        "load_average": {"median": float(np.median(bench.load)), "most": max(bench.load)},
        "processes": {name: sample.figures() for name, sample in bench.samples.items()},
    }


async def last_calls(bench: Bench, dial: asyncio.subprocess.Process) -> int:
    """Wait for the calls that are left, and end those that nobody answers; give SIPp's code."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_SECONDS):
            return await dial.wait()
    await control(bench.stack, "channel request hangup all")
    async with asyncio.timeout(60):
        return await dial.wait()


def last_statistics(path: Path) -> dict[str, int]:
    """Read SIPp's own count of calls."""
    lines = path.read_text("ascii").splitlines()
    row = dict(zip(lines[0].split(";"), lines[-1].split(";"), strict=False))
    return {"made": int(row["TotalCallCreated"]), "failed": int(row["FailedCall(C)"])}


async def let_agents_stay(stack: Stack) -> None:
    """Let a registration last for the whole run: nobody renews it here."""
    folders = asterisk.Folders(base=stack.layout.asterisk, sounds=stack.layout.sounds)
    path = folders.etc / "pjsip.conf"
    text = path.read_text("utf-8")
    assert "maximum_expiration = 600" in text
    path.write_text(text.replace("maximum_expiration = 600", "maximum_expiration = 7200"), "utf-8")
    await control(stack, "pjsip reload")


async def control(stack: Stack, line: str) -> None:
    """Give a line to the running Asterisk."""
    folders = asterisk.Folders(base=stack.layout.asterisk, sounds=stack.layout.sounds)
    root = await provide_asterisk(cache_folder(os.environ), os.environ, lambda _: None)
    process = await asyncio.create_subprocess_exec(
        *asterisk.control_command(root, folders, line),
        env=asterisk.environment(),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0


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


def digits(bench: Bench, notes: dict[str, Any]) -> dict[str, Any]:
    """Compare the keys that were pressed with those that Asterisk's journal has."""
    came: Counter[str] = Counter()
    for line in bench.journal():
        kind = line["eventtype"]
        if kind in {"MENU", "RATING", "RATING_REASON"}:
            extra = json.loads(line["eventextra"])["extra"]
            name = {"RATING": "p_rate:", "RATING_REASON": "p_rate_why:"}.get(kind, "")
            came[f"{name}{extra}"] += 1
    pressed: Counter[str] = Counter(notes["pressed"])
    return {
        "pressed": pressed.total(),
        "came": (came & pressed).total(),
        "missed": (pressed - came).total(),
        "never_pressed": (came - pressed).total(),
        "silences": sum(count for key, count in came.items() if key.endswith(":t")),
    }


async def recordings(bench: Bench) -> dict[str, Any]:
    """Look at every packet's worth of every conversation for the tone that belongs there."""
    connection = await asyncpg.connect(_database(bench.stack))
    rows = await connection.fetch("SELECT * FROM recording WHERE state = 'kept'")
    talked = await connection.fetchval("SELECT sum(talk_ms) FROM call")
    await connection.close()
    settings = bench.stack.settings.recordings
    frames = missing = 0
    worst: list[tuple[int, list[float]]] = []
    for row in rows:
        path, name = settings.archive / row["path"], f"{row['call_id']}/both/{row['format']}"
        plain = await asyncio.to_thread(unseal, path, settings.keys, name)
        sound, _ = soundfile.read(io.BytesIO(plain), dtype="int16")
        lost = await asyncio.to_thread(gaps, sound[:, 0], CALLER_TONE)
        lost += await asyncio.to_thread(gaps, sound[:, 1], AGENT_TONE)
        frames += 2 * (len(sound) // FRAME - 2 * EDGE_FRAMES)
        missing += len(lost)
        worst.append((len(lost), lost[:10]))
    return {
        "conversations": len(rows),
        "recorded_minutes": round(sum(row["milliseconds"] for row in rows) / 60_000, 1),
        "talked_minutes": round(int(talked or 0) / 60_000, 1),
        "frames": frames,
        "frames_without_the_tone": missing,
        "conversations_with_gaps": sum(lost > 0 for lost, _ in worst),
        "worst": max(worst, default=(0, []))[0],
        "seconds_of_gaps": [places for lost, places in worst if lost][:10],
    }


def gaps(side: NDArray[np.int16], tone: float) -> list[float]:
    """Tell at which seconds there are 20 ms, ends left out, in which a tone is not heard."""
    count = len(side) // FRAME
    waves = side[: count * FRAME].reshape(count, FRAME)[EDGE_FRAMES:-EDGE_FRAMES].astype(float)
    energy = (waves**2).sum(axis=1)
    at = 2 * np.pi * tone * np.arange(FRAME) / RATE
    found = 2 * ((waves @ np.cos(at)) ** 2 + (waves @ np.sin(at)) ** 2) / FRAME
    quiet = energy < FRAME * 1_000.0**2
    silent = np.flatnonzero(quiet | (found < SHARE * energy)) + EDGE_FRAMES
    return [round(float(number) * FRAME / RATE, 2) for number in silent]


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
