"""Scheduled reports over the API: made for allowed addresses, sent now, and told of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agents.reports import mailing
from agents.roles import Role
from ivr.database import Pool
from tests.agents.conftest import Desk
from tests.agents.post_office import PostOffice, post_office, settings_for
from tests.agents.web.test_saved_reports import saved

CHIEF = "chief@wjw.example.cn"
DAILY: dict[str, Any] = {"every": "day", "on_day": 0, "at": "08:00", "recipients": [CHIEF]}


@asynccontextmanager
async def mailed(desk: Desk, office: PostOffice, role: Role = Role.ANALYST) -> AsyncIterator[Desk]:
    """Serve with a mail server, and come in."""
    async with desk.again(mail=settings_for(office, None)) as other:
        await other.enter(role)
        yield other


async def test_a_schedule_is_made_tried_at_once_and_stopped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "LOOK_SECONDS", 0.05)
    async with post_office(None) as office, mailed(desk, office) as server:
        number = await saved(server)
        made = await server.ask(
            "POST",
            "/report-schedules",
            {**DAILY, "saved_id": number, "recipients": [CHIEF, "chief@WJW.example.cn"]},
        )
        schedule = await made.json()
        assert (made.status, schedule["recipients"]) == (201, [CHIEF])
        assert schedule["next_due"].endswith("T00:00:00Z"), "eight in China"
        path = f"/report-schedules/{schedule['schedule_id']}"
        assert (await server.ask("POST", f"{path}/run")).status == 204
        async with asyncio.timeout(20):
            await office.taken.wait()
            while (shown := await listed(server))["runs"][0]["state"] != "sent":  # noqa: ASYNC110 - the server's own loop writes it
                await asyncio.sleep(0.02)
        assert (shown["mail"], shown["domains"][0]) == (True, "wjw.example.cn")
        assert (shown["runs"][0]["sent"], shown["runs"][0]["recipients"]) == (1, 1)
        assert office.to == [CHIEF]
        assert (await server.ask("DELETE", path)).status == 204
        assert (await listed(server))["schedules"] == []
        assert (await server.ask("DELETE", path)).status == 404
        assert (await server.ask("POST", f"{path}/run")).status == 404


async def listed(desk: Desk) -> dict[str, Any]:
    shown: dict[str, Any] = await (await desk.ask("GET", "/report-schedules")).json()
    return shown


@pytest.mark.parametrize(
    ("changed", "status", "field"),
    [
        ({"recipients": ["x@elsewhere.example.cn"]}, 422, "recipients.0"),
        ({"recipients": [CHIEF, "a@wjw.example.cn\nBcc: x@y.cn"]}, 422, "recipients.1"),
        ({"recipients": []}, 400, None),
        ({"recipients": [CHIEF] * 21}, 400, None),
        ({"every": "week", "on_day": 8}, 422, "on_day"),
        ({"every": "month", "on_day": 0}, 422, "on_day"),
        ({"every": "day", "on_day": 3}, 422, "on_day"),
        ({"at": "24:00"}, 400, None),
        ({"form": "none", "short_text": False}, 422, "form"),
        ({"form": "docx"}, 400, None),
        ({"saved_id": 999}, 404, None),
    ],
)
async def test_what_cannot_be_mailed_is_refused_with_the_field(
    desk: Desk, changed: dict[str, object], status: int, field: str | None
) -> None:
    async with mailed(desk, PostOffice(port=1)) as server:
        body = {**DAILY, "saved_id": await saved(server), **changed}
        came = await server.ask("POST", "/report-schedules", body)
        assert came.status == status
        if field is not None:
            assert [one["field"] for one in (await came.json())["fields"]] == [field]


async def test_nobody_schedules_or_stops_what_is_anothers(desk: Desk) -> None:
    async with mailed(desk, PostOffice(port=1)) as server:
        number = await saved(server, shared=True)
        body = {**DAILY, "saved_id": number}
        made = await (await server.ask("POST", "/report-schedules", body)).json()
        await server.enter(Role.SUPERVISOR)
        assert (await server.ask("POST", "/report-schedules", body)).status == 404
        path = f"/report-schedules/{made['schedule_id']}"
        assert (await server.ask("DELETE", path)).status == 404
        assert (await server.ask("POST", f"{path}/run")).status == 404
        assert (await listed(server))["schedules"] == []
        await server.enter(Role.QUALITY)
        assert (await server.ask("GET", "/report-schedules")).status == 403


async def test_without_a_mail_server_nothing_is_scheduled(desk: Desk, pool: Pool) -> None:
    await desk.enter(Role.ANALYST)
    body = {**DAILY, "saved_id": await saved(desk)}
    came = await desk.ask("POST", "/report-schedules", body)
    assert (came.status, (await came.json())["code"]) == (409, "mail_off")
    assert (await listed(desk))["mail"] is False
    assert await pool.fetchval("SELECT count(*) FROM report_schedule") == 0
