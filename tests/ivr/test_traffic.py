"""Stored traffic by half-hour: whole days, the centre's clock, each call once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from ivr.config import REPOSITORY, Settings
from ivr.database import Pool
from ivr.traffic import HalfHour, load_traffic
from tests.ivr import cel
from tests.ivr.ledgers import took

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

TODAY = date(2026, 11, 19)
EVENING = int(datetime(2026, 11, 18, 11, 31, tzinfo=UTC).timestamp())
"""19:31 in the centre."""


async def test_calls_are_counted_in_the_half_hour_of_the_centres_clock(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    calls = [cel.answered(n, talk=60 * n, second=EVENING + n) for n in (1, 2, 3)]
    await took(pool, settings, *calls)
    (half_hour,) = await load_traffic(connection, "consult", days=2, today=TODAY)
    assert (half_hour.number, half_hour.begins) == (39, "19:30")
    assert half_hour.calls_a_day == 1.5
    assert half_hour.talk_seconds == pytest.approx(120, abs=1)


async def test_today_is_not_a_whole_day_and_does_not_count(
    pool: Pool, settings: Settings, connection: Connection
) -> None:
    await took(pool, settings, cel.answered(1, second=EVENING))
    assert await load_traffic(connection, "consult", days=7, today=date(2026, 11, 18)) == []
    assert await load_traffic(connection, "psych", days=7, today=TODAY) == []


def test_the_load_of_a_half_hour_has_the_work_after_the_call() -> None:
    load = HalfHour(18, 100.0, 150.0).load(30.0)
    assert (load.calls, load.interval_seconds, load.handling_seconds) == (100, 1_800, 180)
    assert load.erlangs == 10


async def test_the_command_prints_the_agents_needed(pool: Pool, settings: Settings) -> None:
    calls = [cel.answered(n, talk=150, second=_yesterday() + n) for n in range(1, 31)]
    await took(pool, settings, *calls)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ivr", "staff", "consult", "--days", "1"],
        cwd=REPOSITORY,
        env={"PATH": os.defpath, "DATABASE_URL": settings.database.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    _header, line = done.stdout.splitlines()
    # 30 calls of 180 s in half an hour are 3 erlangs; Erlang C asks for 5 agents at 80 % in 15 s.
    assert line.split()[:4] == ["10:00", "30.0", "150", "5"]


def _yesterday() -> int:
    centre = ZoneInfo("Asia/Shanghai")
    today = datetime.now(centre).replace(hour=10, minute=0, second=0, microsecond=0)
    return int((today - timedelta(days=1)).timestamp())
