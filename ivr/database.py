"""The door to PostgreSQL: a pool with deadlines, and the named queries.

Queries stand in `ivr/sql/*.sql`, each with a name and a sentence.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import aiosql
import asyncpg

from ivr.config import DatabaseSettings

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Session: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

SQL: Final = Path(__file__).resolve().parent / "sql"

OUTSIDE_FAILURES: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a database, or the way to it, may do to us; whoever must go on waits and tries again."""

queries: Final[Any] = aiosql.from_path(SQL, "asyncpg")
"""Every query of `ivr/sql`, by name; the first argument is always a connection."""


def make_pool(settings: DatabaseSettings, *, purpose: str) -> Pool:
    """Describe a pool that connects when first asked; enter it to use it.

    Args:
        settings: address, size and deadlines.
        purpose: shown to the database's operator as application_name.
    """
    return asyncpg.create_pool(
        settings.url,
        min_size=0,
        max_size=settings.connections,
        timeout=settings.acquire_seconds,
        command_timeout=settings.command_seconds,
        server_settings={"application_name": f"hotline-{purpose}"},
    )


@asynccontextmanager
async def transaction(pool: Pool, settings: DatabaseSettings) -> AsyncIterator[Session]:
    """Give a connection inside a transaction, or fail within the deadlines.

    Leaving normally commits; anything raised rolls back. A commit whose answer never came raises
    too: what is written twice must then be harmless.
    """
    async with (
        pool.acquire(timeout=settings.acquire_seconds) as connection,
        connection.transaction(),
    ):
        yield connection
