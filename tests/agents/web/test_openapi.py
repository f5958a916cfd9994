"""The API's own description: true, complete, and nothing it allows breaks us."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
)

from agents.roles import Role
from agents.web.app import ROUTES
from agents.web.doors import COOKIE
from deploy.stack.desktop import SCHEMA, typed
from deploy.stack.layout import cache_folder
from tests.agents.conftest import Desk

CHECKS = (not_a_server_error, response_schema_conformance, content_type_conformance)

ENDING = {"/api/v1/login", "/api/v1/session"}
"""Throttled, and the end of the session that asks."""

EXAMPLES = 200 if os.environ.get("SOAK") else 3
"""For each operation and role."""

UNTYPED = {"/api/v1/live", "/api/v1/events", "/api/v1/openapi.json", "/api/v1/softphone/sip"}
"""Streams, sockets, files, and the document itself."""


async def document(desk: Desk) -> dict[str, Any]:
    async with await desk.ask("GET", "/openapi.json") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def test_the_document_names_every_route_and_what_it_needs(desk: Desk) -> None:
    await desk.enter()
    described = await document(desk)
    operations = {
        (method.upper(), path): operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method in {"get", "put", "post", "patch", "delete"}
    }
    for method, path, handler, needed in ROUTES:
        if not path.startswith("/api/") or path in UNTYPED:
            continue
        if not getattr(handler, "is_aiohttp_pydantic_handler", False):
            continue
        assert operations[method, path]["x-needs"] == needed.value, path
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(ids) == len(set(ids))


async def test_every_change_is_described_with_its_key(desk: Desk) -> None:
    await desk.enter()
    described = await document(desk)
    save = described["paths"]["/api/v1/calls/{call_id}/requests"]["post"]
    assert "Idempotency-Key" in [one["name"] for one in save["parameters"]]
    draft = described["paths"]["/api/v1/calls/{call_id}/draft"]["put"]
    assert "Idempotency-Key" not in [one["name"] for one in draft["parameters"]]


async def test_the_desktop_is_typed_by_this_very_document(desk: Desk, tmp_path: Path) -> None:
    # Where it is not: save /api/v1/openapi.json, and `python -m deploy.stack schema` that file.
    await desk.enter()
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(await document(desk)), "utf-8")
    meant = await asyncio.to_thread(typed, described, cache_folder(os.environ))
    assert SCHEMA.read_text("utf-8") == meant


@pytest.mark.parametrize("role", [Role.AGENT, Role.EDITOR, Role.ADMINISTRATOR])
async def test_nothing_that_the_document_allows_breaks_us(desk: Desk, role: Role) -> None:
    cookie = await desk.enter(role)
    schema = schemathesis.openapi.from_dict(await document(desk))
    results: Any = schema.get_all_operations()
    operations = [found.ok() for found in results]
    asked = [one for one in operations if one.path not in ENDING]
    assert len(asked) > 30
    await asyncio.to_thread(_ask_all, asked, desk.address, cookie)


def _ask_all(operations: list[Any], address: str, cookie: str) -> None:
    """Ask what the document allows; the library's client waits, so from a thread."""
    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:  # noqa: ANN401 - the library's own
            case.call_and_validate(
                base_url=address,
                headers={"Origin": address},
                cookies={COOKIE: cookie},
                checks=CHECKS,
            )

        ask()
