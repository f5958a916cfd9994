"""The knowledge base: nobody approves his own words, and what is in force is found."""

from __future__ import annotations

import asyncio
from typing import Any

from agents.roles import Role
from ivr.database import Pool
from tests.agents.conftest import Desk

RABIES: dict[str, Any] = {
    "title": "被狗咬伤后的处置",
    "answer": "立即用肥皂水冲洗 15 分钟，尽快接种狂犬病疫苗。",
    "body": "暴露分级……\n\n<script>alert(1)</script>",
    "categories": ["C02.01.01"],
    "sources": ["狂犬病暴露预防处置工作规范（2023年版）"],
}


async def say(desk: Desk, method: str, path: str, body: object = None) -> tuple[int, Any]:
    async with await desk.ask(method, path, body) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def written(desk: Desk, **changed: object) -> int:
    await desk.enter(Role.EDITOR)
    status, placed = await say(desk, "POST", "/articles", {**RABIES, **changed})
    assert status == 201
    return int(placed["article_id"])


async def approved(desk: Desk, **changed: object) -> int:
    article = await written(desk, **changed)
    await desk.enter(Role.SUPERVISOR)
    path = f"/articles/{article}/versions/1/judgement"
    assert (await say(desk, "POST", path, {"approve": True}))[0] == 204
    return article


async def titles(desk: Desk, query: str) -> list[str]:
    status, found = await say(desk, "GET", f"/articles?{query}")
    assert status == 200
    return [hit["title"] for hit in found["articles"]]


async def test_an_article_is_found_once_somebody_else_has_approved_it(desk: Desk) -> None:
    article = await written(desk)
    path = f"/articles/{article}/versions/1/judgement"
    assert (await say(desk, "POST", path, {"approve": True}))[0] == 409  # his own
    assert await titles(desk, "q=狗咬伤") == []
    assert (await say(desk, "GET", f"/articles/{article}"))[0] == 404
    await desk.enter(Role.SUPERVISOR)
    [waiting] = (await say(desk, "GET", "/articles/review"))[1]["versions"]
    assert waiting["article_id"] == article
    assert (await say(desk, "POST", path, {"approve": True}))[0] == 204
    assert (await say(desk, "POST", path, {"approve": True}))[0] == 409
    await desk.enter()
    for query in ("q=狗咬伤", "q=狂犬病怎么办", "category=C02.01.01", "q=疫苗&category=C02.01.01"):
        assert await titles(desk, query) == [RABIES["title"]], query
    assert await titles(desk, "q=高血压") == []
    assert await titles(desk, "category=C03") == []


async def test_a_new_version_replaces_the_old_one_which_stays_to_be_cited(desk: Desk) -> None:
    article = await approved(desk)
    await desk.enter(Role.EDITOR)
    change = {**RABIES, "answer": "新口径"}
    assert (await say(desk, "PUT", f"/articles/{article}", change))[1]["version"] == 2
    assert (await say(desk, "PUT", f"/articles/{article}", change))[0] == 409
    await desk.enter(Role.SUPERVISOR)
    path = f"/articles/{article}/versions/2/judgement"
    assert (await say(desk, "POST", path, {"approve": True}))[0] == 204
    await desk.enter()
    shown = (await say(desk, "GET", f"/articles/{article}"))[1]
    assert (shown["version"], shown["text"]["answer"]) == (2, "新口径")
    old = (await say(desk, "GET", f"/articles/{article}/versions/1"))[1]
    assert (old["standing"], old["text"]["answer"]) == ("replaced", RABIES["answer"])


async def test_a_refused_version_changes_nothing_and_its_author_reads_why(desk: Desk) -> None:
    article = await approved(desk)
    await desk.enter(Role.EDITOR)
    await say(desk, "PUT", f"/articles/{article}", {**RABIES, "answer": "错的"})
    await desk.enter()
    assert (await say(desk, "GET", f"/articles/{article}/versions/2"))[0] == 404
    await desk.enter(Role.SUPERVISOR)
    judgement = {"approve": False, "remark": "无依据"}
    await say(desk, "POST", f"/articles/{article}/versions/2/judgement", judgement)
    await desk.enter(Role.EDITOR)
    refused = (await say(desk, "GET", f"/articles/{article}/versions/2"))[1]
    assert (refused["standing"], refused["remark"]) == ("refused", "无依据")
    assert (await say(desk, "GET", f"/articles/{article}"))[1]["version"] == 1


async def test_what_is_not_valid_today_is_not_found(desk: Desk) -> None:
    await approved(desk, valid_until="2020-01-01")
    await approved(desk, valid_from="2999-01-01")
    await desk.enter()
    assert await titles(desk, "q=狗咬伤") == []


async def test_what_stands_in_a_title_comes_first(desk: Desk) -> None:
    await approved(desk, title="其他动物", body="也可能被蝙蝠咬伤")
    await approved(desk, title="蝙蝠咬伤")
    await desk.enter()
    assert await titles(desk, "q=蝙蝠") == ["蝙蝠咬伤", "其他动物"]


async def test_an_article_goes_out_and_comes_in_as_a_file(desk: Desk, pool: Pool) -> None:
    article = await approved(desk, slug="dog-bite")
    await desk.enter(Role.EDITOR)
    status, file = await say(desk, "GET", f"/articles/{article}/markdown")
    assert (status, file["slug"]) == (200, "dog-bite")
    assert "## 标准口径" in file["markdown"]
    file["markdown"] = file["markdown"].replace("15 分钟", "20 分钟")
    assert (await say(desk, "POST", "/articles/import", file))[1] == {
        "article_id": article,
        "version": 2,
    }
    for broken in ("", "+++\n+++\n", "+++\ntitle='x'\n+++\n## 标准口径\n\n## 正文\n\n"):
        body = {"slug": "x", "markdown": broken}
        assert (await say(desk, "POST", "/articles/import", body))[0] == 422
    assert await pool.fetchval("SELECT count(*) FROM article") == 1


async def test_what_readers_find_is_listed_until_somebody_has_dealt_with_it(desk: Desk) -> None:
    article = await approved(desk)
    await desk.enter()
    wrong = {"kind": "outdated", "note": "2023 年已有新规范"}
    assert (await say(desk, "POST", f"/articles/{article}/remarks", wrong))[0] == 204
    assert (await say(desk, "POST", "/articles/remarks", {"note": "没有猫抓病"}))[0] == 204
    assert (await say(desk, "POST", "/articles/999/remarks", wrong))[0] == 404
    await desk.enter(Role.SUPERVISOR)
    first, second = (await say(desk, "GET", "/articles/remarks"))[1]["remarks"]
    assert (first["article_id"], second["article_id"]) == (article, None)
    assert (await say(desk, "DELETE", f"/articles/remarks/{first['remark_id']}"))[0] == 204
    assert (await say(desk, "DELETE", f"/articles/remarks/{first['remark_id']}"))[0] == 404


async def test_a_retired_article_is_not_found(desk: Desk) -> None:
    article = await approved(desk)
    assert (await say(desk, "DELETE", f"/articles/{article}"))[0] == 204
    assert await titles(desk, "q=狗咬伤") == []


async def test_two_judges_at_once_put_one_version_in_force(desk: Desk, pool: Pool) -> None:
    article = await written(desk)
    await desk.enter(Role.SUPERVISOR)
    path = f"/articles/{article}/versions/1/judgement"
    came = await asyncio.gather(*(say(desk, "POST", path, {"approve": True}) for _ in range(5)))
    assert sorted(status for status, _ in came) == [204, 409, 409, 409, 409]
    assert await pool.fetchval("SELECT count(*) FROM article_version WHERE state='approved'") == 1


async def test_an_unknown_category_is_refused(desk: Desk) -> None:
    await desk.enter(Role.EDITOR)
    body = {**RABIES, "categories": ["X1"]}
    assert (await say(desk, "POST", "/articles", body))[1]["code"] == "category_unknown"
