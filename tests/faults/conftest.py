from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from deploy.stack import children
from deploy.stack import postgres as postgresql
from deploy.stack.layout import Memory
from deploy.stack.stack import Stack
from ivr.config import REPOSITORY
from tests.faults.proxy import Proxy
from tests.faults.rig import AGENTS, Rig
from tests.ivr.conftest import (  # noqa: F401 - fixtures of a ledger without its process
    connection,
    database,
    pool,
    postgres,
    settings,
)
from tests.real.hotline import Hotline, write_tones


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What calls through real servers does so in one event loop."""
    for item in items:
        if "tests/faults/" in item.path.as_posix() and "rig" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def _impatient_supervisor() -> Iterator[None]:
    """Restart what dies at once, as systemd does with `RestartSec`: growing pauses are for those
    who die by themselves, and would let the killed be dead for most of a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(children, "_LONGEST_DELAY", 0.3)
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rig(
    tmp_path_factory: pytest.TempPathFactory, _impatient_supervisor: None
) -> AsyncIterator[Rig]:
    """The whole hotline, with a proxy on each of its two ways; every test leaves it running."""
    folder = tmp_path_factory.mktemp("faults")
    outer = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    hours = folder / "hours.toml"
    shutil.copy(REPOSITORY / "dialplans/hours.toml", hours)
    outer["HOTLINE_DEFINITIONS__HOURS"] = str(hours)
    outer["HOTLINE_TELEPHONY__AGENTS"] = ",".join(AGENTS)
    stack_folder = folder / "stack"
    stack_folder.mkdir()
    # Kept before the stack asks for it: the ledger's address, through the proxy, holds it.
    password = Memory(stack_folder / "memory.json").secret("postgres")
    async with Proxy() as ami, Proxy() as way:
        outer["HOTLINE_AMI__PORT"] = str(ami.port)
        outer["HOTLINE_DATABASE__URL"] = postgresql.url(way.port, password)
        async with Stack(stack_folder, environment=outer, rated_after_seconds=1) as stack:
            ami.target, way.target = stack.ports.ami, stack.ports.postgres
            write_tones(stack.layout.sounds)
            await stack.start("postgres", "valkey", "migrate", "asterisk", "ivr", "ledger")
            address = postgresql.url(stack.ports.postgres, password)
            hotline = Hotline(stack, folder / "sipp", address, hours)
            yield Rig(hotline, folder, ami, way)
