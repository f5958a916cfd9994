from __future__ import annotations

import re
from typing import TYPE_CHECKING

import asyncpg
import pytest

from agents.database import SQL, queries

if TYPE_CHECKING:
    from tests.ivr.conftest import Server


def _every_query() -> list[str]:
    """Return the names as they are written: of two of one name aiosql keeps the last in silence."""
    blocks = [b for p in SQL.glob("*.sql") for b in p.read_text("utf-8").split("-- name: ")[1:]]
    return [re.split(r"\W", block, maxsplit=1)[0] for block in blocks]


@pytest.mark.parametrize("name", sorted(set(_every_query())))
async def test_every_query_fits_the_schema(name: str, postgres: Server) -> None:
    connection = await asyncpg.connect(postgres.url("migrated"))  # nothing is written
    try:
        await connection.prepare(getattr(queries, name).sql)
    finally:
        await connection.close()


def test_every_query_is_named_once_and_described() -> None:
    for path in SQL.glob("*.sql"):
        blocks = path.read_text(encoding="utf-8").split("-- name: ")[1:]
        assert blocks
        assert all(block.splitlines()[1].startswith("-- ") for block in blocks), path
    assert sorted(_every_query()) == sorted(set(_every_query()))
