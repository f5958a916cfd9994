from __future__ import annotations

import fcntl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import ivr.categories.learn as learning
from ivr.categories.corpus import Example
from ivr.categories.labels import is_due, learn_from_labels, opinion
from ivr.categories.versions import current
from ivr.config import DatabaseSettings
from ivr.database import Pool, queries, transaction
from ivr.errors import DefinitionInvalid


async def label(  # noqa: PLR0913 - a label has so many sides
    pool: Pool, settings: DatabaseSettings, subject: str, code: str, *,
    guess: str = "P", agent: str = "a1001", note: str = "感谢医生",
) -> None:  # fmt: skip
    async with transaction(pool, settings) as connection:
        await queries.confirm_category(
            connection, subject=f"request:{subject}", agent=agent, taxonomy="12320-2016",
            code=code, guess=guess, confidence=[0.9] * 4, model="m", note=note,
        )  # fmt: skip


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: tuple[Example, ...]) -> Path:
    monkeypatch.setattr(learning, "seed_corpus", lambda: notes)
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


async def test_what_people_filed_is_learnt_and_the_run_is_written_down(
    pool: Pool, database: DatabaseSettings, models: Path
) -> None:
    await label(pool, database, "1", "J01", note="第一次这样说")
    await label(pool, database, "1", "P", note="第一次这样说")
    await label(pool, database, "2", "B02", note="")
    learnt = await learn_from_labels(pool, database, models)
    assert learnt.taken
    assert current(models) == learnt.version
    run = await pool.fetchrow("SELECT * FROM learning")
    assert run is not None
    assert (run["model"], run["before"], run["taken"]) == (learnt.version, "", True)
    last = await pool.fetchval("SELECT max(confirmation_id) FROM confirmation")
    # One request, by its last label; the one without a note teaches nothing.
    assert (run["position"], run["labels"]) == (last, 1)


async def test_the_same_labels_give_the_same_model_and_are_not_due_again(
    pool: Pool, database: DatabaseSettings, models: Path
) -> None:
    now = datetime.now(UTC)
    assert not await is_due(pool, database, now)
    await label(pool, database, "1", "P")
    assert await is_due(pool, database, now)
    first = await learn_from_labels(pool, database, models)
    assert not await is_due(pool, database, now)
    assert (await learn_from_labels(pool, database, models)).version == first.version
    assert await is_due(pool, database, now + timedelta(days=1)) is False
    await label(pool, database, "2", "P")
    assert await is_due(pool, database, now + timedelta(days=1))


async def test_without_labels_there_is_nothing_to_learn(
    pool: Pool, database: DatabaseSettings, models: Path
) -> None:
    with pytest.raises(DefinitionInvalid, match="labels"):
        await learn_from_labels(pool, database, models)
    assert current(models) is None


async def test_two_runs_do_not_learn_into_one_folder(
    pool: Pool, database: DatabaseSettings, models: Path
) -> None:
    await label(pool, database, "1", "P")
    with (models / ".learning").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DefinitionInvalid, match="another run"):
            await learn_from_labels(pool, database, models)


async def test_the_labels_of_a_time_are_set_against_the_time_before(
    pool: Pool, database: DatabaseSettings
) -> None:
    await label(pool, database, "1", "P", guess="P")
    await label(pool, database, "2", "B02", guess="P")
    await label(pool, database, "2", "B03", guess="P", agent="a1002")
    await label(pool, database, "3", "B02", guess="")
    now = datetime.now(UTC) + timedelta(seconds=1)
    said = await opinion(pool, database, now - timedelta(hours=1), now)
    assert said.labels == 4
    assert [(p.code, p.confirmed, p.guessed) for p in said.precision] == [("P", 1, 3)]
    assert said.disagreement == {"B02": 1.0}
    assert said.drift is None
    later = await opinion(pool, database, now, now + timedelta(hours=1))
    assert (later.labels, later.drift) == (0, None)
