"""Lines a second through the ledger, as a ratio to a raw COPY of the same bytes; and its lag.

The limit is COPY of the journal's bytes, line by line, into a table with one column and no index,
by the same driver into the same server. Ours splits, checks, stores each line under its call and
moves the cursor; then every call is folded into its record. Rounds are interleaved, so that
whatever else the machine does hits all alike.

    python bench/ledger.py [--rounds 3] [--calls 10000] [--lag-seconds 20] [--rates 5,20]

Needs nothing but the wheel with PostgreSQL's binaries. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

import asyncpg  # noqa: E402 - the repository must be importable first
import structlog  # noqa: E402

from deploy.stack.postgres import binaries, user_namespace  # noqa: E402
from ivr import ledger  # noqa: E402
from ivr.config import Settings  # noqa: E402
from ivr.database import make_pool  # noqa: E402
from ivr.folding import Folding  # noqa: E402
from ivr.intake import Intake  # noqa: E402
from ivr.migrations import migrate  # noqa: E402
from ivr.supervision import Supervisor  # noqa: E402

GOAL: Final = 0.5
SECOND: Final = 1_795_000_000


def call(number: int, now_us: int | None = None) -> list[str]:
    """Return the lines of an answered call as Asterisk writes them (compare tests/data/cel)."""
    call_id = f"n1-7-{SECOND + number // 50}.{number}"
    agent_id = f"n1-7-{SECOND + number // 50}.{number + 500_000_000}"
    trunk, agent = f"PJSIP/trunk-{number:08x}", f"PJSIP/agent-a{number % 400:04}-{number:08x}"
    at = (SECOND + number // 50) * 1_000_000 if now_us is None else now_us
    bridge = {"bridge_id": f"ccf45565-c24e-4c78-88d6-{number:012x}", "bridge_technology": "simple"}
    hung = {"hangupcause": 16, "hangupsource": agent, "dialstatus": ""}
    story: list[tuple[str, str, dict[str, Any]]] = [
        ("CHAN_START", trunk, {}),
        ("ANSWER", trunk, {}),
        ("CALLER", trunk, {"extra": f"138{number:08}"}),
        ("DIALLED", trunk, {"extra": "inbound:12320"}),
        ("APP_START", trunk, {}),
        ("APP_END", trunk, {}),
        ("MENU", trunk, {"extra": "main:1"}),
        ("MENU", trunk, {"extra": "m_consult:1"}),
        ("PRESET", trunk, {"extra": "12320-2016:C02"}),
        ("RECORDING", trunk, {"extra": call_id}),
        ("QUEUE", trunk, {"extra": "consult:0"}),
        ("APP_START", trunk, {}),
        ("CHAN_START", agent, {}),
        ("ANSWER", agent, {}),
        ("AGENT", agent, {"extra": f"a{number % 400:04}"}),
        ("BRIDGE_ENTER", agent, bridge),
        ("BRIDGE_ENTER", trunk, bridge),
        ("BRIDGE_EXIT", agent, bridge),
        ("BRIDGE_EXIT", trunk, bridge),
        ("HANGUP", agent, hung),
        ("CHAN_END", agent, {}),
        ("APP_END", trunk, {}),
        ("LEFT", trunk, {"extra": "consult:CONTINUE"}),
        ("RATING_OFFERED", trunk, {"extra": ""}),
        ("RATING", trunk, {"extra": "1"}),
        ("HANGUP", trunk, hung),
        ("CHAN_END", trunk, {}),
        ("LINKEDID_END", trunk, {}),
    ]
    lines = []
    for step, (kind, channel, extra) in enumerate(story):
        stamp = at + step * 1_000
        record = {
            "eventtype": kind,
            "eventenum": kind,
            "userdeftype": kind if "extra" in extra else "",
            "eventtime": f"{stamp // 1_000_000}.{stamp % 1_000_000:06}",
            "context": "route-queue",
            "channame": channel,
            "appname": "CELGenUserEvent",
            "uniqueid": call_id if channel is trunk else agent_id,
            "linkedid": call_id,
            "peer": "",
            "eventextra": json.dumps(extra, separators=(",", ":")) if extra else "",
        }
        lines.append(json.dumps(record, separators=(",", ":")) + "\n")
    return lines


@contextmanager
def postgres(folder: Path) -> Iterator[Callable[[str], str]]:
    """Start a PostgreSQL of our own; yields how a database of it is addressed."""
    (folder / "password").write_text("secret")
    data = folder / "data"
    subprocess.run(
        [
            *(*user_namespace(), str(binaries() / "initdb"), "-D", str(data), "-U", "hotline"),
            *("-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "-E", "UTF8", "--no-sync"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [
        *(*user_namespace(), "setpriv", "--pdeathsig", "INT", "--", str(binaries() / "postgres")),
        *("-D", str(data), "-k", "", "-p", str(port), "-c", "listen_addresses=127.0.0.1"),
        *("-c", "track_commit_timestamp=on", "-c", "max_wal_size=4GB"),
    ]
    with (folder / "postgres.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        yield lambda database: f"postgresql://hotline:secret@127.0.0.1:{port}/{database}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@asynccontextmanager
async def database(url: Callable[[str], str], name: str) -> AsyncIterator[str]:
    """Make an empty migrated database, and drop it."""
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError, asyncpg.CannotConnectNowError):
                admin = await asyncpg.connect(url("postgres"))
                break
            await asyncio.sleep(0.05)
    await admin.execute(f"CREATE DATABASE {name}")
    await migrate(url(name))
    yield url(name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def copy_raw(address: str, journal: Path) -> float:
    """Return the seconds in which the journal's bytes go into one column."""
    connection = await asyncpg.connect(address)
    await connection.execute("CREATE TABLE raw (line text)")
    began = time.perf_counter()
    # Neither byte occurs in the journal, so every line is one value, as it stands.
    await connection.copy_to_table(
        "raw", source=journal, format="csv", delimiter="\x02", quote="\x01"
    )
    took = time.perf_counter() - began
    await connection.close()
    return took


def centre(address: str, folder: Path) -> Settings:
    """Return the settings of a centre whose journal is in `folder`."""
    tree = {
        "database": {"url": address},
        "spool": {"directory": folder},
        "recordings": {
            "incoming": folder / "monitor",
            "archive": folder / "archive",
            "keys": folder / "recordings.keys",
        },
    }
    return Settings.model_validate(tree)


async def through_the_ledger(settings: Settings) -> tuple[float, float]:
    """Return the seconds of taking in, and of folding."""
    async with make_pool(settings.database, purpose="bench") as pool:
        intake, folding = Intake(pool, settings), Folding(pool, settings.database)
        began = time.perf_counter()
        while await intake.step():
            pass
        taken = time.perf_counter()
        while await folding.step():
            pass
        return taken - began, time.perf_counter() - taken


async def lag(settings: Settings, rate: float, seconds: float) -> list[float]:
    """Return how long after its last line each call's record was committed."""
    written: dict[str, float] = {}
    async with asyncio.TaskGroup() as tasks:
        process = tasks.create_task(ledger.run(settings, Supervisor({})))
        for number in range(int(rate * seconds)):
            lines = call(number, time.time_ns() // 1000)
            with (settings.spool.directory / "cel.jsonl").open("a") as journal:
                journal.writelines(lines)
            written[json.loads(lines[0])["linkedid"]] = time.time()
            await asyncio.sleep(1 / rate)
        connection = await asyncpg.connect(settings.database.url)
        async with asyncio.timeout(60):
            finished = "SELECT count(*) FROM call WHERE final"
            while await connection.fetchval(finished) < len(written):  # noqa: ASYNC110 - a table
                await asyncio.sleep(0.2)
        rows = await connection.fetch(
            "SELECT call_id, extract(epoch FROM pg_xact_commit_timestamp(xmin)) AS at FROM call"
        )
        await connection.close()
        process.cancel()
    return [float(row["at"]) - written[row["call_id"]] for row in rows]


async def measure(
    rounds: int, calls: int, rates: list[float], lag_seconds: float
) -> dict[str, Any]:
    """Measure everything in a server of our own."""
    folder = Path(tempfile.mkdtemp(prefix="hotline-bench-"))
    spool = folder / "cel"
    spool.mkdir()
    lines = [line for number in range(calls) for line in call(number)]
    (spool / "cel.jsonl").write_text("".join(lines))
    runs: dict[str, list[float]] = {"copy": [], "taken in": [], "folded": [], "both": []}
    lags: dict[str, list[float]] = {}
    try:
        with postgres(folder) as url:
            for number in range(rounds):
                async with database(url, f"bench_{number}") as address:
                    seconds = await copy_raw(address, spool / "cel.jsonl")
                    taken, folded = await through_the_ledger(centre(address, spool))
                runs["copy"].append(len(lines) / seconds)
                runs["taken in"].append(len(lines) / taken)
                runs["folded"].append(len(lines) / folded)
                runs["both"].append(len(lines) / (taken + folded))
            for rate in rates:
                live = folder / f"live-{rate:g}"
                (live / "monitor").mkdir(parents=True)
                async with database(url, f"lag_{rate:g}") as address:
                    lags[f"{rate:g}"] = sorted(await lag(centre(address, live), rate, lag_seconds))
    finally:
        shutil.rmtree(folder)
    return {"runs": runs, "lags": lags, "lines": len(lines), "bytes": sum(map(len, lines))}


def report(figures: dict[str, Any]) -> None:
    """Print a table, and what it comes to as one line of JSON."""
    medians = {name: statistics.median(runs) for name, runs in figures["runs"].items()}
    print(f"{figures['lines']} lines, {figures['bytes'] / 1e6:.1f} MB")
    for name, runs in figures["runs"].items():
        print(f"{name:10}{medians[name]:10.0f} lines/s   rounds {[round(run) for run in runs]}")
    # Each round against its own COPY, so that a slow moment of the machine counts for both.
    ratios = {
        name: statistics.median(
            run / limit
            for run, limit in zip(figures["runs"][name], figures["runs"]["copy"], strict=True)
        )
        for name in ("taken in", "folded", "both")
    }
    lags = {
        rate: {
            "p50": round(found[len(found) // 2], 3),
            "p99": round(found[int(len(found) * 0.99)], 3),
        }
        for rate, found in figures["lags"].items()
    }
    for rate, at in lags.items():
        print(f"lag at {rate:>3} calls/s   p50 {at['p50']} s   p99 {at['p99']} s")
    answer = {
        "bench": "ledger",
        "ratio": round(ratios["taken in"], 3),
        "goal": GOAL,
        "unit": "journal lines stored under their calls a second / raw COPY of the same bytes",
        "ratio_folded": round(ratios["folded"], 3),
        "ratio_taken_in_and_then_folded": round(ratios["both"], 3),
        "lines_per_second": {name: round(median) for name, median in medians.items()},
        "lag_seconds": lags,
        "rounds": len(figures["runs"]["copy"]),
    }
    print(json.dumps(answer))


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--rates", default="5,20")
    parser.add_argument("--lag-seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    rates = [float(rate) for rate in arguments.rates.split(",") if rate]
    report(asyncio.run(measure(arguments.rounds, arguments.calls, rates, arguments.lag_seconds)))


if __name__ == "__main__":
    main()
