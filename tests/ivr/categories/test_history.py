from __future__ import annotations

import asyncpg
import pytest

from ivr.categories import history
from ivr.categories.classify import Classifier
from ivr.categories.history import Noted, confirmed_notes, input_hash, reclassify, store
from ivr.categories.rules import Request
from ivr.config import DatabaseSettings
from ivr.database import Pool, queries, transaction


async def confirm(pool: Pool, settings: DatabaseSettings, count: int) -> None:
    async with transaction(pool, settings) as connection:
        for number in range(count):
            await queries.confirm_category(
                connection, subject=f"request:{number}", agent="a1001", taxonomy="12320-2016",
                code="P", guess="P", confidence=[0.9] * 4, model="m", note=f"感谢第{number}位医生",
            )  # fmt: skip


async def verdicts(pool: Pool) -> list[asyncpg.Record]:
    return await pool.fetch("SELECT * FROM classification ORDER BY subject")


async def test_a_run_over_history_reads_every_note_once_and_says_how_far_it_is(
    pool: Pool, database: DatabaseSettings, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "BATCH", 2)
    await confirm(pool, database, 5)
    run = reclassify(pool, database, classifier, "confirmations", confirmed_notes)
    assert [progress.done async for progress in run] == [2, 4, 5]
    rows = await verdicts(pool)
    assert len(rows) == 5
    assert {row["guess"] for row in rows} == {"P"}
    again = reclassify(pool, database, classifier, "confirmations", confirmed_notes)
    assert [progress async for progress in again] == []


async def test_a_run_broken_off_goes_on_where_it_was(
    pool: Pool, database: DatabaseSettings, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "BATCH", 2)
    await confirm(pool, database, 5)
    run = reclassify(pool, database, classifier, "confirmations", confirmed_notes)
    await anext(run)
    await run.aclose()  # type: ignore[attr-defined]  # the iterator is a generator
    rest = reclassify(pool, database, classifier, "confirmations", confirmed_notes)
    assert [progress.done async for progress in rest] == [4, 5]
    assert len(await verdicts(pool)) == 5


async def test_the_same_verdict_is_stored_once(
    pool: Pool, database: DatabaseSettings, classifier: Classifier
) -> None:
    notes = [Noted(1, "call:n1-1-1.1", Request("预约皮肤科"))]
    for _ in range(2):
        async with transaction(pool, database) as connection:
            await store(connection, classifier, notes)
    (row,) = await verdicts(pool)
    assert (row["guess"], row["model"]) == ("B01.06", classifier.version)
    assert row["input_sha256"] == input_hash(notes[0].request)


@pytest.mark.parametrize(
    "change", ["UPDATE confirmation SET code = 'T01'", "DELETE FROM confirmation"]
)
async def test_a_persons_label_is_never_overwritten(
    pool: Pool, database: DatabaseSettings, change: str
) -> None:
    await confirm(pool, database, 1)
    with pytest.raises(asyncpg.RaiseError, match="never changed"):
        await pool.execute(change)
    assert await pool.fetchval("SELECT code FROM confirmation") == "P"


def test_the_hash_covers_every_input() -> None:
    assert input_hash(Request("甲")) == input_hash(Request("甲"))
    assert input_hash(Request("甲")) != input_hash(Request("甲", direction="in"))
