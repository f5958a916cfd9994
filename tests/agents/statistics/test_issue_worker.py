"""The process that compiles and publishes: it tells its steps, and keeps all or nothing."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import pytest

from agents import runs
from agents.database import queries
from agents.reports.document import Bulletin
from agents.reports.scheme import network, scheme
from agents.reports.tally import Period
from agents.statistics import issue_worker
from agents.statistics.issue_runs import (
    KIND,
    WORKER,
    ask_compilation,
    ask_drawing,
    ask_publication,
)
from agents.statistics.issues import Draft, keep, kept_files, send_to_review
from agents.statistics.units import store_network
from ivr.config import DatabaseSettings
from ivr.database import Pool
from tests.agents.reports import printed
from tests.agents.reports.conftest import editorial_2016
from tests.agents.statistics.books import Connection, national_books

OCTOBER: Final = Period(printed.OCTOBER, printed.OCTOBER)
FORMS: Final = ["docx", "html", "json", "pdf", "xlsx"]


async def compilation(connection: Connection) -> int:
    run_id = await ask_compilation(
        connection, scheme("national-2016"), OCTOBER, outbound=False, by="s1"
    )
    await queries.claim_run(connection, kinds=[KIND])
    return run_id


def task(run_id: int, database: DatabaseSettings) -> str:
    return runs.Task(run_id=run_id, database=database).model_dump_json() + "\n"


Worked: TypeAlias = Callable[[int], Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def worked(
    database: DatabaseSettings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Worked:
    """Do a run in this process, without drawing a page; gives what was told."""
    made = {form: form.encode() for form in FORMS}
    monkeypatch.setattr(issue_worker, "render_files", lambda *_, **__: made)
    monkeypatch.setattr(issue_worker, "configure_logging", lambda **_: None)

    async def work(run_id: int) -> list[dict[str, Any]]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(task(run_id, database)))
        await asyncio.to_thread(issue_worker.main)
        said = capsys.readouterr().out.splitlines()
        # In this process our own log goes the same way.
        return [json.loads(line) for line in said if line.startswith("{")]

    return work


async def shown(pool: Pool, run_id: int) -> dict[str, Any]:
    row = await queries.run(pool, run_id=run_id, seconds=60)
    return {"state": row["state"], **json.loads(row["result"])}


async def test_an_issue_is_compiled_in_every_form_by_a_process_of_its_own(
    connection: Connection, pool: Pool, database: DatabaseSettings
) -> None:
    await national_books(connection)
    run_id = await compilation(connection)
    done = await asyncio.to_thread(
        subprocess.run,
        WORKER,
        input=task(run_id, database),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["doing"] for one in steps] == [
        "counts",
        "json",
        "html",
        "xlsx",
        "docx",
        "pdf",
        "keep",
    ]
    assert [one["step"] for one in steps] == list(range(1, 1 + len(steps)))
    found = await shown(pool, run_id)
    assert (found["state"], found["missing"], found["partial"]) == ("done", [], ["天津市"])
    kept = await pool.fetch("SELECT form, content FROM bulletin_file ORDER BY form")
    assert [row["form"] for row in kept] == FORMS
    assert kept[3]["content"].startswith(b"%PDF")
    assert "264478件次" in json.loads(kept[2]["content"])["watermark"]


async def test_a_reviewed_issue_is_published_with_its_files_and_in_the_audit(
    connection: Connection,
    pool: Pool,
    national: Bulletin,
    worked: Worked,
) -> None:
    number = await keep(connection, national, Draft(editorial_2016()), by="s2", files={})
    await send_to_review(connection, number, by="s2")
    run_id = await ask_publication(connection, number, by="s1")
    await queries.claim_run(connection, kinds=[KIND])
    told = await worked(run_id)
    assert [one["doing"] for one in told] == ["counts", "keep"]
    assert await shown(pool, run_id) == {"state": "done", "bulletin_id": number}
    assert await pool.fetchval("SELECT state FROM bulletin") == "published"
    assert await pool.fetchval("SELECT count(*) FROM bulletin_file") == len(FORMS)
    noted = await pool.fetchrow("SELECT actor, action, object FROM audit ORDER BY seq DESC LIMIT 1")
    assert noted is not None
    assert tuple(noted) == ("s1", "bulletin.published", f"bulletin:{number}")


async def test_a_cancelled_run_keeps_nothing(
    connection: Connection,
    pool: Pool,
    worked: Worked,
) -> None:
    await national_books(connection)
    run_id = await compilation(connection)
    await queries.cancel_run(connection, run_id=run_id, kind=KIND)
    await worked(run_id)
    assert (await shown(pool, run_id))["state"] == "cancelled"
    assert await pool.fetchval("SELECT count(*) FROM bulletin") == 0


async def test_a_month_without_counts_is_told_with_who_has_not_reported(
    connection: Connection,
    worked: Worked,
) -> None:
    await store_network(connection, "national", network("national"))
    *_, told = await worked(await compilation(connection))
    assert (told["failed"], told["named"]["months"]) == ("nothing_counted", ["2016-10"])
    assert "江苏省" in told["named"]["units"]


async def test_counts_that_disagree_are_told(
    connection: Connection,
    worked: Worked,
) -> None:
    await national_books(connection)
    run_id = await compilation(connection)
    await connection.execute("SELECT merge_counts()")
    await connection.execute("UPDATE month_by_unit SET n = n + 1 WHERE unit = 'jiangsu'")
    *_, told = await worked(run_id)
    assert told["failed"] == "figures_disagree"
    assert told["named"]["months"] == ["2016-10"]


async def test_an_issue_from_before_files_were_kept_is_drawn_as_it_was_kept(
    connection: Connection, pool: Pool, national: Bulletin, worked: Worked
) -> None:
    number = await keep(connection, national, Draft(editorial_2016()), by="s2", files={})
    run_id = await ask_drawing(connection, number, by="s1")
    await queries.claim_run(connection, kinds=[KIND])
    assert [one["doing"] for one in await worked(run_id)] == ["counts", "keep"]
    assert await shown(pool, run_id) == {"state": "done", "bulletin_id": number}
    assert sorted(await kept_files(connection, number)) == FORMS


async def test_a_database_that_does_not_answer_is_told_as_what_passes(
    connection: Connection, worked: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(issue_worker, "gather", slow)
    *_, told = await worked(await compilation(connection))
    assert told["failed"] == "store_away"


async def test_a_text_from_before_it_was_proofread_is_told_with_its_place(
    connection: Connection, worked: Worked, national: Bulletin
) -> None:
    await national_books(connection)
    broken = editorial_2016().model_copy(update={"sent_to": "各\x0b单位"})
    await keep(connection, national, Draft(broken), by="s2", files={})
    *_, told = await worked(await compilation(connection))
    assert told["failed"] == "misprinted"
    assert told["named"]["misprints"] == [{"path": "sent_to", "at": 2, "what": "U+000B"}]


async def test_a_worker_logs_from_the_level_of_its_server_on(
    connection: Connection, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels: list[str] = []
    monkeypatch.setattr(issue_worker, "configure_logging", lambda *, level: levels.append(level))
    task = runs.Task(run_id=await compilation(connection), database=database, log_level="ERROR")
    monkeypatch.setattr(sys, "stdin", io.StringIO(task.model_dump_json() + "\n"))
    await asyncio.to_thread(issue_worker.main)
    assert levels == ["ERROR"]
