"""FastAGI commands per server CPU-second through our server, as a ratio to a bare echo.

The generator behaves as Asterisk does: it writes the environment line by line and answers ten
commands a call. The limit is a protocol on uvloop that sends ten fixed lines and parses
nothing; panoramisk runs beside it. Rounds are interleaved, so that whatever else the machine
does hits all alike. Server and generator share the machine, therefore CPU time of the server
is what counts, not calls per second.

    python bench/agi.py [--rounds 3] [--sessions 3000] [--at-once 50,200,1000] [--perf FOLDER]

The generator and the other servers are not part of this repository: they are looked for in
`--perf`, in `HOTLINE_PERF`, or in `../shared/perf` beside the repository. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import resource
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
GOAL: Final = 0.75
TOKEN: Final = "zh"  # noqa: S105 - the generator's first argument
SECONDS: Final = 40.0
"""How long one run may take before it counts as failed."""

ECHO: Final = "echo"
OURS: Final = "ours"
SERVERS: Final = {
    ECHO: "floor_proto_uv",
    OURS: "",
    "panoramisk on uvloop": "panoramisk_uv",
    "panoramisk": "panoramisk",
}
"""Name here, and name among the peers."""


def serve() -> None:
    """Be the server under test: a menu of ten commands on the real channel, on uvloop."""
    sys.path.insert(0, str(REPOSITORY))
    import uvloop  # noqa: PLC0415 - optional, and only the server needs it

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(_serve())


async def _serve() -> None:
    from ivr.asterisk.agi import AgiServer, Channel, Limits  # noqa: PLC0415 - as in serve()
    from ivr.asterisk.variables import UserEvent  # noqa: PLC0415
    from ivr.service import settle_memory  # noqa: PLC0415

    async def menu(channel: Channel) -> None:
        await channel.answer()
        await channel.get_variable("PROVINCE")
        await channel.play(["hotline/p_welcome"])
        await channel.collect(["hotline/m_main"], first_ms=5_000, between_ms=3_000)
        await channel.emit(UserEvent.MENU, "main:2")
        await channel.emit(UserEvent.PRESET, "12320-2016:C02")
        await channel.set_variable("SVCTYPE", "2")
        await channel.get_variable("AGENTS")
        await channel.set_language("zh")
        await channel.set_variables(
            {"ROUTE_QUEUE": "consult", "ROUTE_PRIORITY": "0", "ROUTE": "queue"}
        )

    server = AgiServer({"menu": menu}, token=TOKEN, limits=Limits(sessions=4_096))
    async with server.listening("127.0.0.1", 0) as port:
        settle_memory()
        print(port, flush=True)
        await asyncio.Event().wait()


def measure(
    perf: Path, at_once: Sequence[int], rounds: int, sessions: int
) -> dict[int, dict[str, list[float]]]:
    """Run every server at every number of calls, round by round.

    Returns:
        Commands per server CPU-second: calls at once, server, one figure a round.
    """
    one = _runner(perf)
    figures: dict[int, dict[str, list[float]]] = {}
    for calls in at_once:
        figures[calls] = {name: [] for name in SERVERS}
        for _ in range(rounds):
            for name, peer in SERVERS.items():
                peers = [sys.executable, str(perf / "agi_servers.py"), peer]
                ours = [sys.executable, str(Path(__file__).resolve()), "--serve"]
                run = one(peers if peer else ours, calls, sessions, 0.0, SECONDS)
                assert run.get("sessions") == sessions, (name, run)
                assert run["bad"] == run["err"] == 0, (name, run)
                figures[calls][name].append(run["cmd_per_cpu_s"])
    return figures


def _runner(perf: Path) -> Callable[..., dict[str, Any]]:
    path = perf / "agi_bench.py"
    spec = importlib.util.spec_from_file_location("agi_bench", path)
    if spec is None or spec.loader is None or not path.is_file():
        sys.exit(f"{path}: expected the load generator; name its folder with --perf.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    runner: Callable[..., dict[str, Any]] = module.one
    return runner


def _ratios(figures: dict[int, dict[str, list[float]]], name: str) -> dict[int, float]:
    """Median over rounds of the ratio within a round."""
    return {
        calls: round(
            statistics.median(mine / limit for mine, limit in zip(by[name], by[ECHO], strict=True)),
            3,
        )
        for calls, by in figures.items()
    }


def report(figures: dict[int, dict[str, list[float]]]) -> None:
    """Print a table, and what it comes to as one line of JSON."""
    print(f"{'commands per server CPU-second':32}" + "".join(f"{n:>9}" for n in figures))
    for name in SERVERS:
        medians = [statistics.median(by[name]) for by in figures.values()]
        print(f"{name:32}" + "".join(f"{figure:9.0f}" for figure in medians))
    ours = _ratios(figures, OURS)
    answer = {
        "bench": "agi",
        "ratio": min(ours.values()),
        "goal": GOAL,
        "unit": "commands per server CPU-second, ours / echo on uvloop, worst of the columns",
        "ratios": {name: _ratios(figures, name) for name in SERVERS if name != ECHO},
        "medians": {
            calls: {name: round(statistics.median(runs)) for name, runs in by.items()}
            for calls, by in figures.items()
        },
        "rounds": min(len(runs) for by in figures.values() for runs in by.values()),
    }
    print(json.dumps(answer))


def main() -> None:
    """Read the arguments and measure."""
    beside = os.environ.get("HOTLINE_PERF", str(REPOSITORY.parent / "shared" / "perf"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", action="store_true", help="be the server under test")
    parser.add_argument("--perf", type=Path, default=Path(beside))
    parser.add_argument("--at-once", default="50,200,1000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sessions", type=int, default=3_000)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    at_once = [int(calls) for calls in arguments.at_once.split(",")]
    report(measure(arguments.perf, at_once, arguments.rounds, arguments.sessions))


if __name__ == "__main__":
    main()
