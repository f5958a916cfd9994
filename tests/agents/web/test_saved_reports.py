"""Saved reports over the API, and the main figures as a text message."""

from __future__ import annotations

import pytest

from agents.roles import Role
from ivr.database import Pool
from tests.agents.conftest import Desk
from tests.agents.web.test_reports import SPAN, requests_filed

WISH = {"name": "上月类别", "report": "category", "period": "last_month", "queue": "consult"}


async def saved(desk: Desk, **changed: object) -> int:
    came = await desk.ask("POST", "/saved-reports", {**WISH, **changed})
    assert came.status == 201
    number: int = (await came.json())["saved_id"]
    return number


async def names(desk: Desk) -> list[str]:
    listed = await (await desk.ask("GET", "/saved-reports")).json()
    return [one["name"] for one in listed["saved"]]


async def test_a_report_is_saved_opened_by_its_address_renamed_and_brought_back(
    desk: Desk,
) -> None:
    await desk.enter(Role.ANALYST)
    number = await saved(desk)
    opened = await (await desk.ask("GET", f"/saved-reports/{number}")).json()
    assert (opened["own"], opened["title"], opened["queue"]) == (
        True,
        "按类别统计服务请求",
        "consult",
    )
    assert opened["first"].endswith("-01")
    assert opened["first"][:7] == opened["last"][:7]
    renamed = await desk.ask("PUT", f"/saved-reports/{number}", {**WISH, "name": "类别"})
    assert (renamed.status, await names(desk)) == (200, ["类别"])
    assert (await desk.ask("DELETE", f"/saved-reports/{number}")).status == 204
    assert (await desk.ask("GET", f"/saved-reports/{number}")).status == 404
    assert await names(desk) == []
    assert (await desk.ask("POST", f"/saved-reports/{number}/restore")).status == 200
    assert await names(desk) == ["类别"]


async def test_others_open_what_is_shared_and_change_nothing(desk: Desk) -> None:
    await desk.enter(Role.ANALYST)
    own, shared = await saved(desk), await saved(desk, name="共享", shared=True)
    await desk.enter(Role.SUPERVISOR)
    assert await names(desk) == ["共享"]
    opened = await (await desk.ask("GET", f"/saved-reports/{shared}")).json()
    assert (opened["own"], opened["owner"]) == (False, "analyst1")
    assert (await desk.ask("GET", f"/saved-reports/{own}")).status == 404
    for number in (own, shared):
        assert (await desk.ask("PUT", f"/saved-reports/{number}", WISH)).status == 404
        assert (await desk.ask("DELETE", f"/saved-reports/{number}")).status == 404
        assert (await desk.ask("POST", f"/saved-reports/{number}/restore")).status == 404
    await desk.enter(Role.AGENT)
    assert (await desk.ask("GET", "/saved-reports")).status == 403


async def test_a_name_is_taken_once_and_a_filter_that_means_nothing_is_left_out(
    desk: Desk,
) -> None:
    await desk.enter(Role.ANALYST)
    await saved(desk)
    came = await desk.ask("POST", "/saved-reports", WISH)
    assert (came.status, (await came.json())["code"]) == (409, "name_taken")
    number = await saved(desk, name="日", report="day", unit="self")
    assert (await (await desk.ask("GET", f"/saved-reports/{number}")).json())["unit"] == ""


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"name": "  "}, 400),
        ({"name": "日报\nBcc: x@y.cn"}, 400),
        ({"name": "长" * 61}, 400),
        ({"period": "next_week"}, 400),
        ({"queue": "a'b"}, 400),
        ({"owner": "chief"}, 400),
        ({"report": "weather"}, 422),
    ],
)
async def test_what_cannot_be_saved_is_refused(
    desk: Desk, changed: dict[str, object], status: int
) -> None:
    await desk.enter(Role.ANALYST)
    assert (await desk.ask("POST", "/saved-reports", {**WISH, **changed})).status == status


async def test_the_main_figures_are_said_in_one_message_and_in_full(desk: Desk, pool: Pool) -> None:
    await requests_filed(pool)
    await desk.enter(Role.ANALYST)
    said = await (await desk.ask("GET", f"/short-text?{SPAN}")).json()
    text = "12320热线2026年11月20日至21日来电3，接通0，受理3件次：咨询2、投诉1。"
    assert said["brief"] == {"text": text, "length": len(text), "limit": 70, "messages": 1}
    assert (said["full"]["text"], said["full"]["limit"]) == (text, 140)
    narrowed = await (await desk.ask("GET", f"/short-text?{SPAN}&queue=psych")).json()
    assert "（队列psych）来电0" in narrowed["brief"]["text"]
    of_a_unit = await (await desk.ask("GET", f"/short-text?{SPAN}&unit=self")).json()
    told = "12320热线2026年11月20日至21日（上报单位self）受理3件次：咨询2、投诉1。"
    assert of_a_unit["full"]["text"] == told
