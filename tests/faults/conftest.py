from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from ivr.config import Settings
from ivr.database import Pool
from tests.faults.centre import Centre
from tests.faults.rig import Rig, running
from tests.ivr.conftest import (  # noqa: F401 - fixtures of a ledger without its process
    connection,
    database,
    pool,
    postgres,
    settings,
)

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What calls through real servers does so in one event loop."""
    for item in items:
        if "tests/faults/" in item.path.as_posix() and "rig" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rig(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """The whole hotline, with a proxy on each of its two ways; every test leaves it running."""
    async with running(tmp_path_factory.mktemp("faults")) as rig:
        yield rig


@pytest.fixture
def centre(
    pool: Pool,  # noqa: F811 - the fixture
    settings: Settings,  # noqa: F811 - the fixture
    connection: Connection,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> Centre:
    """A small centre, of which nothing runs but what a test lets run."""
    (tmp_path / "ledger").touch()
    return Centre(pool, settings, connection, tmp_path)
