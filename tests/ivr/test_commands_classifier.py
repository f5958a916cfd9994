from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.categories.corpus import TEMPLATE, seed_corpus
from ivr.categories.versions import Stored, put
from ivr.commands_classifier import app
from ivr.config import DatabaseSettings
from ivr.database import Pool, queries, transaction

NEWER = "0123456789ab"


def said(*arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for version in ("an-earlier-1", NEWER):
        put(tmp_path, Stored(version, {"model.json": b"{}"}))
    return tmp_path


def test_the_model_in_use_is_marked_among_those_that_are_kept(models: Path) -> None:
    assert said("status", "--model", str(models)).splitlines() == ["  an-earlier-1", f"* {NEWER}"]


def test_a_roll_back_names_both_and_is_in_force(models: Path) -> None:
    assert said("roll-back", "--model", str(models)).strip() == f"{NEWER} → an-earlier-1"
    assert said("status", "--model", str(models)).splitlines() == ["* an-earlier-1", f"  {NEWER}"]


def test_before_the_first_learning_the_seed_suggests(tmp_path: Path) -> None:
    assert "nothing learnt yet" in said("status", "--model", str(tmp_path))


async def test_what_people_filed_is_learnt_and_reported(
    pool: Pool, database: DatabaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setattr("ivr.console.configure_logging", lambda **_: None)
    short = tuple(
        e for e in seed_corpus() if e.source != TEMPLATE and e.code.startswith(("P", "B02"))
    )
    monkeypatch.setattr("ivr.categories.learn.seed_corpus", lambda: short)
    async with transaction(pool, database) as connection:
        for subject, code in (("1", "P"), ("2", "B02")):
            await queries.confirm_category(
                connection, subject=f"request:{subject}", agent="a1001", taxonomy="12320-2016",
                code=code, guess="P", confidence=[0.9] * 4, model="m", note=f"感谢第{subject}位",
            )  # fmt: skip
    learnt = await asyncio.to_thread(said, "learn", "--model", str(tmp_path))
    assert "taken, instead of nothing" in learnt
    assert "2 of them confirmed" in learnt
    assert (await asyncio.to_thread(said, "status", "--model", str(tmp_path))).startswith("* ")
    report = await asyncio.to_thread(said, "labels", "--days", "1")
    assert report.startswith("2 labels; drift against the time before: —")
    assert "0.50  1/2  P 表扬" in report
