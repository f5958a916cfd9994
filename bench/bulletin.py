"""All tables of a bulletin from the counts, as a ratio to DuckDB on the requests in memory.

Requests are spread over 24 months, units and categories skewed as real ones are. Both sides
answer with the two margins from which every table of a month is made (unit by service type,
category by settlement), fetched into Python and compared. DuckDB holds the same requests as
dictionary columns, sorted by time, with two threads. Rounds are interleaved, so that whatever
else the machine does hits both alike; the numbers of rows are compared in the same way, each in a
database of its own.

    python bench/bulletin.py [--rows 1000000,10000000] [--rounds 25] [--blocks 40]

Measured besides: a year (goal 0.2), the same month at the first and the last number of rows
(goal 1.2), and one insert with its counts against one without (goal 1.3), each insert its own
commit, in neighbouring blocks with and without the trigger; the ratio is the median over the
pairs of blocks, given with its quartiles. Told besides: how long rebuilding all counts and
comparing them with every request take, and the memory of our server process. Last line: JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg
import duckdb

REPOSITORY: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from agents.database import queries  # noqa: E402 - found beside this folder
from agents.reports.bulletin import compile_bulletin  # noqa: E402
from agents.reports.editorial import parse_editorial  # noqa: E402
from agents.reports.scheme import network, scheme  # noqa: E402
from agents.reports.tally import Figures, Period, Standing, UnitMonth  # noqa: E402
from agents.statistics.counts import disagreements, load_tally, recount  # noqa: E402
from agents.statistics.units import store_network  # noqa: E402
from deploy.stack.postgres import binaries, user_namespace  # noqa: E402
from ivr.migrations import migrate  # noqa: E402

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Memory: TypeAlias = duckdb.DuckDBPyConnection
Databases: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

EDITION: Final = "12320-2016"
FIRST, LAST = date(2015, 1, 1), date(2016, 12, 1)
MONTH: Final = Period(date(2016, 10, 1), date(2016, 10, 1))
YEAR: Final = Period(date(2016, 1, 1), date(2016, 12, 1))
WHOLE_ISSUES: Final = 5
"""Rounds in which a whole issue is compiled as well; its time is told and has no goal."""
GOALS: Final = {"month": 0.7, "year": 0.2, "scale": 1.2, "insert": 1.3}
_FILL: Final = """
INSERT INTO request (opened_at, call_id, source, position, scheme, service, code, confidence,
                     made_at, unit, channel, settlement)
SELECT at, 'n1-1-' || extract(epoch FROM at)::bigint || '.' || i, 'agent', 1, $2,
       left(code, 1), code, 1, at, unit,
       CASE WHEN random() < 0.95 THEN 'phone' ELSE 'wechat' END,
       CASE WHEN random() < 0.9 THEN 'on_the_spot' WHEN random() < 0.8 THEN 'transferred'
            ELSE 'open' END
FROM (
    SELECT i, timestamptz '2015-01-01 00:00+08'
                  + (i - 1) * (interval '731 days' / $1::double precision) AS at,
           $3::text[] AS codes, $4::text[] AS units,
           1 + floor(cardinality($3::text[]) * power(random(), 2))::integer AS c,
           1 + floor(cardinality($4::text[]) * power(random(), 2))::integer AS u
    FROM generate_series(1, $1::bigint) AS i
) AS made, LATERAL (SELECT codes[c] AS code, units[u] AS unit) AS one
"""
_DUCK_UNITS: Final = """
SELECT unit, service, count(*) FROM request
WHERE made >= ?::timestamp AND made < ?::timestamp GROUP BY ALL"""
_DUCK_CODES: Final = """
SELECT code, settlement, count(*) FROM request
WHERE made >= ?::timestamp AND made < ?::timestamp GROUP BY ALL"""


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Start an own PostgreSQL with its durability on, and take it down."""
    password = folder / "password"
    password.write_text("secret")
    subprocess.run(
        [
            *user_namespace(),
            *(str(binaries() / "initdb"), "-D", str(folder / "data"), "-U", "hotline"),
            *("-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-sync"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *user_namespace(),
                *("setpriv", "--pdeathsig", "INT", "--", str(binaries() / "postgres")),
                *("-D", str(folder / "data"), "-k", "", "-p", str(port)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "timezone=Asia/Shanghai"),
                *("-c", "shared_buffers=1GB", "-c", "max_wal_size=8GB", "-c", "work_mem=128MB"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"postgresql://hotline:secret@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


async def connected(url: str) -> Connection:
    """Connect as soon as the server answers."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await asyncpg.connect(url, timeout=5)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)


def said(text: str) -> None:
    """Tell on standard error how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


async def fill(connection: Connection, pool: Databases, rows: int) -> dict[str, float]:
    """Make the requests, rebuild the counts from them, and compare the two, in milliseconds."""
    leaves = [
        node.code
        for node in scheme("national-2016").taxonomy.nodes.values()
        if node.code[0] in "BCTJSP" and scheme("national-2016").taxonomy.is_leaf(node.code)
    ]
    units = [member.unit.id for member in network("national")]
    # A bulk load: neither the foreign keys nor the counting triggers are what is measured here.
    await connection.execute("SET session_replication_role = replica; TRUNCATE request")
    await connection.execute(_FILL, rows, EDITION, leaves, units, timeout=1800)
    await connection.execute("SET session_replication_role = origin")
    # What autovacuum does in the time in which requests are really made.
    await connection.execute("VACUUM ANALYZE request", timeout=1800)
    said(f"{rows} requests")
    await connection.execute("TRUNCATE count_change, day_count, month_count")
    await connection.execute("TRUNCATE month_by_unit, month_by_code, year_by_unit, year_by_code")
    begun = time.perf_counter()
    await recount(pool, prove=False)
    rebuilt = time.perf_counter() - begun
    await connection.execute("VACUUM ANALYZE", timeout=1800)
    said("counts")
    begun = time.perf_counter()
    assert await disagreements(connection) == []
    compared = time.perf_counter() - begun
    return {"rebuild": round(1000 * rebuilt), "compare": round(1000 * compared)}


async def duck(connection: Connection, folder: Path) -> Memory:
    """Bring the same requests into DuckDB's memory."""
    path = folder / "requests.csv"
    await connection.copy_from_query(
        "SELECT made_at AT TIME ZONE 'Asia/Shanghai' AS made, unit, service, code, settlement "
        "FROM request",
        output=path,
        format="csv",
        header=True,
        timeout=1800,
    )
    memory = duckdb.connect(config={"threads": 2})
    memory.read_csv(str(path), dtype={"made": "TIMESTAMP"}).create("raw")
    path.unlink()
    for column in ("unit", "service", "code", "settlement"):
        made = f"CREATE TYPE {column}_t AS ENUM (SELECT DISTINCT {column} FROM raw ORDER BY 1)"  # noqa: S608 - names of this file
        memory.execute(made)
    memory.execute(
        "CREATE TABLE request AS SELECT made, unit::unit_t AS unit, service::service_t AS service, "
        "code::code_t AS code, settlement::settlement_t AS settlement FROM raw ORDER BY made"
    )
    memory.execute("DROP TABLE raw")
    said("duckdb")
    return memory


def duck_margins(memory: Memory, period: Period) -> tuple[list[Any], list[Any]]:
    """Answer from DuckDB."""
    after = Period(period.last, period.last).earlier(-1).first
    bounds = [period.first, after]
    return (
        memory.execute(_DUCK_UNITS, bounds).fetchall(),
        memory.execute(_DUCK_CODES, bounds).fetchall(),
    )


async def our_margins(connection: Connection, period: Period) -> tuple[list[Any], list[Any]]:
    """Answer from the counts."""
    if period == YEAR:
        bounds: dict[str, Any] = {"scheme": EDITION, "year": period.first}
        units = [tuple(row) async for row in queries.year_units(connection, **bounds)]
        codes = [tuple(row) async for row in queries.year_codes(connection, **bounds)]
    else:
        bounds = {"scheme": EDITION, "first": period.first, "last": period.last}
        units = [tuple(row)[1:] async for row in queries.month_units(connection, **bounds)]
        codes = [tuple(row)[1:] async for row in queries.month_codes(connection, **bounds)]
    return units, codes


async def measure(
    connection: Connection,
    memory: Memory,
    rounds: int,
) -> dict[str, float]:
    """Take medians of interleaved rounds, in milliseconds."""
    times: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        for name, period in (("month", MONTH), ("year", YEAR)):
            begun = time.perf_counter()
            ours = await our_margins(connection, period)
            middle = time.perf_counter()
            theirs = duck_margins(memory, period)
            ended = time.perf_counter()
            assert [sorted(part) for part in ours] == [sorted(part) for part in theirs]
            if turn:
                times.setdefault(name, []).append(middle - begun)
                times.setdefault(f"{name} duckdb", []).append(ended - middle)
        if turn > WHOLE_ISSUES:
            continue
        begun = time.perf_counter()
        await whole_issue(connection)
        if turn:
            times.setdefault("whole issue", []).append(time.perf_counter() - begun)
    return {name: round(1000 * statistics.median(taken), 2) for name, taken in times.items()}


async def months_side_by_side(connections: list[Connection], rounds: int) -> list[float]:
    """Take the median time of the month from each number of rows, in milliseconds.

    They are read in turn, so that whatever else the machine does hits all alike, and with DuckDB
    gone: each round of it reads all of its memory, and puts ours out of the processor's caches.
    """
    times: list[list[float]] = [[] for _ in connections]
    for turn in range(10 * rounds + 1):
        for connection, taken in zip(connections, times, strict=True):
            # What the other one has put out of the caches is brought back first.
            await our_margins(connection, MONTH)
            begun = time.perf_counter()
            await our_margins(connection, MONTH)
            if turn:
                taken.append(time.perf_counter() - begun)
    return [round(1000 * statistics.median(taken), 2) for taken in times]


def private_mb(pid: int) -> float:
    """Tell the memory of a process that it shares with nobody."""
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
    return round(int(kilobytes.split()[1]) / 1024, 1)


async def whole_issue(connection: Connection) -> None:
    """Compile the issue of the month with its history of 22 months, files not included."""
    units = tuple(member.unit for member in network("national"))
    months = {
        (unit.id, month): UnitMonth(unit.id, month, Standing.COMPLETE)
        for unit in units
        for month in MONTH.months
    }
    wanted = Period(FIRST, MONTH.last)
    tally = await load_tally(connection, EDITION, wanted)
    editorial = parse_editorial(
        {"title": "简报", "issue": 1, "total_issue": 1, "dated": MONTH.last, "publishers": ["甲"]}
    )
    compile_bulletin(Figures(MONTH, units, months, tally), scheme("national-2016"), editorial)


async def insert_cost(connection: Connection, blocks: int) -> dict[str, Any]:
    """Compare single inserts, each its own commit, with and without the counts kept."""
    # Or the pages of the bulk load would be written out beside some of the blocks.
    await connection.execute("CHECKPOINT", timeout=600)
    each, settling = 60, 10
    await connection.execute(
        """INSERT INTO call (opened_at, call_id, node, boot, direction, caller, dialled, started_at,
               final, short, menu_path, wait_ms, ring_ms, talk_ms, hold_ms, rating_offered,
               recorded, inexact, digest)
           SELECT call_opened_at(id), id, 'n1', 1, 'inbound', '', '12320', now(), false, false, '',
               0, 0, 0, 0, false, false, false, sha256('')
           FROM (SELECT 'n2-1-1475000000.' || i AS id
                 FROM generate_series(1, $1::integer) AS i) AS n""",
        2 * blocks * each,
    )
    insert = await connection.prepare(
        """INSERT INTO request (opened_at, call_id, source, position, scheme, service, code,
               confidence, made_at)
           VALUES (call_opened_at($1), $1, 'agent', 1, '12320-2016', 'C', 'C01.01.01', 1, now())"""
    )
    medians: dict[bool, list[float]] = {True: [], False: []}
    for block in range(2 * blocks):
        # Which of a pair comes first changes, so that neither gains from a machine that slows down.
        counted = block % 4 in {0, 3}
        switch = "ENABLE" if counted else "DISABLE"
        await connection.execute(f"ALTER TABLE request {switch} TRIGGER USER")
        taken = []
        for number in range(block * each + 1, (block + 1) * each + 1):
            begun = time.perf_counter()
            await insert.fetch(f"n2-1-1475000000.{number}")
            taken.append(time.perf_counter() - begun)
        # The first ones plan anew what the switch made void.
        medians[counted].append(statistics.median(taken[settling:]))
    ratios = [kept / bare for kept, bare in zip(medians[True], medians[False], strict=True)]
    return {
        "insert": round(1000 * statistics.median(medians[True]), 3),
        "bare insert": round(1000 * statistics.median(medians[False]), 3),
        "insert ratio": round(statistics.median(ratios), 2),
        "quartiles": [round(q, 2) for q in statistics.quantiles(ratios, n=4)],
        "inserts": 2 * blocks * (each - settling),
    }


@asynccontextmanager
async def opened(server_url: str, name: str) -> AsyncIterator[tuple[Connection, Databases]]:
    """Give a connection and a pool on a new, migrated database with partitions for all months."""
    first = await connected(server_url)
    await first.execute(f"CREATE DATABASE {name}")
    await first.close()
    url = server_url.rpartition("/")[0] + f"/{name}"
    await migrate(url)
    connection = await asyncpg.connect(url)
    pool = await asyncpg.create_pool(url, min_size=1, max_size=2, command_timeout=1800)
    for month in Period(FIRST, LAST).months:
        await connection.execute("SELECT make_partitions($1)", month)
    await store_network(connection, "national", network("national"), reports_by="requests")
    yield connection, pool
    await pool.close()
    await connection.close()


async def run(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure at every number of rows, then all numbers side by side, then the inserts."""
    sizes = [int(text) for text in arguments.rows.split(",")]
    async with AsyncExitStack() as stack:
        url = stack.enter_context(server(folder))
        found: dict[int, dict[str, Any]] = {}
        connections = []
        for rows in sizes:
            connection, pool = await stack.enter_async_context(opened(url, f"rows_{rows}"))
            connections.append(connection)
            whole = await fill(connection, pool, rows)
            memory = await duck(connection, folder)
            await connection.execute("CHECKPOINT", timeout=600)
            found[rows] = whole | await measure(connection, memory, arguments.rounds)
            found[rows]["server_mb"] = private_mb(connection.get_server_pid())
            memory.close()
            said(f"{rows}: {found[rows]}")
        alone = await months_side_by_side(connections, arguments.rounds)
        for rows, taken in zip(sizes, alone, strict=True):
            found[rows]["month alone"] = taken
        cost = await insert_cost(connections[-1], arguments.blocks)
    most = found[sizes[-1]]
    return {
        "ratio": round(most["month"] / most["month duckdb"], 3),
        "year_ratio": round(most["year"] / most["year duckdb"], 3),
        "scale_ratio": round(most["month alone"] / found[sizes[0]]["month alone"], 2),
        "insert_ratio": cost["insert ratio"],
        "insert_quartiles": cost["quartiles"],
        "goals": GOALS,
        "milliseconds": {str(rows): times for rows, times in found.items()} | {"one": cost},
        "python_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "made_of": "median ms: our two margins fetched / DuckDB's two in memory, interleaved",
    }


def main() -> None:
    """Run and print the figures; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="1000000,10000000")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--blocks", type=int, default=40, help="pairs of blocks of inserts")
    folder = Path(tempfile.mkdtemp(prefix="bench-bulletin-"))
    try:
        print(json.dumps(asyncio.run(run(parser.parse_args(), folder)), ensure_ascii=False))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
