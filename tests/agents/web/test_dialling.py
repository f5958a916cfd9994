"""Calling out with a desk telephone; the bridge is played by the test."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from redis.asyncio import Redis

from agents.roles import Role
from agents.web import wishes
from ivr.dialling import RING_SECONDS, WISHES, Answer
from tests.agents.conftest import Desk, telephone
from tests.agents.web.test_transfers import AGENT
from tests.agents.web.test_transfers import bridge as bridge_of


def bridge(redis: Redis, answer: Answer) -> AbstractAsyncContextManager[list[dict[str, Any]]]:
    return bridge_of(redis, answer=answer, asks=WISHES.list_key("n1"), answers=WISHES.answer_key)


async def at_a_telephone(
    desk: Desk, redis: Redis, activity: str = "ready", person: str = AGENT
) -> None:
    await desk.enter(Role.AGENT, person)
    await telephone(desk, redis, activity, person=person)


async def dialled(desk: Desk, number: str = "13800000001") -> tuple[int, dict[str, Any]]:
    async with await desk.ask("POST", "/calls", {"number": number}) as came:
        return came.status, await came.json()


async def test_the_bridge_is_asked_once_to_ring_ones_own_telephone(
    desk: Desk, redis: Redis
) -> None:
    await at_a_telephone(desk, redis)
    async with bridge(redis, Answer.RINGS) as asked:
        assert await dialled(desk) == (202, {"seconds": RING_SECONDS})
    assert [(one["agent"], one["number"]) for one in asked] == [(AGENT, "13800000001")]


@pytest.mark.parametrize("answer", [one for one in Answer if one is not Answer.RINGS])
async def test_what_the_bridge_refuses_is_said_in_words(
    desk: Desk, redis: Redis, answer: Answer
) -> None:
    await at_a_telephone(desk, redis)
    async with bridge(redis, answer):
        status, said = await dialled(desk)
    assert (status, said["code"]) == (409, answer.value)
    assert said["message"]


async def test_a_bridge_that_says_nothing_may_have_done_it(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "ANSWER_SECONDS", 0.2)
    await at_a_telephone(desk, redis)
    assert (await dialled(desk))[1]["code"] == "unconfirmed"


@pytest.mark.parametrize(
    ("person", "activity", "code"),
    [(AGENT, "offline", "unreachable"), ("a2001", "ready", "in_browser")],
)
async def test_without_a_desk_telephone_nothing_is_asked(
    desk: Desk, redis: Redis, person: str, activity: str, code: str
) -> None:
    await at_a_telephone(desk, redis, activity, person)
    async with bridge(redis, Answer.RINGS) as asked:
        assert (await dialled(desk))[1]["code"] == code
    assert asked == []


@pytest.mark.parametrize("number", ["", "12", "+8613800000000", "120,1", "1" * 17])
async def test_what_cannot_be_dialled_is_refused(desk: Desk, redis: Redis, number: str) -> None:
    await at_a_telephone(desk, redis)
    async with bridge(redis, Answer.RINGS) as asked:
        assert (await dialled(desk, number))[0] == 400
    assert asked == []
