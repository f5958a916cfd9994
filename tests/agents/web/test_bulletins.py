"""The bulletin in the browser: compiled, written, reviewed, published, looked at and taken out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any, Final
from urllib.parse import unquote

import pytest
from structlog.testing import capture_logs

from agents.database import queries
from agents.reports.document import Bulletin
from agents.roles import Role
from agents.statistics import issue_runs
from agents.statistics.issues import Draft, keep, may_publish, publish, send_to_review
from agents.web.headers import FRAME, HEADERS
from ivr.database import Pool
from tests.agents.conftest import Desk
from tests.agents.reports.conftest import editorial_2016, national

__all__ = ["national"]

WAIT_SECONDS: Final = 60.0
OCTOBER: Final = {"scheme": "national-2016", "first": "2016-10", "last": "2016-10"}
FILES: Final = {"html": "<p>简报</p>".encode(), "docx": b"PK", "json": b"{}"}
STEPS: Final = (
    "import sys, time; sys.stdin.readline();"
    'print(\'{"step": 1, "steps": 7, "doing": "counts"}\', flush=True); time.sleep(600)'
)


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that tells one step and then takes its time."""
    monkeypatch.setattr(issue_runs, "WORKER", (sys.executable, "-c", STEPS))


@pytest.fixture
async def analyst(worker: None, desk: Desk) -> Desk:  # noqa: ARG001 - it comes before the server
    await desk.enter(Role.ANALYST)
    return desk


async def kept(pool: Pool, bulletin: Bulletin, by: str = "analyst1") -> int:
    async with pool.acquire() as connection:
        return await keep(connection, bulletin, Draft(editorial_2016()), by=by, files=FILES)


async def in_review(pool: Pool, bulletin: Bulletin, by: str = "analyst1") -> int:
    number = await kept(pool, bulletin, by)
    async with pool.acquire() as connection:
        await send_to_review(connection, number, by=by)
    return number


async def shown(desk: Desk, number: int) -> dict[str, Any]:
    found: dict[str, Any] = await (await desk.ask("GET", f"/bulletins/{number}")).json()
    return found


async def code(desk: Desk, method: str, path: str, body: object = None) -> tuple[int, str]:
    came = await desk.ask(method, path, body)
    return came.status, (await came.json())["code"]


async def test_a_compilation_is_begun_once_followed_and_cancelled(
    analyst: Desk, pool: Pool
) -> None:
    came = await analyst.ask("POST", "/bulletins", OCTOBER)
    run = await came.json()
    assert (came.status, run["act"], run["first"]) == (202, "compile", "2016-10")
    assert await code(analyst, "POST", "/bulletins", OCTOBER) == (409, "under_way")
    path = f"/bulletins/runs/{run['run_id']}"
    run = await until(analyst, path, step=1)
    assert (run["state"], run["steps"], run["doing"]) == ("running", 7, "counts")
    assert (await analyst.ask("DELETE", path)).status == 204
    listed = await (await analyst.ask("GET", "/bulletins")).json()
    assert [one["state"] for one in listed["runs"]] == ["cancelled"]
    assert (listed["bulletins"], listed["schemes"]) == ([], ["jiangsu-2014", "national-2016"])
    assert await code(analyst, "DELETE", path) == (409, "run_ended")
    assert await pool.fetchval("SELECT count(*) FROM bulletin") == 0
    assert (await analyst.ask("GET", "/bulletins/runs/99")).status == 404


async def test_a_worker_that_was_killed_is_shown_and_begun_again(analyst: Desk) -> None:
    with capture_logs() as logged:
        run = await (await analyst.ask("POST", "/bulletins", OCTOBER)).json()
        path = f"/bulletins/runs/{run['run_id']}"
        await until(analyst, path, step=1)
        started = next(line for line in logged if line["event"] == "run.started")
        os.kill(started["process"], signal.SIGKILL)
        run = await until(analyst, path, state="failed")
    assert run["why"] == "编制程序异常结束，已记录；未保留任何内容。"
    assert (await analyst.ask("POST", "/bulletins", OCTOBER)).status == 202


async def until(desk: Desk, path: str, **wanted: object) -> dict[str, Any]:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            run: dict[str, Any] = await (await desk.ask("GET", path)).json()
            if {name: run[name] for name in wanted} == wanted:
                return run
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"scheme": "weather"}, 422),
        ({"first": "2016-11"}, 422),
        ({"first": "2015-10"}, 422),
        ({"last": "2016-13"}, 400),
        ({"last": "0000-01"}, 400),
    ],
)
async def test_months_that_make_no_bulletin_are_refused(
    analyst: Desk, changed: dict[str, str], status: int
) -> None:
    assert (await analyst.ask("POST", "/bulletins", OCTOBER | changed)).status == status


async def test_of_two_who_write_at_once_the_second_overwrites_nothing(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await kept(pool, national)
    found = await shown(analyst, number)
    text = {"version": found["version"], "editorial": found["editorial"] | {"issue": 114}}
    came = await analyst.ask("PUT", f"/bulletins/{number}/text", text)
    assert await came.json() == {"version": 2}
    await analyst.enter(Role.SUPERVISOR)
    came = await analyst.ask("PUT", f"/bulletins/{number}/text", text)
    told = await came.json()
    assert (came.status, told["code"]) == (409, "written_by_another")
    assert "analyst1 已于" in told["message"]
    found = await shown(analyst, number)
    assert (found["version"], found["editorial"]["issue"]) == (2, 114)
    # What was compiled does not hold it yet.
    assert found["bulletin"]["compiled"] is False
    path = f"/bulletins/{number}/review"
    assert await code(analyst, "POST", path) == (409, "not_compiled")


async def test_a_text_without_a_place_for_the_statistics_is_refused(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await kept(pool, national)
    editorial = (await shown(analyst, number))["editorial"] | {"column": []}
    came = await analyst.ask(
        "PUT", f"/bulletins/{number}/text", {"version": 1, "editorial": editorial}
    )
    assert (came.status, (await came.json())["fields"][0]["field"]) == (422, "editorial.column")


async def test_what_cannot_be_printed_is_refused_with_what_and_where(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await kept(pool, national)
    editorial = (await shown(analyst, number))["editorial"]
    editorial["column"][0]["article"][0]["text"] = "第一\x0b段。"
    editorial["issue"] = 3_000_000_000
    came = await analyst.ask(
        "PUT", f"/bulletins/{number}/text", {"version": 1, "editorial": editorial}
    )
    told = await came.json()
    assert (came.status, told["code"]) == (422, "invalid")
    assert "第 1 栏第 1 篇正文第 3 字是控制字符 U+000B，请删除" in told["message"]
    assert "期号 3000000000 过大" in told["message"]
    assert [fault["field"] for fault in told["fields"]] == [
        "editorial.issue",
        "editorial.column.0.article.0.text",
    ]


@pytest.mark.parametrize("number", [2**31, 2**63, 10**40])
async def test_a_number_that_nothing_has_is_not_found(analyst: Desk, number: int) -> None:
    for method, path in (
        *(("GET", ""), ("GET", "/preview"), ("GET", "/files/pdf"), ("POST", "/review")),
        *(("POST", "/publish"), ("POST", "/files")),
    ):
        assert (await analyst.ask(method, f"/bulletins/{number}{path}")).status in {403, 404}, path
    assert (await analyst.ask("GET", f"/bulletins/runs/{number}")).status == 404
    assert (await analyst.ask("DELETE", f"/bulletins/runs/{number}")).status == 404


@pytest.mark.parametrize("version", [2, 2**31, 2**63, 10**40])
async def test_a_version_that_never_was_is_refused(
    analyst: Desk, pool: Pool, national: Bulletin, version: int
) -> None:
    number = await kept(pool, national)
    text = {"version": version, "editorial": (await shown(analyst, number))["editorial"]}
    came = await analyst.ask("PUT", f"/bulletins/{number}/text", text)
    assert (came.status, (await came.json())["fields"][0]["field"]) == (422, "version")


async def test_reading_waits_for_nobody_who_changes(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await kept(pool, national)
    async with pool.acquire() as connection, connection.transaction():
        await queries.lock_issue(connection, bulletin_id=number)
        async with asyncio.timeout(WAIT_SECONDS):
            assert (await analyst.ask("GET", f"/bulletins/{number}")).status == 200
            assert (await analyst.ask("GET", f"/bulletins/{number}/preview")).status == 200


async def test_the_page_has_another_mark_once_it_is_another(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await kept(pool, national)
    first = (await shown(analyst, number))["page"]
    again = Draft(editorial_2016(), bulletin_id=number)
    other = FILES | {"html": b"<p>anew</p>"}
    async with pool.acquire() as connection:
        await keep(connection, national, again, by="analyst1", files=other)
    assert len({"", first, (await shown(analyst, number))["page"]}) == 3


async def test_an_issue_from_before_files_and_texts_were_kept_is_shown_and_drawn(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await in_review(pool, national)
    await pool.execute("DELETE FROM bulletin_file")
    await pool.execute("UPDATE bulletin SET editorial = NULL, outbound = false")
    await pool.execute("UPDATE bulletin SET state = 'published', published_at = now()")
    listed = (await (await analyst.ask("GET", "/bulletins")).json())["bulletins"]
    assert [one["bulletin_id"] for one in listed] == [number]
    found = await shown(analyst, number)
    assert (found["forms"], found["page"]) == ([], "")
    assert found["editorial"]["sent_to"] == "各成员单位"
    came = await analyst.ask("POST", f"/bulletins/{number}/files")
    assert (came.status, (await came.json())["act"]) == (202, "draw")


async def test_who_sent_it_to_review_does_not_publish_it_and_anybody_may_send_it_back(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await kept(pool, national)
    await analyst.enter(Role.SUPERVISOR)
    assert (await analyst.ask("POST", f"/bulletins/{number}/review")).status == 204
    path = f"/bulletins/{number}/publish"
    assert await code(analyst, "POST", path) == (409, "same_person")
    assert await code(analyst, "POST", "/bulletins", OCTOBER) == (409, "in_review")
    back = f"/bulletins/{number}/return"
    assert (await analyst.ask("POST", back, {"reason": " "})).status == 400
    assert (await analyst.ask("POST", back, {"reason": "第二段有误"})).status == 204
    row = (await shown(analyst, number))["bulletin"]
    assert (row["state"], row["return_reason"]) == ("draft", "第二段有误")
    assert await code(analyst, "POST", back, {"reason": "再退"}) == (409, "wrong_state")
    actions = await pool.fetch("SELECT action FROM audit WHERE object LIKE 'bulletin:%' ORDER BY 1")
    assert [row["action"] for row in actions] == ["bulletin.returned", "bulletin.reviewed"]


async def test_another_publishes_what_was_sent_to_review(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await in_review(pool, national)
    await analyst.enter(Role.SUPERVISOR)
    came = await analyst.ask("POST", f"/bulletins/{number}/publish")
    run = await came.json()
    assert (came.status, run["act"], run["bulletin_id"]) == (202, "publish", number)
    path = f"/bulletins/{number}/publish"
    assert await code(analyst, "POST", path) == (409, "under_way")


async def test_nothing_is_sent_to_review_while_it_is_compiled(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await kept(pool, national)
    await analyst.ask("POST", "/bulletins", OCTOBER)
    assert await code(analyst, "POST", f"/bulletins/{number}/review") == (409, "under_way")


async def test_the_page_is_shown_in_a_frame_of_ours_where_nothing_runs(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await kept(pool, national)
    came = await analyst.ask("GET", f"/bulletins/{number}/preview")
    assert (came.status, await came.read()) == (200, FILES["html"])
    assert {name: came.headers[name] for name in HEADERS} == {**HEADERS, **FRAME}
    assert "script-src" not in FRAME["Content-Security-Policy"]
    assert FRAME["Content-Security-Policy"].endswith("sandbox")


async def test_each_form_is_taken_out_under_its_name_and_noted(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    number = await kept(pool, national)
    came = await analyst.ask("GET", f"/bulletins/{number}/files/docx")
    named = came.headers["Content-Disposition"]
    assert 'filename="bulletin-national-2016-2016-10-draft.docx"' in named
    assert "12320工作简报第113期（2016年10月）-草稿.docx" in unquote(named)
    assert came.headers["Content-Type"].endswith("wordprocessingml.document")
    assert await came.read() == FILES["docx"]
    assert (await shown(analyst, number))["forms"] == ["docx", "html", "json"]
    assert await code(analyst, "GET", f"/bulletins/{number}/files/pdf") == (404, "no_file")
    assert (await analyst.ask("GET", f"/bulletins/{number}/files/exe")).status == 400
    noted = await pool.fetch("SELECT actor, action, detail FROM audit WHERE object = 'bulletin:1'")
    assert [(row["actor"], row["action"]) for row in noted] == [("analyst1", "bulletin.taken_out")]
    assert json.loads(noted[0]["detail"]) == {"form": "docx", "state": "draft"}


async def test_a_restated_month_shows_both_editions_and_that_the_counts_have_changed(
    analyst: Desk, pool: Pool, national: Bulletin
) -> None:
    first = await in_review(pool, national)
    async with pool.acquire() as connection:
        reviewed = await may_publish(connection, first, by="supervisor1")
        await publish(connection, first, reviewed, FILES, by="supervisor1")
    second = await kept(pool, national)
    listed = (await (await analyst.ask("GET", "/bulletins")).json())["bulletins"]
    assert [(one["bulletin_id"], one["edition"], one["state"]) for one in listed] == [
        (second, 2, "draft"),
        (first, 1, "published"),
    ]
    found = await shown(analyst, first)
    assert (found["bulletin"]["edition"], found["counts_changed"]) == (1, True)
    stale = {"version": 1, "editorial": found["editorial"]}
    assert await code(analyst, "PUT", f"/bulletins/{first}/text", stale) == (409, "wrong_state")


@pytest.mark.parametrize(
    "role", [role for role in Role if role not in {Role.ANALYST, Role.SUPERVISOR}]
)
async def test_nobody_else_sees_a_bulletin(desk: Desk, role: Role) -> None:
    await desk.enter(role)
    assert (await desk.ask("GET", "/bulletins")).status == 403
    assert (await desk.ask("POST", "/bulletins", OCTOBER)).status == 403


async def test_an_analyst_does_not_publish(analyst: Desk, pool: Pool, national: Bulletin) -> None:
    number = await in_review(pool, national, by="s2")
    assert await code(analyst, "POST", f"/bulletins/{number}/publish") == (403, "not_allowed")
