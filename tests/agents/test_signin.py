"""The door's keeper: counted, written down, and never sure of more than it was shown."""

from __future__ import annotations

import time
from dataclasses import replace

import pyotp
import pytest
from redis.asyncio import Redis

from agents import users
from agents.auth import Identity, Sessions
from agents.passwords import STEP_SECONDS, Vault, new_factor
from agents.roles import Role
from agents.signin import Attempt, Entered, Reason, SignIn, TurnedAway
from agents.throttle import LOGIN_BY_ADDRESS, Throttle
from ivr.database import Pool
from tests.agents.conftest import Clock

PASSWORD = "今天天气很好我们去公园吧"  # noqa: S105 - of nobody
ANNA = Attempt("a1001", PASSWORD, "", take_over=False, address="192.0.2.1")


@pytest.fixture
async def door(redis: Redis, pool: Pool) -> SignIn:
    async with pool.acquire() as connection:
        for identity in (Identity("a1001", Role.AGENT, "安娜"), Identity("q1", Role.QUALITY, "质")):
            await users.create(connection, users.OPERATOR, identity)
            await users.set_password(connection, Vault(), identity.person, PASSWORD)
    return SignIn(pool, Sessions(redis, pool), Throttle(redis, Clock()))


async def test_a_role_with_power_comes_in_only_to_set_up_its_second_factor(door: SignIn) -> None:
    agent = await door.by_password(ANNA)
    assert isinstance(agent, Entered)
    assert not agent.identity.limited
    quality = await door.by_password(replace(ANNA, person="q1"))
    assert isinstance(quality, Entered)
    assert quality.identity.limited


async def test_failures_from_one_address_close_it_for_everybody_there(door: SignIn) -> None:
    for number in range(LOGIN_BY_ADDRESS.most):
        wrong = replace(ANNA, person=f"nobody{number}")
        assert await door.by_password(wrong) == TurnedAway(Reason.WRONG)
    refused = await door.by_password(ANNA)
    assert isinstance(refused, TurnedAway)
    assert refused.reason is Reason.TOO_OFTEN
    elsewhere = await door.by_password(replace(ANNA, address="192.0.2.2"))
    assert isinstance(elsewhere, Entered)


async def test_a_link_of_somebody_who_was_shut_out_opens_nothing(
    door: SignIn, redis: Redis, pool: Pool
) -> None:
    secret = await Sessions(redis, pool).make_link(Identity("a1001", Role.ADMINISTRATOR, "安娜"))
    await pool.execute("UPDATE user_account SET active = false")
    assert await door.by_link(secret, "192.0.2.1") == TurnedAway(Reason.WRONG)


async def test_a_link_gives_the_role_that_one_has_now(
    door: SignIn, redis: Redis, pool: Pool
) -> None:
    secret = await Sessions(redis, pool).make_link(Identity("a1001", Role.ADMINISTRATOR, "安娜"))
    entered = await door.by_link(secret, "192.0.2.1")
    assert isinstance(entered, Entered)
    assert entered.identity.role is Role.AGENT


async def test_with_the_code_that_found_a_session_elsewhere_one_takes_it_over(
    door: SignIn, redis: Redis, pool: Pool
) -> None:
    secret, now = new_factor(), time.time()
    async with pool.acquire() as connection:
        await users.offer_factor(connection, "a1001", secret)
        assert await users.take_factor(
            connection, "a1001", pyotp.TOTP(secret).at(now - STEP_SECONDS), now
        )
    await Sessions(redis, pool).open(Identity("a1001", Role.AGENT, "安娜"))
    tried = replace(ANNA, code=pyotp.TOTP(secret).at(now))
    assert await door.by_password(replace(tried, code="000000")) == TurnedAway(Reason.WRONG)
    assert await door.by_password(tried) == TurnedAway(Reason.ELSEWHERE)
    assert isinstance(await door.by_password(replace(tried, take_over=True)), Entered)
    assert await door.by_password(replace(tried, take_over=True)) == TurnedAway(Reason.WRONG)
