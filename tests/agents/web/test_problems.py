"""Refusals and failures: one shape, and nothing of how we are made."""

from __future__ import annotations

import re
import socket

import pytest

from agents.roles import Role
from agents.web.problems import Refused
from ivr.config import DatabaseSettings
from ivr.database import Pool
from tests.agents.conftest import Desk

TELLTALE = re.compile(
    r"Traceback|File \"|SELECT|INSERT|asyncpg|aiohttp|python|redis|/work|/usr|\.py\b", re.IGNORECASE
)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PATCH", "/session", 405),
        ("GET", "/users", 403),
        ("GET", "/calls/x", 400),
        ("GET", "/articles/99999999999999999999", 400),
        ("PUT", "/presence", 400),
    ],
)
async def test_every_refusal_has_the_one_shape(
    desk: Desk, method: str, path: str, status: int
) -> None:
    await desk.enter()
    async with await desk.ask(method, path, {}) as answer:
        assert answer.status == status
        text = await answer.text()
        assert set(await answer.json()) == {"code", "message", "fields"}
        assert not TELLTALE.search(text)


async def test_a_failure_of_ours_tells_nothing(desk: Desk, pool: Pool) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    await pool.execute("ALTER TABLE user_account RENAME COLUMN name TO nameless")
    async with await desk.ask("GET", "/users") as answer:
        assert answer.status == 500
        assert not TELLTALE.search(await answer.text())
        assert (await answer.json())["code"] == "failed"


async def test_while_the_database_is_away_nobody_is_let_in_or_told_why(desk: Desk) -> None:
    session = await desk.enter()
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{door.getsockname()[1]}/nothing"
        away = DatabaseSettings(url=url, acquire_seconds=0.5)
        async with desk.again(database=away) as other:
            other.present(session)
            async with await other.ask("GET", "/drafts") as answer:
                assert answer.status == 503
                assert answer.headers["Retry-After"]
                assert not TELLTALE.search(await answer.text())
            body = {"person": "a1001", "password": "x" * 12}
            async with await other.ask("POST", "/login", body, key=None) as answer:
                assert answer.status == 503


def test_a_refusal_says_the_usual_words_of_its_status() -> None:
    assert Refused(404).status == 404
    assert "没有找到" in str(Refused(404).text)
    assert Refused(429, retry_seconds=7).headers["Retry-After"] == "7"
