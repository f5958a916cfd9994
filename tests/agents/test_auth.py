"""One-time links and sessions, in a real Valkey beside a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from agents import users
from agents.auth import DAY_SECONDS, LINK_SECONDS, REST_SECONDS, Identity, Sessions
from agents.roles import Role
from ivr.database import Pool

ANNA = Identity("a1001", Role.SUPERVISOR, "安娜")
BERT = Identity("a1002", Role.AGENT, "贝特")


class Clock:
    def __init__(self) -> None:
        self.time = 4_000_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
async def sessions(redis: Redis, pool: Pool) -> Sessions:
    async with pool.acquire() as connection:
        for identity in (ANNA, BERT):
            assert await users.create(connection, users.OPERATOR, identity)
    return Sessions(redis, pool)


async def found(sessions: Sessions, secret: str) -> Identity | None:
    presented = await sessions.find(secret)
    return presented.identity if presented else None


async def test_a_link_is_for_its_person_and_is_spent_once(sessions: Sessions) -> None:
    secret = await sessions.make_link(ANNA)
    spent = await asyncio.gather(*(sessions.spend_link(secret) for _ in range(10)))
    assert [identity for identity in spent if identity] == [ANNA]
    assert await sessions.spend_link(secret) is None


async def test_a_guess_opens_nothing(sessions: Sessions) -> None:
    secret = await sessions.make_link(ANNA)
    for guess in ("", "x", secret[:-1], secret.upper(), "\ud800", "x" * 100_000):
        assert await sessions.spend_link(guess) is None
        assert await sessions.find(guess) is None


async def test_a_link_is_no_session_and_a_session_no_link(sessions: Sessions) -> None:
    assert await sessions.find(await sessions.make_link(ANNA)) is None
    assert await sessions.spend_link(await sessions.open(ANNA)) is None


async def test_nothing_that_is_stored_opens_a_door_or_has_no_end(
    sessions: Sessions, redis: Redis, pool: Pool
) -> None:
    secrets = [await sessions.make_link(ANNA), await sessions.open(ANNA)]
    keys = [str(key) for key in await redis.keys("*")]
    assert len(keys) == 2
    rows = [tuple(row) for row in await pool.fetch("SELECT * FROM user_session")]
    written = str(keys) + str([await redis.get(key) for key in keys]) + str(rows)
    assert not any(secret in written for secret in secrets)
    ends = {key.split(":")[1]: await redis.ttl(key) for key in keys}
    assert 0 < ends["link"] <= LINK_SECONDS
    assert 0 < ends["session"] <= REST_SECONDS


async def test_a_used_session_lives_on_until_the_day_ends(
    sessions: Sessions, redis: Redis, pool: Pool
) -> None:
    clock = Clock()
    sessions = Sessions(redis, pool, clock)
    secret = await sessions.open(ANNA)
    [key] = await redis.keys("hotline:session:*")
    await redis.expire(key, 5)
    assert await found(sessions, secret) == ANNA
    assert await redis.ttl(key) > 5
    clock.time += DAY_SECONDS - 60
    assert await found(sessions, secret) == ANNA
    assert await redis.ttl(key) <= 60
    clock.time += 61
    assert await sessions.find(secret) is None
    assert await redis.exists(key) == 0


async def test_a_session_that_was_left_is_nobodys(sessions: Sessions) -> None:
    secret = await sessions.open(ANNA)
    assert await found(sessions, secret) == ANNA
    await sessions.leave(secret)
    assert await sessions.find(secret) is None


async def test_a_flushed_redis_sends_nobody_away(sessions: Sessions, redis: Redis) -> None:
    secret, left = await sessions.open(ANNA), await sessions.open(BERT)
    await sessions.leave(left)
    await redis.flushall()
    assert await found(sessions, secret) == ANNA
    assert await sessions.find(left) is None
    [key] = await redis.keys("hotline:session:*")
    assert 0 < await redis.ttl(key) <= REST_SECONDS


@pytest.mark.parametrize(
    "ended",
    [
        "UPDATE user_session SET seen_at = now() - interval '31 minutes'",
        "UPDATE user_session SET ends_at = now() - interval '1 second'",
        "UPDATE user_session SET ended_at = now()",
        "UPDATE user_account SET active = false",
    ],
)
async def test_a_flushed_redis_brings_no_session_back_that_had_ended(
    sessions: Sessions, redis: Redis, pool: Pool, ended: str
) -> None:
    secret = await sessions.open(ANNA)
    await redis.flushall()
    await pool.execute(ended)
    assert await sessions.find(secret) is None


async def test_a_session_that_ends_while_it_is_restored_stays_ended(
    sessions: Sessions, redis: Redis, pool: Pool
) -> None:
    for _ in range(20):
        secret = await sessions.open(ANNA)
        await redis.flushall()
        await asyncio.gather(sessions.find(secret), sessions.leave(secret))
        assert await sessions.find(secret) is None
    assert await pool.fetchval("SELECT count(*) FROM user_session WHERE ended_at IS NULL") == 0


async def test_somebodys_sessions_end_together_but_for_one(sessions: Sessions, pool: Pool) -> None:
    first, here, other = [await sessions.open(who) for who in (ANNA, ANNA, BERT)]
    presented = await sessions.find(here)
    assert presented is not None
    assert await sessions.count(pool, ANNA.person) == 2
    assert await sessions.end_all(ANNA.person, but=presented.hash) == 1
    assert await sessions.find(first) is None
    assert await found(sessions, here) == ANNA
    assert await found(sessions, other) == BERT
    assert await sessions.count(pool, ANNA.person) == 1


async def test_a_session_in_use_is_noted_now_and_then(
    sessions: Sessions, redis: Redis, pool: Pool
) -> None:
    clock = Clock()
    sessions = Sessions(redis, pool, clock)
    secret = await sessions.open(ANNA)
    before = await pool.fetchval("SELECT seen_at FROM user_session")
    clock.time += 10
    await sessions.find(secret)
    assert await pool.fetchval("SELECT seen_at FROM user_session") == before
    clock.time += 60
    await sessions.find(secret)
    assert await pool.fetchval("SELECT seen_at FROM user_session") > before


@pytest.mark.parametrize("use", [True, False])
async def test_a_session_that_postgresql_alone_knows_as_ended_ends_within_a_minute(
    sessions: Sessions, redis: Redis, pool: Pool, *, use: bool
) -> None:
    clock = Clock()
    sessions = Sessions(redis, pool, clock)
    secret = await sessions.open(ANNA)
    assert len(await sessions.shut(pool, ANNA.person)) == 1  # and nobody lived to forget it
    clock.time += 61
    assert await sessions.find(secret, use=use) is None
    clock.time -= 61
    assert await sessions.find(secret) is None


async def test_whoever_was_shut_out_is_found_out_while_he_is_at_work(
    sessions: Sessions, redis: Redis, pool: Pool
) -> None:
    clock = Clock()
    sessions = Sessions(redis, pool, clock)
    secret = await sessions.open(ANNA)
    await pool.execute("UPDATE user_account SET active = false")
    clock.time += 61
    assert await sessions.find(secret) is None
