"""Long reports say how far they are, and are cancelled down to the database."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from structlog.testing import capture_logs

from agents.reports import moment
from agents.reports.catalogue import Report
from agents.reports.kpi import FiguresDisagree
from agents.roles import Role
from agents.web import report_steps
from ivr.database import Pool
from tests.agents.conftest import Desk
from tests.agents.web.test_reports import SPAN, requests_filed

YEARS = "first=2024-11-22&last=2026-11-21"


async def lines(desk: Desk, path: str) -> list[dict[str, Any]]:
    came = await desk.ask("GET", path)
    assert (came.status, came.content_type) == (200, "application/x-ndjson")
    return [json.loads(line) async for line in came.content]


async def test_a_report_of_years_says_how_far_it_is_and_equals_the_one_that_says_nothing(
    desk: Desk, pool: Pool
) -> None:
    await requests_filed(pool)
    await desk.enter(Role.ANALYST)
    for name in ("category", "day"):
        said = await lines(desk, f"/reports/{name}/steps?{YEARS}")
        assert [(one["step"], one["steps"]) for one in said[:-1]] == [(n, 25) for n in range(26)]
        whole = await (await desk.ask("GET", f"/reports/{name}?{YEARS}")).json()
        assert said[-1]["table"] == whole


async def test_a_file_comes_at_the_end(desk: Desk, pool: Pool) -> None:
    await requests_filed(pool)
    await desk.enter(Role.ANALYST)
    file = (await lines(desk, f"/reports/region/steps?{SPAN}&shape=csv"))[-1]["file"]
    assert (file["name"], file["kind"]) == ("region-2026-11-20-2026-11-21.csv", "text/csv")
    came = await desk.ask("GET", f"/reports/region/file?{SPAN}&form=csv")
    assert base64.b64decode(file["content"]) == await came.read()


async def status_of(desk: Desk, path: str) -> int:
    came = await desk.ask("GET", path)
    await came.read()
    return came.status


async def held(pool: Pool, count: int) -> None:
    """Wait until this many statements of reports are held up in PostgreSQL."""
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE '%report.request%' AND pid <> pg_backend_pid()"
    )
    async with asyncio.timeout(20):
        while await pool.fetchval(running) != count:  # noqa: ASYNC110 - the server changes it
            await asyncio.sleep(0.05)


async def test_who_closes_the_connection_cancels_the_statement_in_the_middle(
    desk: Desk, pool: Pool
) -> None:
    await desk.enter(Role.ANALYST)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK request IN ACCESS EXCLUSIVE MODE")
        came = await desk.ask("GET", f"/reports/region/steps?{YEARS}")
        assert json.loads(await came.content.readline()) == {"step": 0, "steps": 25}
        await held(pool, 1)
        assert await status_of(desk, f"/reports/day/steps?{YEARS}") == 503, "one at a time"
        came.close()
        await held(pool, 0)
    async with asyncio.timeout(20):
        while await status_of(desk, f"/reports/day/steps?{YEARS}") == 503:  # noqa: ASYNC110 - the place is given back by the server
            await asyncio.sleep(0.05)


async def test_a_report_that_cannot_be_finished_says_why(
    desk: Desk, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.enter(Role.ANALYST)
    monkeypatch.setattr(moment, "LONGEST_SECONDS", 0.3)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK request IN ACCESS EXCLUSIVE MODE")
        said = await lines(desk, f"/reports/region/steps?{YEARS}")
    assert said[-1]["problem"]["code"] == "too_long"
    monkeypatch.setattr(report_steps, "run_report", AsyncMock(side_effect=OSError))
    said = await lines(desk, f"/reports/region/steps?{SPAN}")
    assert said[-1]["problem"]["code"] == "unavailable"


@pytest.mark.parametrize(
    ("part", "shape"), [("run_report", "table"), ("table_of", "table"), ("writer_of", "xlsx")]
)
async def test_whatever_breaks_the_answer_ends_with_a_line_that_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, part: str, shape: str
) -> None:
    await desk.enter(Role.ANALYST)
    monkeypatch.setattr(report_steps, part, Mock(side_effect=FiguresDisagree("N_req 5")))
    with capture_logs() as logs:
        async with asyncio.timeout(20):
            said = await lines(desk, f"/reports/day/steps?{SPAN}&shape={shape}")
    assert said[-1]["problem"] == {
        "code": "failed",
        "message": "系统内部错误，已记录。",
        "fields": [],
    }
    assert "web.failed" in [one["event"] for one in logs]


async def test_the_usual_month_does_not_wait_for_a_report_of_years(desk: Desk, pool: Pool) -> None:
    await desk.enter(Role.ANALYST)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK request IN ACCESS EXCLUSIVE MODE")
        came = await desk.ask("GET", f"/reports/region/steps?{YEARS}")
        await held(pool, 1)
        month = "first=2026-10-23&last=2026-11-22"
        assert (await lines(desk, f"/reports/day/steps?{month}"))[-1]["table"]
        came.close()


BIG = Report("t", "p", ("a", "b"), tuple(("x" * 400 + str(row), row) for row in range(60_000)))


async def test_who_does_not_read_holds_no_place(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.enter(Role.ANALYST)
    monkeypatch.setattr(report_steps, "run_report", AsyncMock(return_value=BIG))
    unread = await desk.ask("GET", f"/reports/day/steps?{YEARS}")
    async with asyncio.timeout(20):
        while await status_of(desk, f"/reports/day/steps?{YEARS}") == 503:  # noqa: ASYNC110 - the place is given back by the server
            await asyncio.sleep(0.05)
    unread.close()


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_steps, "STALLED_SECONDS", 0.01)

    async def stall(_piece: bytes) -> None:
        await asyncio.Event().wait()

    request, response = Mock(), Mock(write=stall)
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(20):
            await report_steps._say(request, response, report_steps.ReportLine())
    request.transport.abort.assert_called_once_with()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/reports/weather/steps?{SPAN}", 404),
        (f"/reports/day/steps?{SPAN}&shape=pdf", 400),
        ("/reports/day/steps?first=2026-11-21&last=2026-11-20", 422),
    ],
)
async def test_what_cannot_be_run_is_refused_before_it_begins(
    desk: Desk, path: str, status: int
) -> None:
    await desk.enter(Role.ANALYST)
    assert (await desk.ask("GET", path)).status == status
