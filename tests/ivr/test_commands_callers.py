"""Callers' flags and harassing callers, as supervisors handle them until they have a desk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import asyncpg
import pytest
import structlog
from typer.testing import CliRunner, Result

from ivr.commands_callers import app
from ivr.config import DatabaseSettings
from ivr.errors import ValueRefused
from ivr.harassment import MarkRefused

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DATABASE_URL", database.url)
    # The log's stream is the runner's, which ends with each command.
    monkeypatch.setattr("ivr.console.configure_logging", lambda **_: None)

    async def invoke(*arguments: str) -> Result:
        with structlog.testing.capture_logs():
            return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))

    return invoke


async def test_a_mark_is_made_listed_confirmed_and_lifted(run: Run) -> None:
    assert (await run("list")).stdout == "none\n"
    made = await run("mark", "02583620521", "--reason", "辱骂", "--by", "a1001")
    assert made.stdout == "mark 1; waits for a second person\n"
    listed = (await run("list")).stdout
    assert "mark 1  025****0521" in listed
    assert "by a1001: 辱骂" in listed
    assert "02583620521" in (await run("list", "--whole")).stdout
    assert isinstance((await run("confirm", "1", "--by", "a1001")).exception, MarkRefused)
    confirmed = await run("confirm", "1", "--by", "zhang")
    assert confirmed.stdout.startswith("level 1 (warned) until ")
    assert "approved by zhang: 辱骂" in (await run("list")).stdout
    assert (await run("lift", "02583620521", "--by", "li")).exit_code == 0
    assert (await run("lift", "02583620521", "--by", "li")).exit_code == 1
    assert (await run("list")).stdout == "none\n"


async def test_a_mark_is_dismissed(run: Run) -> None:
    await run("mark", "02583620521", "--reason", "辱骂", "--by", "a1001")
    assert (await run("dismiss", "1", "--by", "zhang")).exit_code == 0
    assert (await run("list")).stdout == "none\n"


async def test_an_elderly_caller_is_noted_by_flag_or_by_date_of_birth(
    run: Run, connection: Connection
) -> None:
    async def known() -> list[tuple[object, ...]]:
        sql = "SELECT number, elderly, born::text FROM caller_profile"
        return [tuple(row) for row in await connection.fetch(sql)]

    assert (await run("elderly", "+8613800000001")).exit_code == 0
    assert await known() == [("13800000001", True, None)]
    assert (await run("elderly", "13800000001", "--born", "1950-01-31")).exit_code == 0
    assert (await run("elderly", "13800000001", "--no")).exit_code == 0
    assert await known() == [("13800000001", False, "1950-01-31")]
    for wrong in (("",), ("13800000001", "--born", "old")):
        assert isinstance((await run("elderly", *wrong)).exception, ValueRefused)
