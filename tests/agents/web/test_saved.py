"""What an agent saved is saved: the server killed at each boundary of a save, and sent again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import ClientError

from ivr.config import REPOSITORY
from ivr.database import Pool
from tests.agents.conftest import Desk, record_call
from tests.agents.web.test_forms import RABIES, save

PLACES = {"change.begun": 0, "change.made": 0, "change.commit.before": 0, "change.commit.after": 1}
"""Where it dies, and how many forms a look straight afterwards finds."""


@asynccontextmanager
async def doomed(desk: Desk, place: str) -> AsyncIterator[tuple[Desk, asyncio.subprocess.Process]]:
    """Serve the same people from a process that dies at `place`."""
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "tests.agents.web.doomed"),
        place,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": desk.settings.database.url,
            "REDIS_URL": desk.settings.redis.url,
            "HOTLINE_WEB__PORT": "0",
            "HOTLINE_WEB__SUGGESTIONS": "false",
        },
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            port = b""
            while not port.strip().isdigit():  # log lines may come first
                port = await process.stdout.readline()
                assert port, "it ended before it served"
        yield replace(desk, port=int(port)), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize(("place", "at_once"), PLACES.items())
async def test_a_form_whose_server_died_is_there_once_when_it_is_sent_again(
    desk: Desk, pool: Pool, place: str, at_once: int
) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    async with doomed(desk, place) as (dying, process):
        with pytest.raises(ClientError):
            await save(dying, call_id, RABIES, key="k" * 16)
        async with asyncio.timeout(20):
            assert await process.wait() == -signal.SIGKILL
    sql = "SELECT count(*) FROM request WHERE call_id = $1"
    assert await pool.fetchval(sql, call_id) == at_once
    for _ in range(2):
        status, _answer = await save(desk, call_id, RABIES, key="k" * 16)
        assert status == 201
    assert await pool.fetchval(sql, call_id) == 1
