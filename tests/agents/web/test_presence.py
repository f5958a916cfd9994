"""Presence at the desk."""

from __future__ import annotations

import pytest

from agents.roles import Role
from tests.agents.conftest import Desk


async def test_an_agent_says_what_he_does_and_the_supervisor_sees_it(desk: Desk) -> None:
    await desk.enter()
    assert (await desk.ask("GET", "/presence")).status == 404
    answer = await desk.ask("PUT", "/presence", {"state": "paused", "reason": "meal"})
    assert (await answer.json())["reason_name"] == "用餐"
    shown = await (await desk.ask("GET", "/presence")).json()
    assert (shown["state"], shown["reason"]) == ("paused", "meal")
    await desk.enter(Role.SUPERVISOR)
    [seen] = (await (await desk.ask("GET", "/presence/all")).json())["presences"]
    assert (seen["person"], seen["state"]) == ("a1001", "paused")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"state": "paused"}, 422),
        ({"state": "paused", "reason": "no_answer"}, 422),
        ({"state": "available", "reason": "meal"}, 422),
        ({"state": "talking"}, 400),
        ({"state": "wrap_up"}, 400),
        ({"state": "available", "person": "a1002"}, 400),
    ],
)
async def test_nobody_says_what_only_a_telephone_can_say(
    desk: Desk, change: dict[str, str], status: int
) -> None:
    await desk.enter()
    assert (await desk.ask("PUT", "/presence", change)).status == status
