"""Finished calls a second through our menu, as a ratio to two other ways on the same Asterisk.

A real Asterisk answers calls from SIPp; each goes through two menus by RFC 4733 keys and is hung
up. Three ways lead it: our bridge (`python -m ivr serve`, as it runs in a centre), a floor that
sends the same AGI commands without reading what comes back, and the same steps in plain dialplan
with no AGI at all. Rounds are interleaved and their order rotates, so that whatever else the
machine does hits all alike. SIPp, Asterisk and the servers share the machine: what counts is the
ratio.

    python bench/menu_rate.py [--rounds 5] [--calls 1500] [--at-once 100]

The commands of the floor are those that our bridge sends when the bench asks it in Asterisk's
place, so the floor always says the same on the wire as we do. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

import numpy as np
import soundfile

REPOSITORY: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from bench.hands import LEVELS, press  # noqa: E402 - the repository is not installed
from bench.processes import taken  # noqa: E402
from deploy.stack import asterisk  # noqa: E402
from deploy.stack.console import console  # noqa: E402
from deploy.stack.rtp import RATE  # noqa: E402
from deploy.stack.stack import CALLER_ADDRESS, Stack  # noqa: E402

GOAL: Final = 0.95
SCENARIO: Final = REPOSITORY / "bench/sipp/caller.xml"
OURS, FLOOR, PLAIN = "ours", "floor", "dialplan"
WAYS: Final = {OURS: "99001", FLOOR: "99002", PLAIN: "99003"}
"""What SIPp dials for each."""
SECONDS: Final = 120.0
"""How long one run may take before it counts as failed."""

OTHER: Final = 500
_SOUND_SECONDS: Final = 0.04

DIALPLAN: Final = """
[from-trunk]
exten => 99001,1,Goto(bench-ours,12320,1)
exten => 99002,1,Goto(bench-floor,12320,1)
exten => 99003,1,Goto(bench-plain,12320,1)
[bench-ours]
exten => 12320,1,Answer()
 same => n,AGI(${AGI_URL},${AGI_TOKEN})
 same => n,GotoIf($["${ROUTE}" = "queue"]?done)
 same => n,Busy(1)
 same => n(done),Hangup(16)
[bench-floor]
exten => 12320,1,Answer()
 same => n,AGI(agi://127.0.0.1:FLOOR/menu,${AGI_TOKEN})
 same => n,GotoIf($["${ROUTE}" = "queue"]?done)
 same => n,Busy(1)
 same => n(done),Hangup(16)
[bench-plain]
exten => 12320,1,Answer()
 same => n,Playback(hotline/p_welcome)
 same => n,Playback(hotline/p_emerg)
 same => n,Playback(hotline/p_record)
 same => n,Read(KEY,hotline/m_main,1,,1,5)
 same => n,Goto(bench-main,${FILTER(0-9,${KEY})},1)
[bench-main]
exten => 1,1,CELGenUserEvent(MENU,m_main:1)
 same => n,Read(KEY,hotline/m_consult,1,,1,5)
 same => n,Goto(bench-consult,${FILTER(0-9,${KEY})},1)
[bench-consult]
exten => 1,1,CELGenUserEvent(MENU,m_consult:1)
 same => n,CELGenUserEvent(PRESET,12320-2016:C02)
 same => n,MSet(ROUTE_QUEUE=consult,ROUTE_PRIORITY=0,ROUTE=queue)
 same => n,Hangup(16)
"""

ENVIRONMENT: Final = (
    ("network", "yes"),
    ("network_script", "menu"),
    ("request", "agi://127.0.0.1/menu"),
    ("channel", "PJSIP/trunk-00000001"),
    ("language", "zh"),
    ("type", "PJSIP"),
    ("uniqueid", "n1-1-1795000000.1"),
    ("version", "22.10.1"),
    ("callerid", "02512345678"),
    ("calleridname", "unknown"),
    ("callingpres", "0"),
    ("callingani2", "0"),
    ("callington", "0"),
    ("callingtns", "0"),
    ("dnid", "12320"),
    ("rdnis", "unknown"),
    ("context", "from-trunk"),
    ("extension", "12320"),
    ("priority", "1"),
    ("enhanced", "0.0"),
    ("accountcode", ""),
    ("threadid", "1"),
)


def be_floor(commands: list[str]) -> None:
    """Be the floor: the next line for whatever comes, and nothing read."""
    import uvloop  # noqa: PLC0415 - optional, and only the servers need it

    lines = [f"{command}\n".encode() for command in commands]

    class Floor(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = transport
            self._next = iter(lines)
            self._opening = b""

        def data_received(self, data: bytes) -> None:
            if self._opening is not None:
                self._opening += data
                if not self._opening.endswith(b"\n\n"):
                    return
                self._opening = None  # type: ignore[assignment]  # from here on replies
            line = next(self._next, None)
            if line is None:
                self._transport.close()
            else:
                self._transport.write(line)  # type: ignore[attr-defined]  # a socket's transport

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

    uvloop.run(serve())


def learn_commands(port: int, token: str) -> list[str]:
    """Ask our bridge in Asterisk's place, pressing 1 twice; give what it sent."""
    lines = [f"agi_{name}: {value}" for name, value in ENVIRONMENT]
    commands: list[str] = []
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as peer,
        peer.makefile("rb") as sent,
    ):
        peer.sendall("\n".join([*lines, f"agi_arg_1: {token}", "", ""]).encode())
        while line := sent.readline().decode().rstrip("\n"):
            commands.append(line)
            verb = line.split(" ", 2)
            answers = {"GET": "1", "STREAM": "0 endpos=320", "SET": "1"}
            peer.sendall(f"200 result={answers.get(verb[0], '0')}\n".encode())
    assert any("ROUTE=queue" in command for command in commands[-1:]), commands
    return commands


def write_sounds(sounds: Path) -> None:
    """Write every prompt as 40 ms of a level."""
    from ivr.config import DefinitionSettings  # noqa: PLC0415 - only the bench itself needs it
    from ivr.menu.definitions import Sources, load_definitions  # noqa: PLC0415

    book = load_definitions(Sources.of(DefinitionSettings())).prompts
    for locale, texts in book.recordable.items():
        folder = sounds / locale / "hotline"
        folder.mkdir(parents=True, exist_ok=True)
        for name in texts:
            level = LEVELS.get(name, OTHER)
            sound = np.full(round(_SOUND_SECONDS * RATE), level, dtype=np.int16)
            soundfile.write(folder / f"{name}.wav", sound, RATE, subtype="PCM_16")


@dataclass
class Run:
    """One way's figures, one entry a round."""

    rates: list[float] = field(default_factory=list)
    """Finished calls a second."""
    asterisk_ms: list[float] = field(default_factory=list)
    """Asterisk's CPU time a call, milliseconds."""
    server_ms: list[float] = field(default_factory=list)
    """CPU time of who answers AGI."""


@asynccontextmanager
async def child(*arguments: str) -> AsyncIterator[tuple[int, int]]:
    """Run this file in another role; give its process and the port that it prints."""
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", "--", sys.executable, __file__, *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        yield process.pid, int(await asyncio.wait_for(process.stdout.readline(), 10))
    finally:
        process.kill()
        await process.wait()


@dataclass
class Bench:
    """A running hotline with the three ways, and the figures so far."""

    stack: Stack
    folder: Path
    hands: int
    """Port of who presses the keys."""
    servers: dict[str, int | None]
    """Process that answers AGI, by way."""
    at_once: int
    runs: dict[str, Run] = field(default_factory=lambda: {way: Run() for way in WAYS})

    async def round(self, way: str, count: int, *, counts: bool) -> None:
        """Make `count` calls; keep the figures if it `counts`.

        Raises:
            SystemExit: a call failed.
        """
        before = self._cpu(way)
        seconds = await self._calls(way, count)
        after = self._cpu(way)
        if counts:
            run = self.runs[way]
            run.rates.append(count / seconds)
            run.asterisk_ms.append((after[0] - before[0]) / count * 1_000)
            run.server_ms.append((after[1] - before[1]) / count * 1_000)

    def _cpu(self, way: str) -> tuple[float, float]:
        engine, server = self.stack.pid("asterisk"), self.servers[way]
        return taken(engine or 0).cpu_seconds, taken(server).cpu_seconds if server else 0.0

    async def _calls(self, way: str, count: int) -> float:
        values = {"number": WAYS[way], "caller": "02512345678", "longest_ms": "30000"}
        values |= {"media_host": CALLER_ADDRESS, "media_port": str(self.hands)}
        text = Template(SCENARIO.read_text("ascii")).substitute(values)
        await asyncio.to_thread((self.folder / "caller.xml").write_text, text)
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", "--"),
            *("sipp", f"127.0.0.1:{self.stack.sip_port}", "-sf", "caller.xml", "-nostdin"),
            *("-i", CALLER_ADDRESS, "-m", str(count), "-l", str(self.at_once), "-r", "2000"),
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.defpath, "TERM": "dumb"},
        )
        async with asyncio.timeout(SECONDS):
            code = await process.wait()
        if code != 0:
            sys.exit(f"{way}: expected {count} finished calls, SIPp ended with {code}.")
        return time.monotonic() - began


async def measure(arguments: argparse.Namespace, folder: Path) -> None:
    """Start the hotline, take every round, and report."""
    outer = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    async with Stack(folder / "stack", environment=outer) as stack:
        write_sounds(stack.layout.sounds)
        await stack.start("postgres", "valkey", "migrate", "asterisk", "ivr")
        commands = learn_commands(stack.ports.agi, stack.memory.secret("agi token"))
        async with child("--press") as (_, hands), child("--floor", json.dumps(commands)) as floor:
            await add_dialplan(stack, floor[1])
            servers = {OURS: stack.pid("ivr"), FLOOR: floor[0], PLAIN: None}
            bench = Bench(stack, folder, hands, servers, arguments.at_once)
            for way in WAYS:  # warms caches
                await bench.round(way, arguments.calls // 5, counts=False)
            for number in range(arguments.rounds):
                order = [*WAYS][number % len(WAYS) :] + [*WAYS][: number % len(WAYS)]
                for way in order:
                    await bench.round(way, arguments.calls, counts=True)
    report(bench.runs, commands)


async def add_dialplan(stack: Stack, floor: int) -> None:
    """Put the three ways beside the product's dialplan."""
    folders = asterisk.Folders(base=stack.layout.asterisk, sounds=stack.layout.sounds)
    with (folders.etc / "extensions.conf").open("a") as extensions:
        extensions.write(DIALPLAN.replace("FLOOR", str(floor)))
    await console(stack.layout, "dialplan reload")


def report(runs: dict[str, Run], commands: list[str]) -> None:
    """Print a table, and what it comes to as one line of JSON."""
    print(f"{'':10}{'calls/s':>10}{'Asterisk ms':>13}{'server ms':>11}")
    medians = {}
    for way, run in runs.items():
        rate, engine, server = map(statistics.median, (run.rates, run.asterisk_ms, run.server_ms))
        medians[way] = {
            "calls_per_second": round(rate, 1),
            "asterisk_cpu_ms": round(engine, 3),
            "server_cpu_ms": round(server, 3),
        }
        print(f"{way:10}{rate:10.1f}{engine:13.3f}{server:11.3f}")

    def ratio(other: str) -> float:
        pairs = zip(runs[OURS].rates, runs[other].rates, strict=True)
        return round(statistics.median(ours / theirs for ours, theirs in pairs), 3)

    answer = {
        "bench": "menu_rate",
        "ratio": ratio(FLOOR),
        "goal": GOAL,
        "unit": "finished calls/s through our menu / through a floor sending the same commands",
        "ratio_to_dialplan": ratio(PLAIN),
        "floor_to_dialplan": round(
            statistics.median(
                floor / plain
                for floor, plain in zip(runs[FLOOR].rates, runs[PLAIN].rates, strict=True)
            ),
            3,
        ),
        "round_trips_per_call": len(commands),
        "connections_per_call": 1,
        "medians": medians,
        "rates": {way: [round(rate, 1) for rate in run.rates] for way, run in runs.items()},
    }
    print(json.dumps(answer))


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--press", action="store_true", help="be the callers' hands")
    parser.add_argument("--floor", help="be the floor that sends these commands")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=1_500)
    parser.add_argument("--at-once", type=int, default=100)
    arguments = parser.parse_args()
    if arguments.press:
        press(CALLER_ADDRESS)
    elif arguments.floor:
        be_floor(json.loads(arguments.floor))
    else:
        with tempfile.TemporaryDirectory(prefix="menu-rate-") as folder:
            asyncio.run(measure(arguments, Path(folder)))


if __name__ == "__main__":
    main()
