from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.config import DatabaseSettings
from ivr.database import migrate, queries
from ivr.errors import DefinitionInvalid
from ivr.log import mask_number

if TYPE_CHECKING:
    from tests.ivr.conftest import Server

    Connection = asyncpg.Connection[asyncpg.Record]

PARTITIONED = {
    "call",
    "leg",
    "menu_step",
    "offer",
    "queue_visit",
    "recording",
    "request",
    "spool_line",
}


def _every_query() -> list[str]:
    return [name for name in queries.available_queries if not name.endswith("_cursor")]


@pytest.mark.parametrize("name", _every_query())
async def test_every_query_fits_the_schema_and_is_described(
    name: str, connection: Connection
) -> None:
    query = getattr(queries, name)
    await connection.prepare(query.sql)
    assert query.__doc__


async def test_migrating_again_changes_nothing(database: DatabaseSettings) -> None:
    assert await migrate(database.url) == []


async def test_two_migrations_at_once_end_as_one(postgres: Server) -> None:
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute("CREATE DATABASE twice")
    ran = await asyncio.gather(*(migrate(postgres.url("twice")) for _ in range(3)))
    assert sorted(len(numbers) for numbers in ran)[:2] == [0, 0]
    assert max(ran, key=len)[0] == "0001"
    await admin.execute("DROP DATABASE twice")
    await admin.close()


async def test_a_migration_that_fails_leaves_nothing_and_is_resumed(
    postgres: Server, tmp_path: Path
) -> None:
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute("CREATE DATABASE broken")
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first (a int);")
    second = tmp_path / "0002_second.sql"
    second.write_text("CREATE TABLE second (a int); SELECT 1/0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(postgres.url("broken"), folder=tmp_path)
    connection = await asyncpg.connect(postgres.url("broken"))
    assert await connection.fetchval("SELECT to_regclass('first') IS NOT NULL")
    assert await connection.fetchval("SELECT to_regclass('second') IS NULL")
    second.write_text("CREATE TABLE second (a int);")
    assert await migrate(postgres.url("broken"), folder=tmp_path) == ["0002"]
    await connection.close()
    await admin.execute("DROP DATABASE broken")
    await admin.close()


async def test_a_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0002_second.sql").write_text("SELECT 1;")
    with pytest.raises(DefinitionInvalid, match="expected 0001_"):
        await migrate("postgresql://127.0.0.1:1/none", folder=tmp_path)


async def test_what_grows_with_calls_is_partitioned_by_month(connection: Connection) -> None:
    found = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace"
    )
    assert {row["relname"] for row in found} == PARTITIONED
    await queries.make_partitions(connection, month=date(2031, 12, 31))
    await queries.make_partitions(connection, month=date(2031, 12, 1))
    bounds = await connection.fetchval(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'call_2031_12'"
    )
    assert "2031-12-01 00:00:00+08" in bounds
    assert "2032-01-01 00:00:00+08" in bounds


async def test_a_call_is_single_across_partitions(connection: Connection) -> None:
    """The month follows from the call's own id, so no second row fits anywhere."""
    await queries.make_partitions(connection, month=date(2026, 11, 1))
    await queries.make_partitions(connection, month=date(2026, 12, 1))
    line = "INSERT INTO spool_line VALUES ($1, 'n1-7-1795000000.1', 1, 0, '{}')"
    right = datetime.fromtimestamp(1_795_000_000, UTC)
    await connection.execute(line, right)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute(line, right)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(line, datetime(2026, 12, 2, tzinfo=UTC))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(number=st.text(alphabet="0123456789+-() ", max_size=20))
async def test_the_database_masks_numbers_as_the_log_does(
    number: str, connection: Connection
) -> None:
    assert await connection.fetchval("SELECT masked_number($1)", number) == mask_number(number)
