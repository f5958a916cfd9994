"""Coming in by password, and one's own session."""

from __future__ import annotations

import json
import time

import pyotp
from yarl import URL

from agents.auth import Identity
from agents.passwords import STEP_SECONDS
from agents.roles import Role
from agents.service import make_account
from agents.throttle import LOGIN_BY_ACCOUNT
from agents.web.doors import COOKIE
from ivr.database import Pool
from tests.agents.conftest import Desk

NEW = "一个足够长的新密码，想不到"


async def account(desk: Desk, person: str = "a1001", role: Role = Role.AGENT) -> str:
    password = await make_account(desk.settings, Identity(person, role, "张三"))
    assert password is not None
    return password


async def login(desk: Desk, password: str, person: str = "a1001", **more: object) -> int:
    body = {"person": person, "password": password, **more}
    async with await desk.ask("POST", "/login", body, key=None) as answer:
        return answer.status


async def test_a_password_lets_in_and_the_session_says_who_one_is(desk: Desk) -> None:
    password = await account(desk)
    assert (await desk.ask("GET", "/session")).status == 401
    assert await login(desk, password) == 204
    shown = await (await desk.ask("GET", "/session")).json()
    assert (shown["person"], shown["role_name"]) == ("a1001", "咨询员")
    assert "calls.take" in shown["permissions"]
    assert shown["needs"] == {"password": False, "second_factor": False}
    assert (await desk.ask("DELETE", "/session", key=None)).status == 204
    assert (await desk.ask("GET", "/session")).status == 401


async def test_unknown_people_and_wrong_passwords_are_answered_alike(
    desk: Desk, pool: Pool
) -> None:
    password = await account(desk)
    await account(desk, "a1002")
    await pool.execute("UPDATE user_account SET active = false WHERE person = 'a1002'")
    answers = []
    for person, tried in (("a1001", "wrong"), ("nobody", password), ("a1002", password)):
        body = {"person": person, "password": tried}
        async with await desk.ask("POST", "/login", body, key=None) as answer:
            answers.append((answer.status, await answer.text()))
    assert len(set(answers)) == 1
    assert answers[0][0] == 401
    assert json.loads(answers[0][1])["code"] == "login_refused"


async def test_nobody_tries_an_account_more_than_five_times_a_minute(desk: Desk) -> None:
    password = await account(desk)
    for _ in range(LOGIN_BY_ACCOUNT.most):
        assert await login(desk, "wrong") == 401
    async with await desk.ask(
        "POST", "/login", {"person": "a1001", "password": password}, key=None
    ) as refused:
        assert refused.status == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert await login(desk, "wrong", "a1002") == 429  # and so many from one address


async def test_a_shift_signs_in_from_one_address(desk: Desk) -> None:
    for number in range(LOGIN_BY_ACCOUNT.most + 2):
        person = f"a200{number}"
        assert await login(desk, await account(desk, person), person) == 204


async def test_every_login_makes_a_new_session(desk: Desk) -> None:
    password = await account(desk)
    fixed = "f" * 43
    desk.present(fixed)
    assert await login(desk, password) == 204
    first = desk.browser.cookie_jar.filter_cookies(URL(desk.address))[COOKIE].value
    assert first != fixed
    assert await login(desk, password, take_over=True) == 204
    second = desk.browser.cookie_jar.filter_cookies(URL(desk.address))[COOKIE].value
    assert second != first
    desk.present(first)
    assert (await desk.ask("GET", "/session")).status == 401
    desk.present(fixed)
    assert (await desk.ask("GET", "/session")).status == 401


async def test_whoever_takes_calls_is_in_one_place(desk: Desk) -> None:
    password = await account(desk)
    assert await login(desk, password) == 204
    assert await login(desk, password) == 409
    assert await login(desk, password, take_over=True) == 204


async def test_a_supervisor_sets_up_a_second_factor_before_anything_else(desk: Desk) -> None:
    password = await account(desk, "s1", Role.SUPERVISOR)
    assert await login(desk, password, "s1") == 204
    shown = await (await desk.ask("GET", "/session")).json()
    assert shown["limited"]
    assert shown["needs"]["second_factor"]
    refused = await desk.get("/api/v1/live")
    assert (refused.status, (await refused.json())["code"]) == (403, "setup_needed")
    factor = await (await desk.ask("POST", "/session/second-factor", key=None)).json()
    assert factor["uri"].startswith("otpauth://totp/")
    code = pyotp.TOTP(factor["secret"])
    now = time.time()
    assert (await desk.ask("PUT", "/session/second-factor", {"code": "000000"})).status == 422
    shown_code = code.at(now)
    assert (await desk.ask("PUT", "/session/second-factor", {"code": shown_code})).status == 204
    assert (await desk.ask("GET", "/session")).status == 401
    body = {"person": "s1", "password": password}
    async with await desk.ask("POST", "/login", body, key=None) as half:
        assert (half.status, (await half.json())["code"]) == (401, "code_needed")
    assert await login(desk, password, "s1", code=shown_code) == 401  # no code is taken twice
    assert await login(desk, password, "s1", code=code.at(now + STEP_SECONDS)) == 204
    assert not (await (await desk.ask("GET", "/session")).json())["limited"]


async def test_a_new_password_ends_the_other_sessions_and_not_this_one(desk: Desk) -> None:
    password = await account(desk)
    other = await desk.enter()
    here = await desk.enter()
    wrong = {"current": "wrong", "password": NEW}
    assert (await desk.ask("PUT", "/session/password", wrong)).status == 403
    right = {"current": password, "password": NEW}
    assert (await desk.ask("PUT", "/session/password", right)).status == 204
    assert (await desk.ask("GET", "/session")).status == 200
    desk.present(other)
    assert (await desk.ask("GET", "/session")).status == 401
    desk.present(here)
    assert await login(desk, password) == 401
    assert await login(desk, NEW, take_over=True) == 204


async def test_a_link_replaces_a_forgotten_password_and_nothing_else(desk: Desk) -> None:
    password = await account(desk)
    await desk.enter(limited=True)
    assert (await desk.ask("PUT", "/session/password", {"password": NEW})).status == 204
    assert (await desk.ask("GET", "/presence")).status == 403
    assert await login(desk, password) == 401
    assert await login(desk, NEW, take_over=True) == 204


async def test_a_weak_password_is_refused_with_the_reason(desk: Desk) -> None:
    await desk.enter()
    async with await desk.ask("PUT", "/session/password", {"password": "password1234"}) as answer:
        assert answer.status == 422
        assert (await answer.json())["code"] == "password_weak"


async def test_nothing_secret_is_stored_as_it_is_or_written_into_the_audit(
    desk: Desk, pool: Pool
) -> None:
    password = await account(desk)
    await login(desk, password)
    await login(desk, password + "x")
    rows = [
        *await pool.fetch("SELECT * FROM user_account"),
        *await pool.fetch("SELECT * FROM audit"),
    ]
    assert password not in str([tuple(row) for row in rows])
    actions = await pool.fetch("SELECT actor, action FROM audit ORDER BY seq")
    assert ("a1001", "login.refused") in [tuple(row) for row in actions]


async def test_the_audit_keeps_no_name_that_may_be_a_password(desk: Desk, pool: Pool) -> None:
    await login(desk, "x", person="my-secret-password")
    rows = await pool.fetch("SELECT * FROM audit")
    assert rows
    assert "my-secret" not in str([tuple(row) for row in rows])


async def test_over_https_the_cookie_is_bound_to_this_host(desk: Desk) -> None:
    assert COOKIE in (await desk.post("/enter", await desk.secret())).cookies
    web = desk.settings.web.model_copy(update={"address": "https://desk.example.cn"})
    async with desk.again(web=web) as secure:
        secret = await secure.secret()
        assert (await secure.post("/enter", secret)).status == 403
        answer = await secure.post("/enter", secret, origin="https://desk.example.cn")
        cookie = answer.cookies[f"__Host-{COOKIE}"]
        assert cookie["secure"]
        assert cookie["path"] == "/"
        assert cookie["domain"] == ""
        assert "max-age" in answer.headers["Strict-Transport-Security"]
