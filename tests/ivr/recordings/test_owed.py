"""Which talk owes a recording: the alarm, the empty file, and `verify` draw the same line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from structlog.testing import capture_logs

from ivr.config import Settings
from ivr.database import Pool
from ivr.recordings.owed import KILLED_MS, TALK_MS
from ivr.recordings.sweeper import Sweeper
from ivr.verify import verify
from tests.ivr import cel
from tests.ivr.ledgers import took
from tests.ivr.recordings.test_sweeper import age_empty

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

CASES = {
    (1, "answered"): False,
    (TALK_MS - 1, "answered"): False,
    (TALK_MS, "answered"): True,
    (TALK_MS, "engine_lost"): False,
    (KILLED_MS - 1, "engine_lost"): False,
    (KILLED_MS, "engine_lost"): True,
}
"""Talks by length and end, and whether each owes a recording."""


async def over_for_a_while(connection: Connection, talk: tuple[int, str]) -> None:
    await connection.execute(
        "UPDATE call SET started_at = now() - interval '1 h', ended_at = now() - interval '11 min',"
        " talk_ms = $1, disposition = $2",
        *talk,
    )


@pytest.mark.parametrize("talk", CASES)
async def test_a_talk_of_a_few_packets_raises_no_alarm_and_is_counted_apart(
    talk: tuple[int, str], pool: Pool, settings: Settings, connection: Connection
) -> None:
    owes = CASES[talk]
    await took(pool, settings, cel.answered())
    await over_for_a_while(connection, talk)
    asked = {found.name: found for found in await verify(settings)}
    assert (
        asked["conversations and messages not asked for their recording"].violations,
        asked["talks too short to have left a sound"].checked,
    ) == (owes, not owes)
    with capture_logs() as logged:
        await Sweeper(pool, settings).look_for_missing()
    assert [entry["event"] for entry in logged] == ["recording.missing"] * owes
    found = {found.name: found for found in await verify(settings)}
    assert found["conversations without a recording"].violations == owes
    assert found["talks too short to have left a sound"].checked == (not owes)
    assert found["talks too short to have left a sound"].holds


@pytest.mark.parametrize("talk", CASES)
async def test_an_empty_file_stays_as_evidence_only_where_there_must_be_sound(
    talk: tuple[int, str], pool: Pool, settings: Settings, connection: Connection
) -> None:
    call = cel.answered()
    await took(pool, settings, call)
    await over_for_a_while(connection, talk)
    file = age_empty(settings, call)
    assert await Sweeper(pool, settings).step() == 0
    assert file.exists() == CASES[talk]
