from __future__ import annotations

import asyncio
import tomllib
from datetime import date
from typing import TYPE_CHECKING

import asyncpg
import pytest
from structlog.testing import capture_logs

from ivr.config import REPOSITORY
from ivr.database import Pool
from ivr.menu.turn import Found, NotFound, Say, Unavailable
from ivr.progress import find_progress, told

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


async def order(
    connection: Connection,
    number: str = "20261118483920",
    contact: str | None = "13800007788",
    **columns: object,
) -> None:
    values = {"number": number, "contact": contact, "state": "accepted", **columns}
    places = ", ".join(f"${at}" for at in range(1, len(values) + 1))
    sql = f"INSERT INTO work_order ({', '.join(values)}) VALUES ({places})"  # noqa: S608 - our own columns
    await connection.execute(sql, *values.values())


async def test_only_state_and_next_date_are_told(connection: Connection, pool: Pool) -> None:
    await order(connection, state="in_progress", next_date=date(2026, 12, 1))
    found = await find_progress(pool, ("483920", "7788"))
    next_step = Say("p_wo_next", (("date", "2026-12-01"),))
    assert found == Found((Say("p_wo_in_progress"), next_step))
    await connection.execute("UPDATE work_order SET state = 'closed', next_date = NULL")
    assert await find_progress(pool, ("483920", "7788")) == Found((Say("p_wo_closed"),))
    assert await connection.fetchval("SELECT closed_at IS NOT NULL FROM work_order")


@pytest.mark.parametrize(
    "entered",
    [("483920", "7789"), ("483921", "7788"), ("48392", "7788"), ("483920",), ("483920", "%"), ()],
)
async def test_nothing_is_told_to_who_does_not_know_both(
    connection: Connection, pool: Pool, entered: tuple[str, ...]
) -> None:
    await order(connection)
    assert await find_progress(pool, entered) == NotFound()


async def test_anonymous_and_confidential_orders_are_told_to_nobody(
    connection: Connection, pool: Pool
) -> None:
    await order(connection, contact=None)
    await order(connection, number="20261118000001", confidential=True)
    assert await find_progress(pool, ("483920", "7788")) == NotFound()
    assert await find_progress(pool, ("000001", "7788")) == NotFound()


async def test_digits_that_fit_two_orders_are_for_a_person(
    connection: Connection, pool: Pool
) -> None:
    await order(connection)
    await order(connection, number="20251118483920")
    assert await find_progress(pool, ("483920", "7788")) == Unavailable()


async def test_without_a_database_a_person_helps_and_no_digit_is_logged(pool: Pool) -> None:
    await pool.close()
    with capture_logs() as logged:
        assert await find_progress(pool, ("483920", "7788")) == Unavailable()
    assert [entry["event"] for entry in logged] == ["progress.unavailable"]
    assert "483920" not in str(logged)
    assert "7788" not in str(logged)


async def test_a_slow_database_is_not_waited_for(connection: Connection, pool: Pool) -> None:
    await connection.execute("BEGIN")
    await connection.execute("LOCK TABLE work_order")
    async with asyncio.timeout(10):  # the pool's own deadline is half a minute
        assert await find_progress(pool, ("483920", "7788"), seconds=0.2) == Unavailable()
    await connection.execute("ROLLBACK")


async def test_the_bridge_may_ask_and_may_not_read(connection: Connection) -> None:
    await order(connection)
    await connection.execute("SET ROLE hotline_bridge")
    rows = await connection.fetch("SELECT * FROM work_order_progress('483920', '7788')")
    assert [row["state"] for row in rows] == ["accepted"]
    for sql in ("SELECT * FROM work_order", "UPDATE work_order SET state = 'closed'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(sql)
    await connection.execute("RESET ROLE")
    await connection.execute("SET ROLE hotline_report")
    shown = await connection.fetchrow("SELECT * FROM report.work_order")
    assert shown is not None
    assert shown["contact"] == "138****7788"


async def test_every_state_has_its_sentence_in_each_language(connection: Connection) -> None:
    prompts = tomllib.loads((REPOSITORY / "dialplans/prompts.toml").read_text("utf-8"))["prompts"]
    rows = await connection.fetch("SELECT state, name FROM work_order_state")
    assert len(rows) == 14
    for row in rows:
        (say,) = told(row["state"], None)
        assert prompts[say.key]["zh"]
        assert prompts[say.key]["en"]
    spoken = {key for key in prompts if key.startswith("p_wo_")} - {"p_wo_next"}
    assert spoken == {f"p_wo_{row['state']}" for row in rows}
