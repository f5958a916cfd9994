"""Reports in the browser: run, taken out, and looked behind by those who may."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime
from unittest.mock import AsyncMock

import openpyxl
import pytest
from aiohttp import ClientResponse

from agents.roles import Role
from agents.web import reports
from ivr.database import Pool
from tests.agents.conftest import Desk, file_request, record_call

FIRST = datetime(2026, 11, 20, 1, tzinfo=UTC)
SPAN = "first=2026-11-20&last=2026-11-21"


async def requests_filed(pool: Pool) -> list[str]:
    """File three requests on two days."""
    await pool.execute("SELECT make_partitions_ahead(1)")
    calls = []
    for serial, (day, code) in enumerate(((20, "C02.01.01"), (21, "C02.01.01"), (21, "T01"))):
        at = datetime(2026, 11, day, 2, 0, serial, tzinfo=UTC)
        call_id = await record_call(pool, call_id=f"n1-7-{int(at.timestamp())}.{serial}")
        await file_request(pool, call_id, code)
        calls.append(call_id)
    return calls


async def test_what_we_dial_took_no_way_through_the_menu(desk: Desk, pool: Pool) -> None:
    await requests_filed(pool)
    await pool.execute("UPDATE call SET direction = 'outbound' WHERE call_id LIKE '%.2'")
    await desk.enter(Role.ANALYST)
    table = await (await desk.ask("GET", f"/reports/menu-path?{SPAN}")).json()
    assert table["headings"][:2] == ["菜单路径", "来电量"]
    assert [row[:2] for row in table["rows"]] == [["m_main>1", 2]]


async def test_an_analyst_runs_a_report_and_sees_no_calls(desk: Desk, pool: Pool) -> None:
    await requests_filed(pool)
    await desk.enter(Role.ANALYST)
    listed = await (await desk.ask("GET", "/reports")).json()
    assert {one["name"] for one in listed["reports"]} >= {"hour", "agent", "category", "region"}
    table = await (await desk.ask("GET", f"/reports/category?{SPAN}")).json()
    assert table["period"] == "2026-11-20至2026-11-21"
    assert [row[:2] for row in table["rows"]] == [
        ["12320-2016 C02.01.01", 2],
        ["12320-2016 T01", 1],
    ]
    later = await (
        await desk.ask("GET", "/reports/category?first=2026-11-21&last=2026-11-21")
    ).json()
    assert [row[1] for row in later["rows"]] == [1, 1]
    kinds = {one["name"]: one["filters"] for one in listed["reports"]}
    assert (kinds["day"], kinds["region"]) == (["queue", "agent"], ["queue", "agent", "unit"])
    behind = f"/reports/category/behind?key=12320-2016%20T01&{SPAN}"
    assert (await desk.ask("GET", behind)).status == 403


async def test_who_sees_calls_gets_to_those_that_a_figure_counts_and_no_others(
    desk: Desk, pool: Pool
) -> None:
    first, second, _ = await requests_filed(pool)
    await pool.execute("UPDATE call SET queue = 'psych', agent = 'a1002' WHERE call_id = $1", first)
    await desk.enter(Role.SUPERVISOR)
    behind = f"/reports/category/behind?key=12320-2016%20C02.01.01&{SPAN}"
    for narrowed, expected in (
        ("", [second, first]),
        ("&queue=psych", [first]),
        ("&agent=a1001", [second]),
        ("&queue=psych&agent=a1001", []),
    ):
        found = await (await desk.ask("GET", behind + narrowed)).json()
        assert [one["call_id"] for one in found["calls"]] == expected
    assert (await desk.ask("GET", f"/reports/weather/behind?key=x&{SPAN}")).status == 404


async def test_a_report_is_taken_out_as_a_sheet_or_as_text(desk: Desk, pool: Pool) -> None:
    await requests_filed(pool)
    await desk.enter(Role.ANALYST)
    came = await desk.ask("GET", f"/reports/region/file?{SPAN}")
    assert came.status == 200
    name = 'filename="region-2026-11-20-2026-11-21.xlsx"'
    assert name in came.headers["Content-Disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(await came.read())).active
    assert sheet is not None
    assert [cell.value for cell in sheet[3]][:2] == ["self", 3]
    came = await desk.ask("GET", f"/reports/region/file?{SPAN}&form=csv")
    assert came.content_type == "text/csv"
    assert (await came.text("utf-8-sig")).splitlines()[1].startswith("self,3,3,0")


async def test_what_a_report_cannot_be_narrowed_by_is_named_with_what_it_can(desk: Desk) -> None:
    await desk.enter(Role.SUPERVISOR)
    for path in ("", "/file", "/steps", "/behind"):
        came = await desk.ask("GET", f"/reports/day{path}?{SPAN}&unit=self&key=x")
        problem = await came.json()
        assert (came.status, problem["fields"][0]["field"]) == (422, "unit")
        assert problem["message"] == "此报表只能按队列、工号筛选。"
    table = await (await desk.ask("GET", f"/reports/region?{SPAN}&unit=self")).json()
    assert table["scope"] == "上报单位 self"


async def test_a_unit_that_there_is_not_is_no_report_of_nothing(desk: Desk) -> None:
    await desk.enter(Role.SUPERVISOR)
    for path in ("reports/region", "reports/region/steps", "reports/region/behind", "short-text"):
        came = await desk.ask("GET", f"/{path}?{SPAN}&unit=atlantis&key=x")
        problem = await came.json()
        assert (came.status, problem["fields"][0]["field"]) == (422, "unit")
        assert "现有：self" in problem["message"]
    body = {"name": "x", "report": "region", "period": "today", "unit": "atlantis"}
    assert (await desk.ask("POST", "/saved-reports", body)).status == 422


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reports/weather?first=2026-11-20&last=2026-11-20", 404),
        ("/reports/day?first=2026-11-21&last=2026-11-20", 422),
        ("/reports/day?first=2020-01-01&last=2026-11-20", 422),
        ("/reports/day?first=9999-12-31&last=9999-12-31", 422),
        ("/reports/day?first=tomorrow&last=2026-11-20", 400),
        ("/reports/day?first=2026-11-20&last=2026-11-20&queue=a'b", 400),
        ("/reports/day/file?first=2026-11-20&last=2026-11-20&form=doc", 400),
    ],
)
async def test_what_cannot_be_answered_is_refused(desk: Desk, path: str, status: int) -> None:
    await desk.enter(Role.ANALYST)
    assert (await desk.ask("GET", path)).status == status


async def test_an_agent_sees_no_reports(desk: Desk) -> None:
    await desk.enter()
    for path in ("/reports", f"/reports/agent?{SPAN}", f"/reports/agent/file?{SPAN}"):
        assert (await desk.ask("GET", path)).status == 403


async def test_a_report_that_takes_too_long_is_stopped_and_said_to_be(
    desk: Desk, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "LONGEST_SECONDS", 0.3)
    await desk.enter(Role.ANALYST)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK request IN ACCESS EXCLUSIVE MODE")
        came = await desk.ask("GET", f"/reports/region?{SPAN}")
    assert (came.status, (await came.json())["code"]) == (503, "too_long")


async def test_reports_leave_connections_to_the_desks_and_a_lost_database_is_no_fault_of_ours(
    desk: Desk, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.enter(Role.ANALYST)
    async with (
        asyncio.TaskGroup() as tasks,
        pool.acquire() as connection,
        connection.transaction(),
    ):
        await connection.execute("LOCK request IN ACCESS EXCLUSIVE MODE")
        asked = [tasks.create_task(desk.ask("GET", f"/reports/region?{SPAN}")) for _ in "12345"]
        refused: set[asyncio.Task[ClientResponse]] = set()
        while len(refused) < len(asked) - reports.AT_ONCE:
            refused, _ = await asyncio.wait(asked, timeout=0.1)
        assert {task.result().status for task in refused} == {503}
    assert sorted(task.result().status for task in asked)[: reports.AT_ONCE] == [200] * 2
    monkeypatch.setattr(reports, "run_report", AsyncMock(side_effect=ConnectionResetError))
    assert (await desk.ask("GET", f"/reports/region?{SPAN}")).status == 503


async def test_a_report_that_nobody_waits_for_any_more_is_given_up(desk: Desk, pool: Pool) -> None:
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE '%report.request%' AND pid <> pg_backend_pid()"
    )

    async def comes_to(count: int) -> None:
        async with asyncio.timeout(20):
            while await pool.fetchval(running) != count:  # noqa: ASYNC110 - the server changes it
                await asyncio.sleep(0.05)

    await desk.enter(Role.ANALYST)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK request IN ACCESS EXCLUSIVE MODE")
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(desk.ask("GET", f"/reports/region?{SPAN}"))
            await comes_to(1)
            asking.cancel()
        await comes_to(0)
