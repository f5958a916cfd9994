from __future__ import annotations

import asyncio

import pytest

from ivr.config import DatabaseSettings
from ivr.console import ask, in_transaction
from ivr.database import Session
from ivr.errors import DatabaseFailed


async def test_work_is_done_in_one_transaction_or_not_at_all(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)

    async def made(connection: Session) -> int:
        await connection.execute("CREATE TABLE made (a int)")
        return 7

    async def torn(connection: Session) -> None:
        await connection.execute("INSERT INTO made VALUES (1)")
        raise LookupError("torn")

    async def count(connection: Session) -> int:
        return int(await connection.fetchval("SELECT count(*) FROM made"))

    assert await asyncio.to_thread(in_transaction, "test", made) == 7
    with pytest.raises(LookupError, match="torn"):
        await asyncio.to_thread(in_transaction, "test", torn)
    assert await asyncio.to_thread(in_transaction, "test", count) == 0


async def test_a_database_that_is_away_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:secret@127.0.0.1:1/none")

    async def nothing(_connection: Session) -> None:
        """Ask nothing."""

    with pytest.raises(DatabaseFailed, match=r"127\.0\.0\.1:1/none") as failed:
        await asyncio.to_thread(in_transaction, "test", nothing)
    assert "secret" not in str(failed.value)


def test_settings_are_handed_to_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_NODE__NAME", "n9")

    async def name(settings: object) -> str:
        return str(settings.node.name)  # type: ignore[attr-defined]  # Settings, in a test of any question

    assert ask(name) == "n9"
