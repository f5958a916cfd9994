"""Every route against every role, and nobody."""

from __future__ import annotations

import pytest

from agents.roles import Permission, Role, may
from agents.web.access import Open
from agents.web.app import ROUTES
from tests.agents.conftest import Desk

READS = [(path, needed) for method, path, _, needed in ROUTES if method == "GET"]


@pytest.mark.parametrize(("path", "needed"), READS)
async def test_who_is_nobody_sees_only_what_is_open(
    desk: Desk, path: str, needed: Permission | Open
) -> None:
    answer = await desk.get(path)
    assert answer.status == (200 if needed is Open.PUBLIC else 401)


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_reaches_what_is_granted_and_nothing_else(desk: Desk, role: Role) -> None:
    await desk.enter(role)
    for path, needed in READS:
        allowed = isinstance(needed, Open) or may(role, needed)
        async with await desk.get(path) as answer:
            assert answer.status == (200 if allowed else 403), path


async def test_only_these_are_open_to_everybody() -> None:
    public = {f"{method} {path}" for method, path, _, needed in ROUTES if needed is Open.PUBLIC}
    assert public == {
        "GET /health",
        "GET /ready",
        "GET /enter",
        "GET /enter.js",
        "GET /desk.css",
        "POST /enter",
        "POST /leave",
    }


@pytest.mark.parametrize("path", ["/nothing", "/desk.html", "/../agents/auth.py", "/%2e%2e/x"])
async def test_what_is_not_there_is_not_found(desk: Desk, path: str) -> None:
    await desk.enter(Role.ADMINISTRATOR)
    assert (await desk.get(path)).status == 404


async def test_a_body_that_is_too_long_is_refused(desk: Desk) -> None:
    assert (await desk.post("/enter", "x" * 5_000)).status == 413
