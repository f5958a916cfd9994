"""Every route against every role, nobody, and somebody who has not finished setting up."""

from __future__ import annotations

import re

import pytest

from agents.roles import Permission, Role, may
from agents.web.access import Open
from agents.web.app import ROUTES
from tests.agents.conftest import Desk

LASTING = {"/api/v1/live"}
"""Answers that do not end by themselves."""

ASKED = [
    (method, re.sub(r"\{[^}]*\}", "0", path), needed)
    for method, path, _, needed in ROUTES
    if path not in LASTING
]


async def status(desk: Desk, method: str, path: str) -> int:
    headers = {"Origin": desk.address, "Idempotency-Key": "0" * 8}
    body: dict[str, str] | None = None if method == "GET" else {}
    async with desk.browser.request(
        method, desk.address + path, json=body, headers=headers
    ) as answer:
        return answer.status


async def test_who_is_nobody_gets_only_what_is_open(desk: Desk) -> None:
    for method, path, needed in ASKED:
        if needed is not Open.PUBLIC:
            assert await status(desk, method, path) == 401, path


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_reaches_what_is_granted_and_nothing_else(desk: Desk, role: Role) -> None:
    session = await desk.enter(role)
    for method, path, needed in ASKED:
        desk.present(session)
        if needed is Open.PUBLIC:
            continue
        came = await status(desk, method, path)
        if needed is Open.SESSION or may(role, needed):
            assert came not in {401, 403} or re.search("password|recordings/0", path), (
                method,
                path,
            )
        else:
            assert came == 403, (method, path)


async def test_whoever_has_not_finished_setting_up_reaches_nothing_else(desk: Desk) -> None:
    await desk.enter(Role.ADMINISTRATOR, limited=True)
    for method, path, needed in ASKED:
        if isinstance(needed, Permission):
            assert await status(desk, method, path) == 403, path
    assert await status(desk, "GET", "/api/v1/session") == 200


async def test_only_these_are_open_to_everybody() -> None:
    public = {f"{method} {path}" for method, path, _, needed in ROUTES if needed is Open.PUBLIC}
    assert public == {
        "GET /health",
        "GET /ready",
        "GET /",
        "GET /enter",
        "GET /desktop/{name:.+}",
        "POST /enter",
        "POST /leave",
        "POST /api/v1/login",
        "DELETE /api/v1/session",
    }


async def test_only_these_are_for_whoever_is_signed_in() -> None:
    own = {f"{method} {path}" for method, path, _, needed in ROUTES if needed is Open.SESSION}
    assert own == {
        "GET /api/v1/docs",
        "GET /api/v1/openapi.json",
        "GET /api/v1/session",
        "PUT /api/v1/session/password",
        "POST /api/v1/session/second-factor",
        "PUT /api/v1/session/second-factor",
    }


@pytest.mark.parametrize("path", ["/nothing", "/../agents/auth.py", "/%2e%2e/x", "/api/v1/x"])
async def test_what_is_not_there_is_not_found(desk: Desk, path: str) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    assert (await desk.get(path)).status == 404


async def test_a_body_that_is_too_long_is_refused(desk: Desk) -> None:
    assert (await desk.post("/enter", "x" * 5_000)).status == 413
