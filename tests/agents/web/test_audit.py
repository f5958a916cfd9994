"""Reading the audit: by whom, of what, and whether its chain holds."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agents import audit
from agents.roles import Permission, Role, may
from agents.throttle import EXPORT
from agents.web.audit import PAGE
from ivr.database import Pool
from tests.agents.conftest import Desk


def days() -> str:
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
    return f"first={today}&last={today}"


async def lines(desk: Desk, asked: str = "") -> dict[str, Any]:
    answer = await desk.ask("GET", f"/audit?{days()}{asked}", key=None)
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def write(pool: Pool) -> None:
    await audit.note(pool, "a1001", "number.revealed", "call:n1-17-1763785000.1", reason="回访")
    await audit.note(pool, "a1002", "number.revealed", "call:n1-17-1763785000.2", reason="核实")
    await audit.note(pool, "a1001", "help.asked", "call:")


@pytest.mark.parametrize(
    ("asked", "objects"),
    [
        ("&actor=a1001&action=number.revealed", ["call:n1-17-1763785000.1"]),
        ("&action=number.revealed", ["call:n1-17-1763785000.2", "call:n1-17-1763785000.1"]),
        ("&object=1763785000.2", ["call:n1-17-1763785000.2"]),
        ("&actor=a1003", []),
    ],
)
async def test_the_audit_is_read_by_person_action_and_object(
    desk: Desk, pool: Pool, asked: str, objects: list[str]
) -> None:
    await write(pool)
    await desk.enter(Role.AUDITOR)
    assert [one["object"] for one in (await lines(desk, asked))["lines"]] == objects


async def test_of_another_day_there_is_nothing(desk: Desk, pool: Pool) -> None:
    await write(pool)
    await desk.enter(Role.AUDITOR)
    answer = await desk.ask("GET", "/audit?first=2020-01-01&last=2020-12-31", key=None)
    assert (await answer.json())["lines"] == []


@pytest.mark.parametrize(
    "asked", ["first=2020-01-02&last=2020-01-01", "first=2000-01-01&last=2020-01-01"]
)
async def test_days_that_run_backwards_or_are_too_many_are_refused(desk: Desk, asked: str) -> None:
    await desk.enter(Role.AUDITOR)
    assert (await desk.ask("GET", f"/audit?{asked}", key=None)).status == 422


async def test_who_turns_the_pages_sees_every_line_once(desk: Desk, pool: Pool) -> None:
    for number in range(PAGE + 5):
        await audit.note(pool, "a1001", "x.done", f"x:{number}")
    await desk.enter(Role.AUDITOR)
    first = await lines(desk, "&action=x.done")
    last = first["lines"][-1]["seq"]
    second = await lines(desk, f"&action=x.done&before={last}")
    assert (first["more"], second["more"]) == (True, False)
    seen = [one["object"] for one in (*first["lines"], *second["lines"])]
    assert seen == [f"x:{number}" for number in reversed(range(PAGE + 5))]


async def test_who_reads_the_audit_stands_in_it(desk: Desk, pool: Pool) -> None:
    await write(pool)
    await desk.enter(Role.AUDITOR)
    await lines(desk, "&actor=a1001")
    assert (await desk.ask("GET", "/audit/chain", key=None)).status == 200
    assert (await desk.ask("GET", f"/audit/file?{days()}", key=None)).status == 200
    read = await lines(desk, "&actor=auditor1")
    own = [(one["action"], one["object"]) for one in read["lines"]]
    assert own[:4] == [
        ("audit.read", "audit"),
        ("audit.exported", "audit"),
        ("audit.verified", "audit"),
        ("audit.read", "audit"),
    ]
    assert '"actor": "a1001"' in read["lines"][3]["detail"]


async def test_what_can_be_asked_for_is_what_was_done(desk: Desk, pool: Pool) -> None:
    await write(pool)
    await desk.enter(Role.AUDITOR)
    known = await (await desk.ask("GET", "/audit/actions", key=None)).json()
    assert known["actions"] == ["help.asked", "number.revealed", "user.created"]


async def chain(desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = await (await desk.ask("GET", "/audit/chain", key=None)).json()
    return found


async def test_a_chain_that_nobody_touched_holds_and_its_end_can_be_noted(
    desk: Desk, pool: Pool
) -> None:
    await write(pool)
    await desk.enter(Role.AUDITOR)
    told = await chain(desk)
    row = await pool.fetchrow("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    assert row is not None
    lines = row["seq"]
    whole = {"checked": lines, "lines": lines, "faults": 0, "breaks": []}
    assert told == whole | {"newest_hash": row["hash"].hex()}


@pytest.mark.parametrize(
    ("harm", "breaks"),
    [
        ("UPDATE audit SET actor = 'a1009' WHERE seq = 2", [(2, "changed")]),
        ("DELETE FROM audit WHERE seq = 2", [(3, "missing")]),
        (
            (
                "UPDATE audit SET prev_hash = sha256('x') WHERE seq = 2;"
                "UPDATE audit SET hash = audit_hash(audit) WHERE seq = 2"
            ),
            [(2, "relinked"), (3, "relinked")],
        ),
    ],
)
async def test_a_line_that_was_tampered_with_is_named(
    desk: Desk, pool: Pool, harm: str, breaks: list[tuple[int, str]]
) -> None:
    await write(pool)
    await pool.execute("ALTER TABLE audit DISABLE TRIGGER insert_only")
    await pool.execute(harm)
    await pool.execute("ALTER TABLE audit ENABLE TRIGGER insert_only")
    await desk.enter(Role.AUDITOR)
    told = await chain(desk)
    assert [(one["seq"], one["why"]) for one in told["breaks"]] == breaks


async def test_whoever_goes_on_with_a_walk_is_not_written_down_again_and_sees_its_end_vanish(
    desk: Desk, pool: Pool
) -> None:
    await write(pool)
    await desk.enter(Role.AUDITOR)
    first = await chain(desk)
    assert first["checked"] == first["lines"]
    after = f"/audit/chain?after={first['checked']}"
    assert await (await desk.ask("GET", after, key=None)).json() == first
    noted = "SELECT count(*) FROM audit WHERE action = 'audit.verified'"
    assert await pool.fetchval(noted) == 1
    answer = await desk.ask("GET", f"/audit/chain?after={first['checked'] + 1}", key=None)
    assert (answer.status, (await answer.json())["code"]) == (409, "chain_shorter")


async def test_nothing_in_the_file_is_a_formula(desk: Desk, pool: Pool) -> None:
    await audit.note(pool, "", "login.refused", "=cmd|' /C calc'!A0", said="＝1")
    await desk.enter(Role.AUDITOR)
    answer = await desk.ask("GET", f"/audit/file?{days()}", key=None)
    assert answer.content_type == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    heading, *rows = csv.reader(io.StringIO((await answer.read()).decode("utf-8-sig")))
    assert heading[:5] == ["序号", "时间", "人员", "动作", "对象"]
    assert [row[4] for row in rows if row[3] == "login.refused"] == ["'=cmd|' /C calc'!A0"]


async def test_the_file_is_given_so_often_a_minute(desk: Desk) -> None:
    await desk.enter(Role.AUDITOR)
    came = [
        (await desk.ask("GET", f"/audit/file?{days()}", key=None)).status
        for _ in range(EXPORT.most + 1)
    ]
    assert came == [200] * EXPORT.most + [429]


async def test_nobody_but_the_auditor_reads_it(desk: Desk) -> None:
    asked = (f"?{days()}", "/actions", "/chain", f"/file?{days()}")
    for role in Role:
        if not may(role, Permission.AUDIT_READ):
            await desk.enter(role)
            came = {(await desk.ask("GET", f"/audit{one}", key=None)).status for one in asked}
            assert came == {403}, role
