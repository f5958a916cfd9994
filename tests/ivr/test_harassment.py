"""Marks, judgements and blocks in a real PostgreSQL, which keeps the rules as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr.harassment import MarkRefused, confirm, dismiss, lift, mark
from ivr.screening import Level

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

NUMBER = "02500000001"
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


async def marked(connection: Connection, number: str = NUMBER) -> int:
    return await mark(
        connection, number, by="a1001", reason="辱骂咨询员", call_id="n1-1-1763785000.1"
    )


async def level(connection: Connection, number: str = NUMBER) -> int:
    return int(
        await connection.fetchval(
            "SELECT coalesce(max(level), 0) FROM caller_block"
            " WHERE number = $1 AND lifted_at IS NULL",
            number,
        )
    )


async def test_a_mark_alone_changes_nothing(connection: Connection) -> None:
    for _ in range(9):
        await marked(connection)
    assert await level(connection) == 0


async def test_a_second_person_confirms_and_the_entry_carries_everything(
    connection: Connection,
) -> None:
    number = await marked(connection)
    block = await confirm(connection, number, by="zhang", now=lambda: NOW)
    assert block.level is Level.WARNED
    row = await connection.fetchrow("SELECT * FROM caller_block")
    assert row is not None
    assert (row["reason"], row["marked_by"], row["approved_by"]) == ("辱骂咨询员", "a1001", "zhang")
    assert row["expires_at"] == NOW + timedelta(days=7)
    actions = [r["action"] for r in await connection.fetch("SELECT action FROM audit ORDER BY seq")]
    assert actions == ["harassment.mark", "harassment.confirm"]
    assert NUMBER not in str(await connection.fetch("SELECT * FROM audit"))


async def test_five_confirmed_within_a_week_hold_and_one_more_bars(connection: Connection) -> None:
    clock = [NOW + timedelta(days=day) for day in range(6)][::-1]
    levels = []
    while clock:
        block = await confirm(connection, await marked(connection), by="zhang", now=clock.pop)
        levels.append(int(block.level))
    assert levels == [1, 1, 1, 1, 2, 3]


@pytest.mark.parametrize("judge", ["a1001", "A1001", ""])
async def test_who_marked_neither_confirms_nor_dismisses(
    connection: Connection, judge: str
) -> None:
    number = await marked(connection)
    with pytest.raises(MarkRefused, match="second person"):
        await confirm(connection, number, by=judge)
    with pytest.raises(MarkRefused, match="second person"):
        await dismiss(connection, number, by=judge)
    assert await level(connection) == 0


async def test_the_database_itself_refuses_one_person_and_a_block_without_an_end(
    connection: Connection,
) -> None:
    number = await marked(connection)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "UPDATE harassment_mark"
            " SET state = 'confirmed', judged_by = marked_by, judged_at = now()"
        )
    for end in (None, datetime.now(UTC) + timedelta(days=8), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute(
                "INSERT INTO caller_block (mark_id, number, level, reason, marked_by, approved_by,"
                " begins_at, expires_at) VALUES ($1, '1234567', 2, 'x', 'a', 'b', now(), $2)",
                number,
                end,
            )


async def test_a_mark_is_judged_once(connection: Connection) -> None:
    number = await marked(connection)
    await dismiss(connection, number, by="zhang")
    with pytest.raises(MarkRefused, match="open mark"):
        await confirm(connection, number, by="zhang")
    with pytest.raises(MarkRefused, match="open mark"):
        await confirm(connection, 999, by="zhang")
    assert await level(connection) == 0


@pytest.mark.parametrize("withheld", ["", "anonymous", "unknown", "0"])
async def test_a_withheld_number_cannot_be_marked(connection: Connection, withheld: str) -> None:
    with pytest.raises(MarkRefused, match="withheld"):
        await marked(connection, withheld)


async def test_a_mark_needs_a_reason_and_a_person(connection: Connection) -> None:
    with pytest.raises(MarkRefused, match="reason"):
        await mark(connection, NUMBER, by="a1001", reason=" ")
    with pytest.raises(MarkRefused, match="reason"):
        await mark(connection, NUMBER, by="", reason="辱骂")


async def test_a_block_is_lifted_whatever_way_the_number_is_written(connection: Connection) -> None:
    await confirm(connection, await marked(connection, "13800000001"), by="zhang")
    assert await lift(connection, "+8613800000001", by="li") == 1
    assert await level(connection, "13800000001") == 0
    assert await lift(connection, "13800000001", by="li") == 0
    assert (
        await connection.fetchval("SELECT count(*) FROM audit WHERE action = 'harassment.lift'")
        == 1
    )
