from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr.config import DatabaseSettings
from ivr.errors import DefinitionInvalid
from ivr.migrations import migrate

if TYPE_CHECKING:
    from tests.ivr.conftest import Server


async def test_migrating_again_changes_nothing(database: DatabaseSettings) -> None:
    assert await migrate(database.url) == []


async def test_two_migrations_at_once_end_as_one(postgres: Server) -> None:
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute("CREATE DATABASE twice")
    ran = await asyncio.gather(*(migrate(postgres.url("twice")) for _ in range(3)))
    assert sorted(len(numbers) for numbers in ran)[:2] == [0, 0]
    assert max(ran, key=len)[0] == "0001"
    await admin.execute("DROP DATABASE twice")
    await admin.close()


async def test_a_migration_that_fails_leaves_nothing_and_is_resumed(
    postgres: Server, tmp_path: Path
) -> None:
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute("CREATE DATABASE broken")
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE first (a int);")
    second = tmp_path / "0002_second.sql"
    second.write_text("CREATE TABLE second (a int); SELECT 1/0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(postgres.url("broken"), folder=tmp_path)
    connection = await asyncpg.connect(postgres.url("broken"))
    assert await connection.fetchval("SELECT to_regclass('first') IS NOT NULL")
    assert await connection.fetchval("SELECT to_regclass('second') IS NULL")
    second.write_text("CREATE TABLE second (a int);")
    assert await migrate(postgres.url("broken"), folder=tmp_path) == ["0002"]
    await connection.close()
    await admin.execute("DROP DATABASE broken")
    await admin.close()


async def test_a_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0002_second.sql").write_text("SELECT 1;")
    with pytest.raises(DefinitionInvalid, match="expected 0001_"):
        await migrate("postgresql://127.0.0.1:1/none", folder=tmp_path)
