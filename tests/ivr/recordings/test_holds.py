from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr.config import Settings
from ivr.database import Pool
from ivr.errors import ValueRefused
from ivr.recordings.holds import release_hold, set_hold
from tests.ivr import cel
from tests.ivr.ledgers import took

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

CALL = cel.answered().call_id


@pytest.fixture(autouse=True)
async def _known(pool: Pool, settings: Settings) -> None:
    await took(pool, settings, cel.answered())


async def test_a_hold_is_set_and_released_once_each_with_who_and_why(
    connection: Connection,
) -> None:
    assert await set_hold(connection, CALL, reason="court", person="s1")
    assert not await set_hold(connection, CALL, reason="again", person="s2")
    assert await release_hold(connection, CALL, reason="closed", person="s2")
    assert not await release_hold(connection, CALL, reason="again", person="s2")
    assert await set_hold(connection, CALL, reason="second", person="s1")
    rows = await connection.fetch(
        "SELECT reason, set_by, release_reason, released_by FROM recording_hold ORDER BY hold_id"
    )
    assert [tuple(row) for row in rows] == [
        ("court", "s1", "closed", "s2"),
        ("second", "s1", None, None),
    ]
    audit = await connection.fetch("SELECT actor, action, object FROM audit ORDER BY seq")
    assert [tuple(row) for row in audit] == [
        ("s1", "recording.held", CALL),
        ("s2", "recording.released", CALL),
        ("s1", "recording.held", CALL),
    ]


@pytest.mark.parametrize(
    ("call_id", "reason"),
    [
        (CALL, ""),
        (CALL, "  "),
        (CALL, "x" * 501),
        ("n1-7-1795000000.99", "court"),
        ("../etc/passwd", "court"),
    ],
)
async def test_a_hold_needs_a_call_and_a_reason(
    connection: Connection, call_id: str, reason: str
) -> None:
    with pytest.raises(ValueRefused):
        await set_hold(connection, call_id, reason=reason, person="s1")
    with pytest.raises(ValueRefused):
        await release_hold(connection, call_id, reason=reason, person="s1")
    assert await connection.fetchval("SELECT count(*) FROM audit") == 0
