from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from agents import learner
from ivr.categories.versions import current
from ivr.config import DatabaseSettings, Settings, WebSettings
from ivr.database import Pool, queries, transaction

WAIT_SECONDS = 30.0
MAKES_A_MODEL = "import pathlib, sys; pathlib.Path(sys.argv[1], 'current').write_text('new\\n')"


@pytest.fixture
def settings(
    database: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    monkeypatch.setattr(learner, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(learner, "COMMAND", (sys.executable, "-c", MAKES_A_MODEL))
    return Settings(database=database, web=WebSettings(model=tmp_path))


async def label(pool: Pool, settings: Settings) -> None:
    async with transaction(pool, settings.database) as connection:
        await queries.confirm_category(
            connection, subject="request:1", agent="a1001", taxonomy="12320-2016", code="P",
            guess="P", confidence=[0.9] * 4, model="m", note="感谢医生",
        )  # fmt: skip


async def test_a_label_is_learnt_from_and_the_new_model_suggests(
    pool: Pool, settings: Settings
) -> None:
    renewed = asyncio.Event()

    async def renew() -> None:
        renewed.set()

    await label(pool, settings)
    task = asyncio.ensure_future(learner.keep_learning(pool, settings, renew))
    async with asyncio.timeout(WAIT_SECONDS):
        await renewed.wait()
    task.cancel()
    assert current(settings.web.model) == "new"


async def test_without_labels_nothing_is_learnt_but_a_roll_back_is_followed(
    pool: Pool, settings: Settings
) -> None:
    renewed = asyncio.Event()

    async def renew() -> None:
        renewed.set()

    task = asyncio.ensure_future(learner.keep_learning(pool, settings, renew))
    await asyncio.sleep(0.3)
    assert not renewed.is_set()
    (settings.web.model / "current").write_text("earlier\n")
    async with asyncio.timeout(WAIT_SECONDS):
        await renewed.wait()
    task.cancel()


async def test_a_database_that_is_away_is_asked_again(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def away(*_: object) -> bool:
        nonlocal asked
        asked += 1
        raise ConnectionResetError

    monkeypatch.setattr(learner, "is_due", away)
    task = asyncio.ensure_future(learner.keep_learning(pool, settings, asyncio.Event().wait))  # type: ignore[arg-type]  # never called
    async with asyncio.timeout(WAIT_SECONDS):
        while asked < 3:  # noqa: ASYNC110 - there is nothing else to wait for
            await asyncio.sleep(0.02)
    assert not task.done()
    task.cancel()


async def test_a_run_that_fails_is_not_begun_again_at_once(
    pool: Pool, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = (
        "import pathlib, sys; open(pathlib.Path(sys.argv[1], 'runs'), 'a').write('x'); sys.exit(2)"
    )
    monkeypatch.setattr(learner, "COMMAND", (sys.executable, "-c", counts))
    await label(pool, settings)
    task = asyncio.ensure_future(learner.keep_learning(pool, settings, asyncio.Event().wait))  # type: ignore[arg-type]  # never called
    runs = tmp_path / "runs"
    async with asyncio.timeout(WAIT_SECONDS):
        while not runs.exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.02)
    await asyncio.sleep(1)
    assert runs.read_text() == "x"
    task.cancel()
