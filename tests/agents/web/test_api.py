"""What every change and every body goes through: once, clean, and in one shape."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from agents.roles import Role
from agents.throttle import Limit
from agents.web import articles
from ivr.database import Pool
from tests.agents.conftest import Desk
from tests.agents.web.test_articles import RABIES

NEW = {"person": "a2001", "name": "李四", "role": "agent"}


async def create(desk: Desk, body: object, key: str | None = "") -> tuple[int, str]:
    async with await desk.ask("POST", "/users", body, key=key) as answer:
        return answer.status, await answer.text()


async def test_a_change_happens_once_however_often_it_is_sent(desk: Desk, pool: Pool) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    key = secrets.token_hex(8)
    came = await asyncio.gather(*(create(desk, NEW, key) for _ in range(6)))
    assert set(came) == {(204, "")}
    assert await create(desk, NEW, key) == (204, "")
    assert (await create(desk, {**NEW, "name": "王五"}, key))[0] == 422
    assert (await create(desk, NEW))[0] == 409
    created = await pool.fetchval("SELECT count(*) FROM audit WHERE object = 'user:a2001'")
    assert created == 1


async def test_an_answer_is_given_again_word_for_word(desk: Desk) -> None:
    await desk.enter(Role.EDITOR)
    came = []
    for _ in range(2):
        async with await desk.ask("POST", "/articles", RABIES, key="k" * 8) as answer:
            came.append((answer.status, answer.content_type, await answer.text()))
    assert came[0] == came[1]
    assert came[0][:2] == (201, "application/json")


async def test_a_way_in_is_told_once_and_not_kept(desk: Desk, pool: Pool) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    await create(desk, NEW)
    async with await desk.ask("POST", "/users/a2001/link", key="k" * 8) as answer:
        assert answer.status == 201
        secret = (await answer.json())["link"].partition("#")[2]
    async with await desk.ask("POST", "/users/a2001/link", key="k" * 8) as answer:
        assert (answer.status, (await answer.json())["code"]) == (409, "told_once")
    kept = await pool.fetch("SELECT body FROM answered_change WHERE body IS NOT NULL")
    assert not [row for row in kept if secret in row["body"]]
    assert (await desk.post("/enter", secret)).status == 204


async def test_a_key_is_its_persons_own_and_needed(desk: Desk) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    assert (await create(desk, NEW, "k" * 8))[0] == 204
    await desk.enter(Role.ADMINISTRATOR, "admin2")
    assert (await create(desk, NEW, "k" * 8))[0] == 409
    for key in (None, "short", "k" * 129, "with space"):
        assert (await create(desk, NEW, key))[0] == 400


async def test_a_refused_change_leaves_nothing_and_may_be_sent_again(
    desk: Desk, pool: Pool
) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    assert (await create(desk, NEW))[0] == 204
    assert (await create(desk, NEW, "k" * 8))[0] == 409
    keys = await pool.fetch("SELECT key FROM answered_change")
    assert "k" * 8 not in {row["key"] for row in keys}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"NaN",
        b'{"person": NaN}',
        b'{"person": "a1", "name": "a\\u0000b", "role": "agent"}',
        b'{"person": "a1", "name": "\\ud800", "role": "agent"}',
        b'{"person": "a1", "name": "x", "role": "root"}',
        b'{"person": "a1", "name": "x", "role": "agent", "password": "x"}',
        b'{"person": "a1", "name": "x", "role": "agent", "created_by": "x"}',
        b'{"person": "A1 ", "name": "x", "role": "agent"}',
        b'{"person": {"$ne": ""}, "name": "x", "role": "agent"}',
        b"[" * 100_000,
    ],
)
async def test_what_is_no_user_is_refused_with_the_one_shape(desk: Desk, body: bytes) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    headers = {
        "Origin": desk.address,
        "Content-Type": "application/json",
        "Idempotency-Key": "k" * 8,
    }
    async with desk.browser.post(
        f"{desk.address}/api/v1/users", data=body, headers=headers
    ) as answer:
        assert answer.status == 400
        assert set(await answer.json()) == {"code", "message", "fields"}


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/json; charset=utf-16", "application/json; charset=nonsense"],
)  # fmt: skip
async def test_what_a_form_of_another_site_can_send_is_refused(desk: Desk, kind: str) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    headers = {"Origin": desk.address, "Content-Type": kind, "Idempotency-Key": "k" * 8}
    async with desk.browser.post(
        f"{desk.address}/api/v1/users", data=b'{"person": "a1"}', headers=headers
    ) as answer:
        assert answer.status == 415


@pytest.mark.parametrize("origin", ["", "null", "https://evil.example", "http://127.0.0.1"])
async def test_a_change_from_another_origin_is_refused(desk: Desk, origin: str) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    answer = await desk.ask("POST", "/users", NEW, headers={"Origin": origin})
    assert (answer.status, (await answer.json())["code"]) == (403, "not_allowed")


HOSTILE = [
    "' OR 1=1 --",
    '"; DROP TABLE call; --',
    "%' ESCAPE '",
    "a' | 'b",
    "\\",
    "()&|!:*<->",
    "\u202e",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_no_text_in_a_search_is_more_than_text(desk: Desk, text: str) -> None:
    await desk.enter()
    for path, name in (("/articles", "q"), ("/articles", "category"), ("/categories/search", "q")):
        async with desk.browser.get(f"{desk.address}/api/v1{path}", params={name: text}) as answer:
            assert answer.status == 200, (path, await answer.text())
    async with desk.browser.get(f"{desk.address}/api/v1/articles", params={"q": "x\0"}) as answer:
        assert answer.status == 400


async def test_a_search_is_asked_so_often_and_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(articles, "SEARCH", Limit("search", 3))
    await desk.enter()
    came: list[Any] = [await desk.ask("GET", "/articles?q=x") for _ in range(4)]
    assert [answer.status for answer in came] == [200, 200, 200, 429]
    assert 0 < int(came[-1].headers["Retry-After"]) <= 60
