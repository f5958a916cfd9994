"""Categories at the desk: by Chinese, pinyin, initials and code, and what a note shows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agents.roles import Role
from agents.web.categories import Flag, suggested
from ivr.categories.classify import Verdict
from ivr.categories.taxonomy import CURRENT, edition
from tests.agents.conftest import Desk


async def say(desk: Desk, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    async with await desk.ask(method, path, body) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


@pytest.mark.parametrize("typed", ["狂犬", "kuangquan", "kqbym", "C02.01.01"])
async def test_a_category_is_found_however_it_is_typed(desk: Desk, typed: str) -> None:
    await desk.enter()
    found = (await say(desk, "GET", f"/categories/search?q={typed}"))["categories"]
    if typed == "C02.01.01":
        assert found[0]["code"] == typed
    else:
        assert any("狂犬" in one["name"] for one in found)


@pytest.mark.parametrize("role", [Role.AGENT, Role.EDITOR])
async def test_the_tree_holds_every_node_once(desk: Desk, role: Role) -> None:
    await desk.enter(role)
    tree = await say(desk, "GET", "/categories")
    assert [one["code"] for one in tree["categories"]] == list(edition().nodes)


async def test_a_note_shows_its_dangers_even_without_a_model(desk: Desk) -> None:
    await desk.enter()
    shown = await say(desk, "POST", "/categories/suggestion", {"text": "我不想活了"})
    assert (shown["ready"], shown["candidates"]) == (False, [])
    assert [flag["name"] for flag in shown["flags"]] == ["self_harm"]


@pytest.mark.parametrize(
    ("flags", "suspicion"),
    [((), {"words": ["哪里都不对"]}), ((Flag(name="urgent", title="x", advice="y"),), None)],
)
def test_what_only_sounds_like_a_danger_is_told_apart_from_what_names_one(
    flags: tuple[Flag, ...], suspicion: object
) -> None:
    verdict = Verdict(
        code="",
        guess="C02",
        path=("咨询",),
        confidence=(0.5,) * 4,
        top=(),
        reason="",
        review=True,
        flags=(),
        model="m",
        taxonomy=CURRENT,
        alarming=("哪里都不对",),
    )
    told = json.loads(suggested(verdict, list(flags)).model_dump_json())
    assert told["suspicion"] == suspicion
    calm = replace(verdict, alarming=None)
    assert suggested(calm, []).suspicion is None


async def test_a_note_is_never_part_of_an_address(desk: Desk) -> None:
    await desk.enter()
    async with await desk.ask("GET", "/categories/suggestion?text=x") as answer:
        assert answer.status == 405
