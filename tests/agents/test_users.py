"""Users, with every change in the audit."""

from __future__ import annotations

import asyncio
import time

import pyotp

from agents import users
from agents.auth import Identity
from agents.passwords import Vault, new_factor
from agents.roles import Role
from agents.users import Wanted
from ivr.database import Pool

CHEF = Identity("s1", Role.SUPERVISOR, "班长")


async def test_a_user_is_made_once_and_has_no_way_in_yet(pool: Pool) -> None:
    async with pool.acquire() as connection:
        assert await users.create(connection, "admin", CHEF)
        assert not await users.create(connection, "admin", CHEF)
        account = await users.account_of(connection, "s1")
        assert account is not None
        assert (account.password, account.needs_factor) == (None, True)
        assert await users.account_of(connection, "nobody") is None
        assert [one.person for one in await users.everybody(connection)] == ["s1"]
    assert await pool.fetchval("SELECT count(*) FROM audit WHERE action = 'user.created'") == 1


async def test_whoever_takes_calls_is_an_agent_under_the_same_id(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await users.create(connection, "admin", CHEF)
        await users.create(connection, "admin", Identity("q1", Role.QUALITY, "质检"))
        await users.change(connection, "admin", "s1", Wanted(name="新名", active=False))
    rows = await pool.fetch("SELECT agent_id, display_name, active FROM agent")
    assert [tuple(row) for row in rows] == [("s1", "新名", False)]


async def test_a_change_leaves_what_is_not_wanted_and_nobody_is_not_changed(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await users.create(connection, "admin", CHEF)
        assert await users.change(connection, "admin", "s1", Wanted(role=Role.QUALITY))
        assert not await users.change(connection, "admin", "nobody", Wanted(active=False))
        [listed] = await users.everybody(connection)
    assert (listed.name, listed.role, listed.active) == ("班长", Role.QUALITY, True)


async def test_a_code_is_taken_once_however_many_try_at_once(pool: Pool) -> None:
    secret = new_factor()
    async with pool.acquire() as connection:
        await users.create(connection, "admin", CHEF)
        await users.set_password(connection, Vault(), "s1", "今天天气很好我们去公园吧")
        await users.offer_factor(connection, "s1", secret)
        now = time.time()
        assert not await users.take_factor(connection, "s1", "000000", now)
        assert await users.take_factor(connection, "s1", pyotp.TOTP(secret).at(now - 30), now)
        account = await users.account_of(connection, "s1")
    assert account is not None
    assert not account.needs_factor
    code = pyotp.TOTP(secret).at(now)
    spent = await asyncio.gather(*(users.spend_code(pool, account, code, now) for _ in range(4)))
    assert sorted(spent) == [False, False, False, True]


async def test_a_lost_factor_is_set_up_anew(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await users.create(connection, "admin", CHEF)
        await connection.execute("UPDATE user_account SET second_factor = 'X'")
        await users.drop_factor(connection, "admin", "s1")
        account = await users.account_of(connection, "s1")
    assert account is not None
    assert account.needs_factor
