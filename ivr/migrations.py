"""The schema's migrations: plain SQL files in `deploy/migrations`, forwards only.

They run in the order of their numbers; alembic keeps the book of which have run. Apart from
`ivr.database`, because only one command needs the libraries that this loads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import asyncpg
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import Script
from alembic.script.revision import RevisionMap
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from ivr.config import REPOSITORY
from ivr.errors import DefinitionInvalid

MIGRATIONS: Final = REPOSITORY / "deploy/migrations"

_MIGRATION_LOCK: Final = 12320
_MIGRATION_SECONDS: Final = 600.0
_NUMBERED: Final = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")


async def migrate(url: str, *, folder: Path = MIGRATIONS) -> list[str]:
    """Bring the schema up to date; returns the numbers of the migrations that ran now.

    Two that migrate at once do not disturb each other: the second waits and finds nothing to do.
    Each migration is one transaction, so a killed one has changed nothing.

    Raises:
        DefinitionInvalid: the files are not numbered one after the other.
    """
    scripts = list(_scripts(folder))
    revisions = RevisionMap(lambda: scripts)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(url, timeout=5, command_timeout=_MIGRATION_SECONDS),
        poolclass=NullPool,
    )
    try:
        async with asyncio.timeout(_MIGRATION_SECONDS), engine.connect() as connection:
            await connection.execute(text(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})"))
            await connection.commit()
            return await connection.run_sync(_upgrade, revisions)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revisions: RevisionMap) -> list[str]:
    done: list[str] = []

    def steps(heads: Any, _context: MigrationContext) -> list[MigrationStep]:  # noqa: ANN401 - alembic's own type is private
        pending = list(revisions.iterate_revisions("heads", tuple(heads) or "base"))
        done.extend(script.revision for script in reversed(pending))
        return [
            MigrationStep.upgrade_from_script(revisions, script)  # type: ignore[arg-type]  # the map holds the Scripts that we put into it
            for script in reversed(pending)
        ]

    context = MigrationContext.configure(
        connection, opts={"fn": steps, "transaction_per_migration": True}
    )
    with context.begin_transaction():
        context.run_migrations(connection=connection)
    return done


def _scripts(folder: Path) -> Iterator[Script]:
    before: str | None = None
    for path in sorted(folder.glob("*.sql")):
        match = _NUMBERED.fullmatch(path.name)
        expected = f"{int(before or 0) + 1:04}"
        if match is None or match["number"] != expected:
            raise DefinitionInvalid(f"{folder}: expected {expected}_<name>.sql, came {path.name}.")
        yield Script(_module(path, expected, before), expected, path)
        before = expected


def _module(path: Path, number: str, before: str | None) -> ModuleType:
    def upgrade(connection: Connection) -> None:
        # Through the driver, because only its simple protocol takes a file of many statements.
        driver: Any = connection.connection.driver_connection
        await_only(driver.execute(path.read_text(encoding="utf-8")))

    module = ModuleType(path.stem)
    module.__dict__.update(revision=number, down_revision=before, upgrade=upgrade)
    return module
