from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ivr.config import DatabaseSettings, Settings
from ivr.database import SQL, Pool, make_pool, queries
from ivr.log import mask_number
from ivr.recordings.sweeper import Sweeper
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_sweeper import recorded

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
    """Return the names as they are written: of two of one name aiosql keeps the last in silence."""
    blocks = [b for p in SQL.glob("*.sql") for b in p.read_text("utf-8").split("-- name: ")[1:]]
    return [re.split(r"\W", block, maxsplit=1)[0] for block in blocks]


def test_every_query_has_a_name_of_its_own() -> None:
    assert sorted(_every_query()) == sorted(set(_every_query()))


@pytest.mark.parametrize("name", sorted(set(_every_query())))
async def test_every_query_fits_the_schema_and_is_described(name: str, postgres: Server) -> None:
    connection = await asyncpg.connect(postgres.url("migrated"))  # nothing is written
    query = getattr(queries, name)
    try:
        await connection.prepare(query.sql)
    finally:
        await connection.close()
    assert query.__doc__


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


@examples(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(number=st.text(alphabet="0123456789+-() ", max_size=20))
async def test_the_database_masks_numbers_as_the_log_does(
    number: str, connection: Connection
) -> None:
    assert await connection.fetchval("SELECT masked_number($1)", number) == mask_number(number)


ALLOWED = {
    "hotline_ledger": [
        "SELECT count(*) FROM spool_line",
        "INSERT INTO quarantine (node, file_id, position, reason, content) SELECT '', 1, 0, '', ''",
        # The certificate of a deletion stands or falls with it.
        "INSERT INTO audit (actor, action, object, detail) VALUES ('a', 'b', 'c', '{}')",
    ],
    "hotline_report": ["SELECT caller FROM report.call"],
    "hotline_audit": [
        "INSERT INTO audit (actor, action, object, detail) VALUES ('a', 'listen', 'c', '{}')"
    ],
}
FORBIDDEN = {
    "hotline_ledger": [
        "UPDATE spool_line SET lines = ''",
        "DELETE FROM spool_line",
        "DELETE FROM quarantine",
        "DELETE FROM call",
        "SELECT * FROM audit",
        "UPDATE audit SET actor = 'someone else'",
        "DELETE FROM audit",
        "CREATE TABLE mine (a int)",
    ],
    "hotline_report": ["SELECT caller FROM public.call", "SELECT lines FROM spool_line"],
    "hotline_audit": [
        "SELECT * FROM audit",
        "UPDATE audit SET actor = 'someone else'",
        "DELETE FROM audit",
        "INSERT INTO audit (actor, action, object, detail, hash) VALUES ('', '', '', '{}', '')",
        "SELECT caller FROM report.call",
    ],
}


@pytest.mark.parametrize(
    ("role", "statement"), [(role, one) for role, all_ in ALLOWED.items() for one in all_]
)
async def test_a_role_may_do_its_work(role: str, statement: str, connection: Connection) -> None:
    await connection.execute(f"SET ROLE {role}")
    await connection.execute(statement)


@pytest.mark.parametrize(
    ("role", "statement"), [(role, one) for role, all_ in FORBIDDEN.items() for one in all_]
)
async def test_a_role_may_do_nothing_else(
    role: str, statement: str, connection: Connection
) -> None:
    await connection.execute(f"SET ROLE {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"]
)
async def test_not_even_the_owner_rewrites_the_audit(
    statement: str, connection: Connection
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="insert only"):
        await connection.execute(statement)


async def test_the_audit_is_chained_without_gaps_whoever_writes_at_once(
    database: DatabaseSettings, connection: Connection
) -> None:
    async def write() -> None:
        own = await asyncpg.connect(database.url)
        for _ in range(5):
            await own.execute(
                "INSERT INTO audit (actor, action, object, detail) VALUES ('a', 'b', 'c', '{}')"
            )
        await own.close()

    await asyncio.gather(*(write() for _ in range(4)))
    rows = await connection.fetch("SELECT seq, prev_hash, hash FROM audit ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, 21))
    assert [row["prev_hash"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]


async def test_reports_show_no_whole_number(pool: Pool, settings: Settings) -> None:
    await took(pool, settings, cel.answered())
    async with pool.acquire() as reader, reader.transaction():
        await reader.execute("SET LOCAL ROLE hotline_report")
        assert await reader.fetchval("SELECT caller FROM report.call") == "138****1234"


async def test_the_ledger_needs_no_more_than_its_role(
    settings: Settings, connection: Connection
) -> None:
    least = settings.database.model_copy(
        update={"url": f"{settings.database.url}?role=hotline_ledger"}
    )
    call = cel.answered()
    recorded(settings, f"{call.call_id}.raw")
    async with make_pool(least, purpose="test") as pool:
        await took(pool, settings, call, cel.Journal(2, second=4_000_000_000).begins())
        sweeper = Sweeper(pool, settings)
        assert await sweeper.step() == 1
        await sweeper.look_for_missing()
        async with pool.acquire() as own:
            assert await own.fetchval("SELECT current_user") == "hotline_ledger"
            await queries.make_partitions_ahead(own, months=5)
            await queries.mark_lost_calls_due(own)
        # A failover has lost the row; the file lies in the archive, and the call ended a while ago.
        await connection.execute("DELETE FROM recording")
        await connection.execute(
            "UPDATE call SET started_at = now() - interval '1 h',"
            " ended_at = now() - interval '11 min' WHERE final"
        )
        await sweeper.look_for_missing()
    assert await connection.fetchval("SELECT state FROM recording") == "kept"
