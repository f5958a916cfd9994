"""Users, for those who may make them."""

from __future__ import annotations

from typing import Any

from agents.roles import Role
from tests.agents.conftest import Desk


async def say(desk: Desk, method: str, path: str, body: object = None) -> tuple[int, Any]:
    async with await desk.ask(method, path, body) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def test_a_new_user_comes_in_by_a_link_and_sets_himself_up(desk: Desk) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    new = {"person": "s2", "name": "新班长", "role": "supervisor"}
    assert (await say(desk, "POST", "/users", new))[0] == 204
    link = (await say(desk, "POST", "/users/s2/link"))[1]["link"]
    assert (await desk.post("/enter", link.partition("#")[2])).status == 204
    session = (await say(desk, "GET", "/session"))[1]
    assert (session["person"], session["limited"]) == ("s2", True)
    assert session["needs"] == {"password": True, "second_factor": True}
    assert (await say(desk, "GET", "/presence/all"))[0] == 403
    password = {"password": "今天天气很好我们去公园吧"}
    assert (await say(desk, "PUT", "/session/password", password))[0] == 204


async def test_a_new_role_or_being_shut_out_ends_sessions_at_once(desk: Desk) -> None:
    agent = await desk.enter()
    other = await desk.enter(person="a1002")
    await desk.enter(Role.ADMINISTRATOR)
    assert (await say(desk, "PATCH", "/users/a1001", {"role": "analyst"}))[0] == 204
    assert (await say(desk, "PATCH", "/users/a1002", {"active": False}))[0] == 204
    assert (await say(desk, "PATCH", "/users/nobody", {"active": False}))[0] == 404
    listed = (await say(desk, "GET", "/users"))[1]["users"]
    found = {one["person"]: (one["role"], one["active"]) for one in listed}
    assert found["a1001"] == ("analyst", True)
    assert found["a1002"] == ("agent", False)
    for session in (agent, other):
        desk.present(session)
        assert (await say(desk, "GET", "/session"))[0] == 401


async def test_nobody_gives_himself_a_role_or_lets_himself_out(desk: Desk) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    own = "/users/administrator1"
    assert (await say(desk, "PATCH", own, {"role": "auditor"}))[1]["code"] == "own_account"
    assert (await say(desk, "PATCH", own, {"active": False}))[0] == 409
    assert (await say(desk, "PATCH", own, {"name": "新名字"}))[0] == 204


async def test_roles_are_data_for_whoever_gives_them(desk: Desk) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    roles = (await say(desk, "GET", "/roles"))[1]["roles"]
    assert {one["role"] for one in roles} == {role.value for role in Role}
    assert all(one["permissions"] for one in roles)


async def test_a_lost_factor_is_dropped_and_the_sessions_end(desk: Desk) -> None:
    agent = await desk.enter()
    await desk.enter(Role.ADMINISTRATOR)
    assert (await say(desk, "DELETE", "/users/a1001/second-factor"))[0] == 204
    desk.present(agent)
    assert (await say(desk, "GET", "/session"))[0] == 401
