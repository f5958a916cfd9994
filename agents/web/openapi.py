"""The API's own description, made from its handlers: nothing stands in it that is not there."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from aiohttp import web
from aiohttp_pydantic.oas import pydantic_schema_to_oas
from aiohttp_pydantic.oas.view import generate_oas

from agents.web.api import KEY_HEADER
from agents.web.problems import Problem

DOCUMENT: Final = web.AppKey("document", dict[str, Any])

_VERSION: Final = "3.1.0"
"""Its schemas are JSON Schema, as pydantic writes it."""
_KEY: Final = {
    "in": "header",
    "name": KEY_HEADER,
    "required": True,
    "description": "A new one for each change; the same again when a change is sent again.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,128}$"},
}
_COOKIE: Final = {"session": {"type": "apiKey", "in": "cookie", "name": "hotline_session"}}


def _as_it_is(_schema: object) -> None:
    """Leave pydantic's schemas alone: the library would turn them into those of OpenAPI 3.0."""


pydantic_schema_to_oas.add_or_replace_translater("3.0.0", _as_it_is)


def describe(app: web.Application, declared: Mapping[web.AbstractRoute, Enum]) -> dict[str, Any]:
    """Return the OpenAPI document of all typed handlers, with what each needs.

    Args:
        app: with all its routes.
        declared: what each route needs.
    """
    document: dict[str, Any] = generate_oas([app], "1", "12320 热线 · 座席侧")
    document["openapi"] = _VERSION
    components = document.setdefault("components", {})
    components["securitySchemes"] = _COOKIE
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    document["paths"] = {
        path: item for path, item in document["paths"].items() if path.startswith("/api/")
    }
    for route, needed in declared.items():
        path = route.resource.canonical if route.resource else ""
        operation = document["paths"].get(path, {}).get(route.method.lower())
        if operation is not None:
            _complete(operation, route, needed)
    return document


def _complete(operation: dict[str, Any], route: web.AbstractRoute, needed: Enum) -> None:
    module = route.handler.__module__.rpartition(".")[2]
    operation["operationId"] = f"{module}_{route.handler.__name__}"
    operation["tags"] = [module]
    operation["x-needs"] = needed.value
    operation.pop("deprecated", None)
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    if needed.value == "public":
        operation["security"] = []
    else:
        operation["security"] = [{"session": []}]
    if getattr(route.handler, "is_change", False):
        operation.setdefault("parameters", []).append(_KEY)
    schema = {"$ref": "#/components/schemas/Problem"}
    operation["responses"]["default"] = {
        "description": "Why it was not done.",
        "content": {"application/json": {"schema": schema}},
    }
    for told in operation["responses"].values():
        told["description"] = told.get("description") or "Done."
        if not told.get("content"):
            told.pop("content", None)


async def show(request: web.Request) -> web.Response:
    """Give the document."""
    return web.json_response(request.app[DOCUMENT])
