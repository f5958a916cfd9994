"""Code of the release before on today's schema, and today's code on that release's schema.

See docs/decisions: from the baseline on, the schema only grows.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiosql
import asyncpg
import pytest

from ivr import folding, intake, lines, messages, records
from ivr.config import DatabaseSettings, Settings
from ivr.database import OUTSIDE_FAILURES, Pool, make_pool
from ivr.folding import Folding
from ivr.intake import Intake
from ivr.migrations import MIGRATIONS, migrate
from ivr.refold import refold
from tests.ivr import cel
from tests.ivr.ledgers import append, settle
from tests.ivr.schemas import broken_promises, first_migrations, read_schema
from tests.ivr.test_fold import transferred

if TYPE_CHECKING:
    from tests.ivr.conftest import Server

    Connection = asyncpg.Connection[asyncpg.Record]

BASELINE = "0008"
OLD_QUERIES = Path(__file__).parents[1] / "data/baseline"
BASELINE_DIGEST = "6dc8a04605bee1fd1e33faead5392956143617555a97473cc88e47f3754b5fa8"
"""SHA-256 of the baseline's migrations, one after the other: they have run, so they stay."""
NUMBERS = sorted(path.name[:4] for path in MIGRATIONS.glob("*.sql"))

_databases = itertools.count(1)


@pytest.fixture
async def empty(postgres: Server) -> AsyncIterator[str]:
    """Address of a database with nothing in it."""
    name = f"empty_{os.getpid()}_{next(_databases)}"
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def old_queries() -> list[tuple[str, Any]]:
    """Every named query of the baseline, by the file it stood in."""
    return [
        (f"{path.parent.name}/{path.name}:{name}", getattr(found, name))
        for path in sorted(OLD_QUERIES.glob("*/*.sql"))
        for found in [aiosql.from_path(path, "asyncpg")]
        for name in found.available_queries
        if not name.endswith("_cursor") or name in {"spool_cursor", "lock_spool_cursor"}
    ]


async def unfit(connection: Connection) -> list[str]:
    """Return the baseline's queries that PostgreSQL refuses on this schema."""
    refused = []
    for name, query in old_queries():
        try:
            await connection.prepare(query.sql)
        except asyncpg.PostgresError as error:
            refused.append(f"{name}: {error}")
    return refused


async def migrated(url: str, folder: Path = MIGRATIONS) -> Connection:
    await migrate(url, folder=folder)
    return await asyncpg.connect(url)


def test_the_baselines_migrations_are_what_they_were(tmp_path: Path) -> None:
    """A database that has run them would never get what is changed in them now."""
    folder = first_migrations(BASELINE, tmp_path / "old")
    texts = [path.read_bytes() for path in sorted(folder.glob("*.sql"))]
    assert len(texts) == int(BASELINE)
    assert hashlib.sha256(b"".join(texts)).hexdigest() == BASELINE_DIGEST


async def test_nothing_that_the_baseline_has_is_taken_away_or_narrowed(
    empty: str, tmp_path: Path
) -> None:
    connection = await migrated(empty, first_migrations(BASELINE, tmp_path / "old"))
    old = await read_schema(connection)
    await migrate(empty)
    assert broken_promises(old, await read_schema(connection)) == []
    await connection.close()


async def test_every_query_of_the_baseline_fits_todays_schema(postgres: Server) -> None:
    connection = await asyncpg.connect(postgres.url("migrated"))
    assert len(old_queries()) > 80
    assert await unfit(connection) == []
    await connection.close()


CAREFUL = """
    ALTER TABLE call ADD COLUMN mood text;
    ALTER TABLE leg ADD COLUMN loudness integer NOT NULL DEFAULT 0 CHECK (loudness >= 0);
    ALTER TABLE leg DROP CONSTRAINT leg_kind_check;
    ALTER TABLE leg ADD CHECK (kind IN ('trunk', 'agent', 'local', 'other') OR kind = 'robot');
    CREATE TABLE weather (day date PRIMARY KEY)"""
CARELESS = {
    "ALTER TABLE spool_line RENAME COLUMN lines TO texts": "spool_line.lines is gone",
    "ALTER TABLE offer DROP COLUMN ring_ms CASCADE": "offer.ring_ms is gone",
    "ALTER TABLE call ALTER COLUMN cause TYPE text": "call.cause was integer and is text",
    "ALTER TABLE fold_due ADD COLUMN why text NOT NULL": "fold_due.why is required",
    "ALTER TABLE call ALTER COLUMN queue SET NOT NULL": "call.queue is required",
    "ALTER TABLE leg ADD CHECK (ring_ms < 9)": "leg has the new rule CHECK ((ring_ms < 9))",
    "ALTER TABLE leg ADD CHECK (position < 9 OR ring_ms < 9)": "leg has the new rule CHECK",
    "CREATE UNIQUE INDEX one ON quarantine (node)": "quarantine has the new rule CREATE UNIQUE",
    "DROP FUNCTION merge_counts()": "function merge_counts() is gone",
    "REVOKE INSERT ON spool_line FROM hotline_ledger": "public.spool_line INSERT is taken away",
}


async def test_a_careful_migration_breaks_no_promise(connection: Connection) -> None:
    old = await read_schema(connection)
    await connection.execute(CAREFUL)
    assert broken_promises(old, await read_schema(connection)) == []


@pytest.mark.parametrize("statement", CARELESS)
async def test_a_careless_migration_is_found_out(statement: str, connection: Connection) -> None:
    old = await read_schema(connection)
    if statement.startswith("ALTER TABLE call ALTER COLUMN cause"):
        await connection.execute("DROP VIEW report.call")
    await connection.execute(statement)
    found = broken_promises(old, await read_schema(connection))
    assert any(CARELESS[statement] in one for one in found)


async def test_a_migration_that_renames_makes_the_baselines_queries_fail(
    connection: Connection,
) -> None:
    await connection.execute("ALTER TABLE queue_visit RENAME COLUMN wait_ms TO waited_ms")
    refused = await unfit(connection)
    assert any("queue_visit" in one and "wait_ms" in one for one in refused)


async def test_the_baselines_statements_store_calls_on_todays_schema(
    pool: Pool, settings: Settings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = aiosql.from_path(OLD_QUERIES / "ivr", "asyncpg")
    for module in (folding, intake, lines, messages):
        monkeypatch.setattr(module, "queries", _falling_back(old, module.queries))
    append(settings, transferred(), cel.abandoned(2), cel.left_in_menu(3), cel.message(4))
    await settle(pool, settings)
    rows = await connection.fetch("SELECT disposition FROM call WHERE final ORDER BY call_id")
    assert [row["disposition"] for row in rows] == [
        "answered",
        "abandoned_in_queue",
        "abandoned_in_menu",
        "voicemail",
    ]
    assert await connection.fetchval("SELECT count(*) FROM leg") == 7
    assert await connection.fetchval("SELECT count(*) FROM message") == 1


class _falling_back:  # noqa: N801 - stands where a function could
    """The baseline's queries, and today's for what the baseline had no statement for."""

    def __init__(self, old: Any, new: Any) -> None:  # noqa: ANN401 - made by aiosql
        self._old = old
        self._new = new

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a query
        return getattr(self._old, name, None) or getattr(self._new, name)


async def test_todays_ledger_on_the_baselines_schema_waits_and_loses_nothing(
    empty: str, settings: Settings, tmp_path: Path
) -> None:
    await migrate(empty, folder=first_migrations(BASELINE, tmp_path / "old"))
    centre = settings.model_copy(update={"database": DatabaseSettings(url=empty, connections=4)})
    calls = [transferred(), cel.abandoned(2), cel.left_in_menu(3)]
    append(centre, *calls)
    async with make_pool(centre.database, purpose="test") as pool:
        taking, folds = Intake(pool, centre), Folding(pool, centre.database)
        while await taking.step():
            pass
        # The ledger takes this for a database that is not there yet, and tries again.
        with pytest.raises(OUTSIDE_FAILURES):
            await folds.step()
    await migrate(empty)
    async with make_pool(centre.database, purpose="test") as pool:
        await settle(pool, centre)
        found = await refold(centre)
        assert (found.calls, found.unlike) == (len(calls), ())
        async with pool.acquire() as own:
            assert await records.load_call(own, calls[0].call_id)


async def test_a_migration_cut_off_at_any_number_is_resumed(
    empty: str, postgres: Server, tmp_path: Path
) -> None:
    """The server ends the session just before each migration would commit."""
    for number in NUMBERS:
        folder = first_migrations(number, tmp_path / number)
        [path] = folder.glob(f"{number}_*.sql")
        with path.open("a", encoding="utf-8") as migration:
            migration.write("\nSELECT pg_terminate_backend(pg_backend_pid());\n")
        with pytest.raises(Exception, match=r"terminat|closed"):
            await migrate(empty, folder=folder)
        again = first_migrations(number, tmp_path / f"{number}-whole")
        assert await migrate(empty, folder=again) == [number]
    resumed = await asyncpg.connect(empty)
    straight = await asyncpg.connect(postgres.url("migrated"))
    assert await read_schema(resumed) == await read_schema(straight)
    await resumed.close()
    await straight.close()


SLEEPING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep'"""


async def test_a_migration_whose_process_is_killed_is_resumed(empty: str, tmp_path: Path) -> None:
    folder = first_migrations("0009", tmp_path / "old")
    [path] = folder.glob("0009_*.sql")
    whole = path.read_text(encoding="utf-8")
    path.write_text(
        f"{whole}\nSELECT set_config('hotline.step', 'reached', false), pg_sleep(60);\n"
    )
    code = f"""
        import asyncio, pathlib
        from ivr.migrations import migrate
        asyncio.run(migrate({empty!r}, folder=pathlib.Path({str(folder)!r})))
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])  # noqa: ASYNC220 - started and not waited for
    connection = await asyncpg.connect(empty)
    while not await connection.fetchval(f"SELECT count(*) FROM ({SLEEPING}) AS found"):  # noqa: S608 - a constant
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    # As TCP would find out in its own time.
    await connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({SLEEPING}) AS found")  # noqa: S608 - a constant
    path.write_text(whole, encoding="utf-8")
    assert await migrate(empty, folder=folder) == ["0009"]
    assert await migrate(empty) == NUMBERS[9:]
    await connection.close()
