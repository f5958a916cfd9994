from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr import lines
from ivr.config import DatabaseSettings
from ivr.database import queries
from ivr.lines import Stretch, mark_due, month_of, opened_at
from tests.ivr import cel

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

NOVEMBER = date(2026, 11, 1)


async def stored(connection: Connection, stretch: Stretch, *known: date) -> dict[str, str]:
    for month in known:
        await queries.make_partitions(connection, month=month)
    await stretch.store(connection, 1, set(known))
    rows = await connection.fetch("SELECT call_id, lines FROM spool_line")
    return {row["call_id"]: row["lines"] for row in rows}


def test_the_month_of_a_call_is_the_centres() -> None:
    """A minute past midnight in Shanghai is still the month before in UTC."""
    second = int(datetime(2026, 11, 30, 16, 1, tzinfo=UTC).timestamp())
    assert month_of(f"n1-7-{second}.1") == date(2026, 12, 1)
    assert opened_at(f"n1-7-{second}.1") == datetime(2026, 11, 30, 16, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="1795000000"):
        opened_at("1795000000.1")


async def test_the_lines_of_a_call_are_stored_together_in_their_order(
    connection: Connection,
) -> None:
    first, second = cel.answered(1), cel.abandoned(2)
    mixed = [line for pair in zip(first.lines, second.lines, strict=False) for line in pair]
    data = "".join(line + "\n" for line in mixed).encode()
    stretch = Stretch(data, 500, complete=False)
    count = len(second.lines)
    assert await stored(connection, stretch, NOVEMBER) == {
        first.call_id: "\n".join(first.lines[:count]),
        second.call_id: "\n".join(second.lines),
    }
    assert stretch.ended == {first.call_id: False, second.call_id: True}
    assert stretch.position == 500 + len(data)
    position = await connection.fetchval("SELECT position FROM spool_line WHERE call_id LIKE '%.1'")
    assert position == 500


async def test_what_json_may_hold_reaches_the_table_unchanged(connection: Connection) -> None:
    line = cel.Journal().says("RATING", "1").lines[0]
    odd = line.replace('"from-trunk"', r'"\\ \" \u0000 \n 您好"') + "\t\r"
    stretch = Stretch(odd.encode() + b"\n", 0, complete=False)
    assert list((await stored(connection, stretch, NOVEMBER)).values()) == [odd]


async def test_a_backlog_is_understood_piece_by_piece(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_PIECE_BYTES", 70_000)
    calls = [cel.answered(number) for number in range(1, 60)]
    data = "".join(call.text() for call in calls).encode()
    stretch = Stretch(data, 0, complete=False)
    assert stretch.position < len(data)
    await stored(connection, stretch, NOVEMBER)
    assert stretch.position == len(data)
    assert len(stretch.ended) == len(calls)
    rows = await connection.fetch("SELECT lines FROM spool_line ORDER BY position")
    assert sorted("\n".join(row["lines"] for row in rows).split("\n")) == sorted(
        data.decode().splitlines()
    )


async def test_a_month_without_partitions_waits_for_the_next_stretch(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_PIECE_BYTES", 70_000)
    now = "".join(cel.answered(number).text() for number in range(1, 20))
    later = cel.answered(99, second=4_000_000_000).text()
    stretch = Stretch((now + later).encode(), 0, complete=False)
    assert stretch.months == {NOVEMBER}
    await stored(connection, stretch, NOVEMBER)
    assert 0 < stretch.position < len(now)
    rest = Stretch((now + later).encode()[stretch.position :], stretch.position, complete=False)
    assert rest.months == {NOVEMBER, date(2096, 10, 1)}


async def test_lines_that_are_being_stored_keep_their_call_from_being_folded_without_them(
    connection: Connection, database: DatabaseSettings
) -> None:
    """The row of a call that is due already is held until its new lines can be seen."""
    await mark_due(connection, {"n1-7-1795000000.1": True})
    other = await asyncpg.connect(database.url)
    everything = {"patience": timedelta(0), "most": 10}
    async with connection.transaction():
        await mark_due(connection, {"n1-7-1795000000.1": False})
        assert [row async for row in queries.take_due(other, **everything)] == []
    assert len([row async for row in queries.take_due(other, **everything)]) == 1
    await other.close()


async def test_a_call_stays_due_as_ended_whatever_comes_after(connection: Connection) -> None:
    await mark_due(connection, {"n1-7-1795000000.1": False})
    await mark_due(connection, {"n1-7-1795000000.1": True})
    await mark_due(connection, {"n1-7-1795000000.1": False, "n1-8-1795000000.2": False})
    rows = await connection.fetch("SELECT call_id, ended FROM fold_due ORDER BY call_id")
    assert [tuple(row) for row in rows] == [
        ("n1-7-1795000000.1", True),
        ("n1-8-1795000000.2", False),
    ]
    boots = await connection.fetch("SELECT boot FROM engine_boot ORDER BY boot")
    assert [row["boot"] for row in boots] == [7, 8]
