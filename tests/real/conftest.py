from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright

from deploy.stack import postgres
from deploy.stack.stack import Stack
from ivr.config import REPOSITORY
from tests.real.desk import chromium, write_microphone
from tests.real.hotline import Hotline, write_tones


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder calls through real servers, in one event loop."""
    for item in items:
        if "tests/real/" in item.path.as_posix():
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if "playwright" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hotline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hotline]:
    """The whole hotline; every test leaves it running."""
    folder = tmp_path_factory.mktemp("hotline")
    outer = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    hours = folder / "hours.toml"
    shutil.copy(REPOSITORY / "dialplans/hours.toml", hours)
    outer["HOTLINE_DEFINITIONS__HOURS"] = str(hours)
    paces = {"offer_after_seconds": 16, "offer_every_seconds": 5, "place_every_seconds": 4}
    async with Stack(
        folder / "stack", environment=outer, rated_after_seconds=1, paces=paces
    ) as stack:
        write_tones(stack.layout.sounds)
        await stack.start("postgres", "valkey", "migrate", "asterisk", "ivr", "ledger")
        database = postgres.url(stack.ports.postgres, stack.memory.secret("postgres"))
        yield Hotline(stack, folder / "sipp", database, hours)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def people(hotline: Hotline) -> Hotline:
    """The hotline with its people's side."""
    hotline.workspace.mkdir(parents=True, exist_ok=True)
    write_microphone(hotline.workspace / "microphone.wav")
    await hotline.stack.start("desktop", "agents")
    return hotline


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(people: Hotline, playwright: Playwright) -> AsyncIterator[Browser]:
    async with chromium(playwright, people.workspace / "microphone.wav") as started:
        yield started
