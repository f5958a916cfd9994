"""Long runs: one at a time, told by steps, cancelled, cut off, and found again after a death."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from structlog.testing import capture_logs

from agents import runs
from agents.database import queries
from ivr.config import DatabaseSettings
from ivr.database import Pool

WAIT_SECONDS = 60.0
READS = "import json, sys, time, asyncio; task = json.loads(sys.stdin.readline())\n"
STEPS = READS + (
    "print('a word of a library')\n"
    "print(json.dumps({'step': 1, 'steps': 3, 'doing': 'counts'}), flush=True)\ntime.sleep(600)"
)
REFUSES = READS + "print(json.dumps({'failed': 'nothing_counted', 'named': {'units': 31}}))"
BREAKS = READS + "raise RuntimeError('no font')"
KEEPS = READS + (
    "import asyncpg\n"
    "from agents.runs import keep\n"
    "async def work():\n"
    "    c = await asyncpg.connect(task['database']['url'])\n"
    "    async with c.transaction():\n"
    "        await c.execute('CREATE TABLE made ()')\n"
    "        await keep(c, task['run_id'], {'pages': 19})\n"
    "asyncio.run(work())"
)


def worker(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@asynccontextmanager
async def beside(pool: Pool, database: DatabaseSettings, code: str) -> AsyncIterator[runs.Runner]:
    runner = runs.Runner(pool, database, {"test": worker(code)})
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(runner.run())
        try:
            yield runner
        finally:
            task.cancel()


async def asked(pool: Pool, about: str = "x") -> int:
    async with pool.acquire() as connection:
        run_id = await runs.ask(connection, "test", about, {"about": about}, by="s1")
    assert run_id is not None
    return run_id


async def shown(pool: Pool, run_id: int) -> Mapping[str, Any]:
    row: Mapping[str, Any] = await queries.run(pool, run_id=run_id, seconds=runs.LOST_SECONDS)
    return row


async def until(pool: Pool, run_id: int, **wanted: object) -> Mapping[str, Any]:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            row = await shown(pool, run_id)
            if {key: row[key] for key in wanted} == wanted:
                return row
            await asyncio.sleep(0.02)


async def cancel(pool: Pool, run_id: int) -> object:
    return await queries.cancel_run(pool, run_id=run_id, kind="test")


async def test_what_a_run_made_is_kept_together_with_its_end(
    pool: Pool, database: DatabaseSettings
) -> None:
    run_id = await asked(pool)
    async with beside(pool, database, KEEPS):
        row = await until(pool, run_id, state="done")
    assert json.loads(row["result"]) == {"pages": 19}
    assert await pool.fetchval("SELECT to_regclass('made')") == "made"
    assert await cancel(pool, run_id) is None


async def test_a_run_is_told_step_by_step_and_killed_when_it_is_cancelled(
    pool: Pool, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runs, "BEAT_SECONDS", 0.05)
    told = tmp_path / "told"
    writes = (
        "import os, pathlib, tempfile\n"
        f"pathlib.Path({str(told)!r}).write_text(f'{{os.getpid()}} {{tempfile.mkdtemp()}}')\n"
    )
    first, second = await asked(pool), await asked(pool, "y")
    async with beside(pool, database, writes + STEPS):
        row = await until(pool, first, state="running", step=1)
        assert (row["steps"], row["doing"]) == (3, "counts")
        assert (await shown(pool, second))["state"] == "waiting"
        pid, folder = map(Path, told.read_text().split())
        assert (Path("/proc") / pid).exists()
        assert folder.exists()
        await cancel(pool, first)
        await until(pool, second, state="running")
        assert not (Path("/proc") / pid).exists()
        # What it had half made is gone with it.
        assert not folder.exists()
    assert (await shown(pool, first))["state"] == "cancelled"


async def make(pool: Pool, run_id: int) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("CREATE TABLE made ()")
        await runs.keep(connection, run_id, {})


async def test_what_was_cancelled_meanwhile_is_not_kept(pool: Pool) -> None:
    run_id = await asked(pool)
    await queries.claim_run(pool, kinds=["test"])
    await cancel(pool, run_id)
    with pytest.raises(runs.RunEnded):
        await make(pool, run_id)
    assert await pool.fetchval("SELECT to_regclass('made')") is None


@pytest.mark.parametrize(
    ("code", "why", "named"), [(REFUSES, "nothing_counted", {"units": 31}), (BREAKS, "broken", {})]
)
async def test_a_run_that_fails_says_why(
    pool: Pool, database: DatabaseSettings, code: str, why: str, named: dict[str, int]
) -> None:
    run_id = await asked(pool)
    async with beside(pool, database, code):
        row = await until(pool, run_id, state="failed")
    assert (row["why"], json.loads(row["result"])) == (why, named)


async def test_a_worker_s_log_is_ours_and_its_last_words_are_kept(
    pool: Pool, database: DatabaseSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = await asked(pool)
    logs = 'import sys; print(\'{"event": "bulletin.compiled"}\', file=sys.stderr)\n'
    with capture_logs() as logged:
        async with beside(pool, database, logs + BREAKS):
            await until(pool, run_id, state="failed")
    assert '{"event": "bulletin.compiled"}' in capsys.readouterr().err
    broken = next(line for line in logged if line["event"] == "run.broken")
    assert broken["said"].endswith("RuntimeError: no font\n")


async def test_a_run_without_an_end_is_cut_off(
    pool: Pool, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LONGEST_SECONDS", 0.2)
    run_id = await asked(pool)
    async with beside(pool, database, STEPS):
        assert (await until(pool, run_id, state="failed"))["why"] == "too_long"


async def test_a_worker_that_is_killed_is_told_and_its_run_can_be_asked_for_again(
    pool: Pool, database: DatabaseSettings
) -> None:
    run_id = await asked(pool)
    with capture_logs() as logged:
        async with beside(pool, database, STEPS) as runner:
            await until(pool, run_id, state="running", step=1)
            started = next(line for line in logged if line["event"] == "run.started")
            os.kill(started["process"], signal.SIGKILL)
            row = await until(pool, run_id, state="failed")
            again = await asked(pool)
            runner.wake()
            await until(pool, again, state="running", step=1)
    assert row["why"] == "broken"
    assert [line["run_id"] for line in logged if line["event"] == "run.broken"] == [run_id]


async def test_a_worker_is_killed_before_another_server_takes_its_run_for_lost(
    pool: Pool, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(runs, "_HOLD_SECONDS", 0.2)
    real, away = queries.beat_run, asyncio.Event()

    async def beat(*told: object, **more: object) -> object:
        if away.is_set():
            raise ConnectionResetError
        return await real(*told, **more)

    monkeypatch.setattr(queries, "beat_run", beat)
    run_id = await asked(pool)
    async with beside(pool, database, STEPS):
        await until(pool, run_id, state="running", step=1)
        away.set()
        assert (await until(pool, run_id, state="failed"))["why"] == "lost"


def test_a_lease_is_given_up_before_it_ends() -> None:
    assert runs._HOLD_SECONDS + runs._ANSWER_SECONDS + runs.BEAT_SECONDS <= runs.LOST_SECONDS


async def test_a_database_that_is_silent_holds_no_beat_back_for_longer_than_the_lease(
    pool: Pool, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(runs, "_ANSWER_SECONDS", 0.02)
    monkeypatch.setattr(runs, "_HOLD_SECONDS", 0.2)

    async def silent(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(queries, "beat_run", silent)
    run_id = await asked(pool)
    async with beside(pool, database, STEPS):
        assert (await until(pool, run_id, state="failed"))["why"] == "lost"


async def test_a_worker_is_told_from_which_level_on_to_log(
    pool: Pool, database: DatabaseSettings
) -> None:
    says = READS + "print(json.dumps({'failed': task['log_level']}))"
    run_id = await asked(pool)
    runner = runs.Runner(pool, database, {"test": worker(says)}, log_level="ERROR")
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(runner.run())
        assert (await until(pool, run_id, state="failed"))["why"] == "ERROR"
        task.cancel()


async def test_a_worker_goes_behind_the_desks(pool: Pool, database: DatabaseSettings) -> None:
    says = READS + "import os; print(json.dumps({'failed': str(os.nice(0) - 10)}))"
    run_id = await asked(pool)
    async with beside(pool, database, says):
        assert (await until(pool, run_id, state="failed"))["why"] == str(os.nice(0))


async def test_a_server_that_stops_takes_its_run_along_and_it_can_be_asked_for_again(
    pool: Pool, database: DatabaseSettings
) -> None:
    run_id = await asked(pool)
    async with beside(pool, database, STEPS):
        await until(pool, run_id, state="running", step=1)
        async with pool.acquire() as connection:
            assert await runs.ask(connection, "test", "x", {}, by="s2") is None
    assert (await shown(pool, run_id))["state"] == "lost"
    assert await asked(pool) > run_id


async def test_the_run_of_a_server_that_died_is_lost_and_can_be_asked_for_again(
    pool: Pool, database: DatabaseSettings
) -> None:
    run_id = await asked(pool)
    await queries.claim_run(pool, kinds=["test"])
    await pool.execute("UPDATE run SET beat_at = now() - interval '1 minute'")
    assert (await shown(pool, run_id))["state"] == "lost"
    again = await asked(pool)
    async with beside(pool, database, KEEPS):
        await until(pool, again, state="done")


async def test_one_is_done_at_a_time_whatever_the_number_of_servers(pool: Pool) -> None:
    first, second = await asked(pool), await asked(pool, "y")
    claims = [queries.claim_run(pool, kinds=["test"]) for _ in range(4)]
    await asyncio.gather(*claims, return_exceptions=True)
    states = sorted([(await shown(pool, run_id))["state"] for run_id in (first, second)])
    assert states == ["running", "waiting"]


async def test_what_was_asked_for_here_is_begun_at_once(
    pool: Pool, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LOOK_SECONDS", 10 * WAIT_SECONDS)
    rests = asyncio.Event()
    real = runs.Runner._rest

    async def rest(runner: runs.Runner, seconds: float) -> None:
        rests.set()
        await real(runner, seconds)

    monkeypatch.setattr(runs.Runner, "_rest", rest)
    async with beside(pool, database, REFUSES) as runner:
        await rests.wait()
        run_id = await asked(pool)
        runner.wake()
        await until(pool, run_id, state="failed")


async def test_a_database_that_is_silent_is_asked_again(
    pool: Pool, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(runs, "_ANSWER_SECONDS", 0.05)
    real, silences = queries.claim_run, iter((True, True))

    async def claim(*told: object, **more: object) -> object:
        if next(silences, False):
            await asyncio.Event().wait()
        monkeypatch.setattr(runs, "_ANSWER_SECONDS", WAIT_SECONDS)
        return await real(*told, **more)

    monkeypatch.setattr(queries, "claim_run", claim)
    run_id = await asked(pool)
    async with beside(pool, database, REFUSES):
        await until(pool, run_id, state="failed")


async def test_the_database_may_be_away_for_a_while(
    pool: Pool, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LOOK_SECONDS", 0.02)
    away = asyncio.Event()
    real = runs.lose_forgotten

    async def lose(pool: Pool) -> None:
        if not away.is_set():
            away.set()
            raise ConnectionResetError
        await real(pool)

    run_id = await asked(pool)
    with suppress(asyncio.CancelledError):
        monkeypatch.setattr(runs, "lose_forgotten", lose)
        async with beside(pool, database, REFUSES):
            await until(pool, run_id, state="failed")
    assert away.is_set()


@pytest.mark.parametrize("model", [runs.Task, DatabaseSettings])
def test_a_refusal_of_what_holds_a_password_does_not_repeat_it(model: type[BaseModel]) -> None:
    told = {"url": "postgresql://hotline:open-sesame@db/hotline", "gone": 1}
    with pytest.raises(ValidationError) as refused:
        model.model_validate({"run_id": 1, "database": told} if model is runs.Task else told)
    assert "open-sesame" not in str(refused.value)
    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(f'{{"database": "{told["url"]}"}}')
    assert "open-sesame" not in str(refused.value)
