"""One-time links and sessions, in a real Valkey."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from agents.auth import DAY_SECONDS, LINK_SECONDS, REST_SECONDS, Identity, Sessions
from agents.roles import Role

ANNA = Identity("a1001", Role.SUPERVISOR)


class Clock:
    def __init__(self) -> None:
        self.time = 1_763_785_000.0

    def __call__(self) -> float:
        return self.time


async def test_a_link_lets_its_person_in(redis: Redis) -> None:
    sessions = Sessions(redis)
    session = await sessions.enter(await sessions.make_link(ANNA))
    assert session is not None
    assert await sessions.find(session) == ANNA


async def test_a_link_opens_one_session_however_many_try_at_once(redis: Redis) -> None:
    sessions = Sessions(redis)
    secret = await sessions.make_link(ANNA)
    opened = await asyncio.gather(*(sessions.enter(secret) for _ in range(10)))
    assert len([session for session in opened if session]) == 1
    assert await sessions.enter(secret) is None


async def test_a_guess_opens_nothing(redis: Redis) -> None:
    sessions = Sessions(redis)
    secret = await sessions.make_link(ANNA)
    for guess in ("", "x", secret[:-1], secret.upper(), "\ud800", "x" * 100_000):
        assert await sessions.enter(guess) is None
        assert await sessions.find(guess) is None


async def test_a_link_is_no_session_and_a_session_no_link(redis: Redis) -> None:
    sessions = Sessions(redis)
    secret = await sessions.make_link(ANNA)
    assert await sessions.find(secret) is None
    session = await sessions.enter(secret)
    assert session is not None
    assert await sessions.enter(session) is None


async def test_redis_holds_neither_secret_nor_anything_without_an_end(redis: Redis) -> None:
    sessions = Sessions(redis)
    secrets = [await sessions.make_link(ANNA), await sessions.make_link(ANNA)]
    session = await sessions.enter(secrets[0])
    keys = [str(key) for key in await redis.keys("*")]
    assert len(keys) == 2
    written = str(keys) + str([await redis.get(key) for key in keys])
    assert not any(secret in written for secret in (*secrets, str(session)))
    ends = {key.split(":")[1]: await redis.ttl(key) for key in keys}
    assert 0 < ends["link"] <= LINK_SECONDS
    assert 0 < ends["session"] <= REST_SECONDS


async def test_a_used_session_lives_on_until_the_day_ends(redis: Redis) -> None:
    clock = Clock()
    sessions = Sessions(redis, clock)
    session = await sessions.enter(await sessions.make_link(ANNA))
    assert session is not None
    [key] = await redis.keys("hotline:session:*")
    await redis.expire(key, 5)
    assert await sessions.find(session) == ANNA
    assert await redis.ttl(key) > 5
    clock.time += DAY_SECONDS - 60
    assert await sessions.find(session) == ANNA
    assert await redis.ttl(key) <= 60
    clock.time += 61
    assert await sessions.find(session) is None
    assert await redis.exists(key) == 0


async def test_a_session_that_was_left_is_nobodys(redis: Redis) -> None:
    sessions = Sessions(redis)
    session = await sessions.enter(await sessions.make_link(ANNA))
    assert session is not None
    await sessions.leave(session)
    assert await sessions.find(session) is None
