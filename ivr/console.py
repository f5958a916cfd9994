"""What the commands share: settings read once, and questions to the database with one sentence.

Commands of an area stand in that area's module and are added to the whole in `ivr.__main__`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

from ivr.config import Settings, load_settings
from ivr.database import OUTSIDE_FAILURES, Session, make_pool, transaction
from ivr.errors import DatabaseFailed
from ivr.log import configure_logging

T = TypeVar("T")


def settings_of_the_command() -> Settings:
    """Read the settings, and log as they say."""
    settings = load_settings()
    configure_logging(level=settings.log_level)
    return settings


def ask(question: Callable[[Settings], Awaitable[T]]) -> T:
    """Run one question to the database.

    Raises:
        DatabaseFailed: saying in one sentence why it cannot be answered.
    """
    settings = settings_of_the_command()

    async def answered() -> T:
        return await question(settings)

    try:
        return asyncio.run(answered())
    except OUTSIDE_FAILURES as failure:
        address = urlsplit(settings.database.url)
        where = f"{address.hostname or 'local socket'}:{address.port or 5432}{address.path}"
        raise DatabaseFailed(f"{where}: {str(failure) or type(failure).__name__}") from None


def in_transaction(purpose: str, work: Callable[[Session], Awaitable[T]]) -> T:
    """Do some work in one transaction, which is all or nothing; raises as `ask` does."""

    async def done(settings: Settings) -> T:
        async with (
            make_pool(settings.database, purpose=purpose) as pool,
            transaction(pool, settings.database) as connection,
        ):
            return await work(connection)

    return ask(done)
