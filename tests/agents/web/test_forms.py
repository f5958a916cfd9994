"""The form: drafts that survive, requests that are saved once, corrections that keep what was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.roles import Role
from ivr.database import Pool
from tests.agents.conftest import Desk, new_call, record_call

RABIES: dict[str, Any] = {"code": "C02.01.01", "note": "被狗咬伤后疫苗要打几针", "region": "南京市"}


async def draft(desk: Desk, call_id: str, version: int, *contents: object) -> tuple[int, Any]:
    body = {"version": version, "requests": list(contents)}
    async with await desk.ask("PUT", f"/calls/{call_id}/draft", body, key=None) as answer:
        return answer.status, await answer.json()


async def save(desk: Desk, call_id: str, *contents: object, key: str = "") -> tuple[int, Any]:
    body = {"requests": list(contents)}
    async with await desk.ask("POST", f"/calls/{call_id}/requests", body, key=key) as answer:
        return answer.status, await answer.json()


async def form(desk: Desk, call_id: str) -> dict[str, Any]:
    async with await desk.ask("GET", f"/calls/{call_id}/form") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def counted(pool: Pool) -> dict[str, int]:
    rows = await pool.fetch("SELECT code, sum(n) AS n FROM count_change GROUP BY 1")
    return {row["code"]: row["n"] for row in rows if row["n"]}


async def test_a_draft_is_kept_version_by_version_and_listed(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    assert (await draft(desk, call_id, 0, {"note": "被狗"}))[1]["version"] == 1
    status, kept = await draft(desk, call_id, 1, {"note": "被狗咬伤"})
    assert (status, kept["version"]) == (200, 2)
    assert (await form(desk, call_id))["draft"]["requests"][0]["note"] == "被狗咬伤"
    [listed] = (await (await desk.ask("GET", "/drafts")).json())["drafts"]
    assert listed["call_id"] == call_id
    assert (await desk.ask("DELETE", f"/calls/{call_id}/draft", key=None)).status == 204
    assert (await form(desk, call_id))["draft"] is None


async def test_a_draft_that_was_sent_twice_is_there_once_and_an_old_one_is_refused(
    desk: Desk, pool: Pool
) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    for _ in range(2):
        assert (await draft(desk, call_id, 0, {"note": "一"}))[1]["version"] == 1
    for _ in range(2):
        assert (await draft(desk, call_id, 1, {"note": "二"}))[1]["version"] == 2
    status, problem = await draft(desk, call_id, 1, {"note": "三"})
    assert (status, problem["code"]) == (409, "draft_moved")
    assert await pool.fetchval("SELECT count(*) FROM draft") == 1


async def test_a_saved_form_is_counted_and_its_draft_is_gone(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    await draft(desk, call_id, 0, RABIES)
    other = {"code": "T01", "settlement": "transferred", "transferred_to": "市卫健委"}
    status, filed = await save(desk, call_id, RABIES, other)
    assert status == 201
    assert len(filed["request_ids"]) == 2
    found = await form(desk, call_id)
    assert found["draft"] is None
    first, second = found["requests"]
    assert first["content"]["note"] == RABIES["note"]
    assert first["path"][0] == "咨询"
    assert (second["content"]["settlement"], second["position"]) == ("transferred", 2)
    assert await counted(pool) == {"C02.01.01": 1, "T01": 1}
    rows = await pool.fetch("SELECT source, service, settlement FROM request ORDER BY position")
    assert [tuple(row) for row in rows] == [
        ("agent", "C", "on_the_spot"),
        ("agent", "T", "transferred"),
    ]


async def test_what_an_agent_files_outranks_what_the_menu_guessed(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    await pool.execute(
        "INSERT INTO request (opened_at, call_id, source, position, scheme, service, code, "
        "confidence, made_at) VALUES (call_opened_at($1), $1, 'menu', 1, '12320-2016', 'B', 'B01', "
        "1, now())",
        call_id,
    )
    await save(desk, call_id, RABIES)
    assert await counted(pool) == {"C02.01.01": 1}


async def test_a_save_that_is_sent_again_is_one_save(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    at_once = await asyncio.gather(*(save(desk, call_id, RABIES, key="k" * 16) for _ in range(5)))
    again = await save(desk, call_id, RABIES, key="k" * 16)
    assert {str(result) for result in (*at_once, again)} == {str(again)}
    assert again[0] == 201
    assert await pool.fetchval("SELECT count(*) FROM request") == 1
    status, problem = await save(desk, call_id, {**RABIES, "note": "x"}, key="k" * 16)
    assert (status, problem["code"]) == (422, "key_reused")


async def test_an_incomplete_form_names_what_is_missing(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    status, problem = await save(
        desk, call_id, {"code": "X99"}, {"code": "C02", "settlement": "transferred"}
    )
    assert (status, problem["code"]) == (422, "form_incomplete")
    fields = [fault["field"] for fault in problem["fields"]]
    assert fields == ["requests.0.code", "requests.1.transferred_to"]
    assert await pool.fetchval("SELECT count(*) FROM request") == 0


async def test_a_call_whose_record_is_not_written_yet_is_saved_a_moment_later(
    desk: Desk, pool: Pool
) -> None:
    await desk.enter(Role.SUPERVISOR)
    call_id = new_call()
    body = {"requests": [RABIES]}
    async with await desk.ask("POST", f"/calls/{call_id}/requests", body, key="k" * 16) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    await record_call(pool, call_id=call_id)
    assert (await save(desk, call_id, RABIES, key="k" * 16))[0] == 201


async def test_a_correction_moves_the_count_and_keeps_what_was(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    [number] = (await save(desk, call_id, RABIES))[1]["request_ids"]
    body = {"version": 1, "content": {**RABIES, "code": "C03"}, "reason": "选错类别"}
    assert (await desk.ask("PUT", f"/requests/{number}", body)).status == 204
    assert (await desk.ask("PUT", f"/requests/{number}", body)).status == 409
    assert await counted(pool) == {"C03": 1}
    async with await desk.ask("GET", f"/requests/{number}/versions") as answer:
        shown = (await answer.json())["versions"]
    assert [(v["version"], v["content"]["code"], v["reason"]) for v in shown] == [
        (2, "C03", "选错类别"),
        (1, "C02.01.01", ""),
    ]
    body = {"version": 2, "content": RABIES, "withdrawn": True, "reason": "误填"}
    assert (await desk.ask("PUT", f"/requests/{number}", body)).status == 204
    assert await counted(pool) == {}
    actions = await pool.fetch("SELECT action FROM audit WHERE object = $1", f"request:{number}")
    assert len(actions) == 2


async def test_what_was_written_cannot_be_changed_in_the_database(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    await save(desk, await record_call(pool), RABIES)
    with pytest.raises(Exception, match="insert only"):
        await pool.execute("UPDATE request_version SET note = ''")


async def test_the_classifier_learns_from_what_agents_file(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    said = {"guess": "C02.02", "confidence": [0.9, 0.6, 0.5, 0.4], "model": "abc"}
    await save(desk, await record_call(pool), {**RABIES, "suggestion": said})
    row = await pool.fetchrow("SELECT agent, code, guess, model, note FROM confirmation")
    assert tuple(row or ()) == ("a1001", "C02.01.01", "C02.02", "abc", RABIES["note"])


async def test_another_agents_call_is_not_there(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    [number] = (await save(desk, call_id, RABIES))[1]["request_ids"]
    await desk.enter(person="a1002")
    correction = {"version": 1, "content": RABIES, "reason": "试试"}
    for method, path, body in (
        ("GET", f"/calls/{call_id}", None),
        ("GET", f"/calls/{call_id}/form", None),
        ("PUT", f"/calls/{call_id}/draft", {"version": 0, "requests": []}),
        ("POST", f"/calls/{call_id}/requests", {"requests": [RABIES]}),
        ("POST", f"/calls/{call_id}/reveal", {"reason": "试试"}),
        ("GET", f"/requests/{number}/versions", None),
        ("PUT", f"/requests/{number}", correction),
        ("PUT", f"/requests/{number + 1}", correction),
        ("GET", f"/calls/{new_call()}", None),
    ):
        async with await desk.ask(method, path, body) as answer:
            assert (answer.status, await answer.json()) == (
                404,
                {"code": "not_found", "message": "没有找到。", "fields": []},
            ), path


async def test_quality_reads_others_calls_and_corrects_them(desk: Desk, pool: Pool) -> None:
    await desk.enter()
    call_id = await record_call(pool)
    [number] = (await save(desk, call_id, RABIES))[1]["request_ids"]
    await desk.enter(Role.QUALITY)
    assert (await form(desk, call_id))["requests"][0]["written_by"] == "a1001"
    body = {"version": 1, "content": {**RABIES, "code": "C03"}, "reason": "质检改判"}
    assert (await desk.ask("PUT", f"/requests/{number}", body)).status == 204
    assert (await save(desk, call_id, RABIES))[0] == 403


@pytest.mark.parametrize("extra", ["request_id", "written_by", "position", "role", "made_at"])
async def test_what_a_form_may_not_set_is_refused(desk: Desk, pool: Pool, extra: str) -> None:
    await desk.enter()
    status, problem = await save(desk, await record_call(pool), {**RABIES, extra: 1})
    assert (status, problem["fields"][0]["field"]) == (400, f"requests.0.{extra}")
