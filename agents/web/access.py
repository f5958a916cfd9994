"""The door: every route declares what it needs, and nobody passes without it.

Refused by default, three times: an application with an undeclared route does not start, a
request to one is refused, and when Redis cannot say who somebody is, nobody is let in.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import structlog
from aiohttp import hdrs, web
from redis.exceptions import RedisError

from agents.auth import Presented
from agents.roles import Permission, may
from agents.web.api import PRESENTED
from agents.web.doors import ADDRESS, SESSIONS, cookie_name
from agents.web.problems import Handler, Refused
from ivr.database import OUTSIDE_FAILURES
from ivr.errors import DefinitionInvalid

METRICS_TOKEN: Final = web.AppKey("metrics_token", str)

_log = structlog.get_logger()


class Open(Enum):
    """Routes that need no permission; each needs a reason beside it."""

    PUBLIC = "public"
    """For everybody."""
    SESSION = "session"
    """For whoever is signed in, about himself alone; also while little else is open to him."""


Access = Permission | Open
_DECLARED: Final = web.AppKey("declared", dict[web.AbstractRoute, Permission | Open])
_SAFE: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})


def open_door(app: web.Application) -> None:
    """Make the registry; to be done before the first route is declared."""
    app[_DECLARED] = {}
    app.on_startup.append(refuse_undeclared)


def declare(app: web.Application, method: str, path: str, handler: Handler, access: Access) -> None:
    """Add a route with what it needs."""
    app[_DECLARED][app.router.add_route(method, path, handler)] = access


def declared(app: web.Application) -> Mapping[web.AbstractRoute, Access]:
    """Return what each route needs."""
    found: dict[web.AbstractRoute, Permission | Open] = app[_DECLARED]
    return found


async def refuse_undeclared(app: web.Application) -> None:
    """Look at every route before the first request.

    Raises:
        DefinitionInvalid: naming the routes that declare nothing.
    """
    undeclared = [route for route in app.router.routes() if route not in app[_DECLARED]]
    if undeclared:
        names = ", ".join(f"{route.method} {_path(route)}" for route in undeclared)
        raise DefinitionInvalid(f"expected a permission for every route; none for {names}.")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request pass that may; all others never reach a handler."""
    if request.match_info.http_exception is not None:
        return await handler(request)
    if request.method not in _SAFE and not from_our_pages(request):
        raise web.HTTPForbidden(text="跨站请求被拒绝。")
    access = request.app[_DECLARED].get(request.match_info.route)
    if access is None:
        raise web.HTTPForbidden(text="此页面未声明权限。")
    if access is Open.PUBLIC or _is_monitor(request, access):
        return await handler(request)
    presented = await whoever(request)
    if presented is None:
        raise web.HTTPUnauthorized(text="请先登录。")
    identity = presented.identity
    if access is not Open.SESSION:
        if identity.limited:
            raise Refused(403, "setup_needed", "请先设置密码和动态验证码。")
        if not may(identity.role, access):
            _log.warning("access.refused", person=identity.person, permission=access.value)
            raise web.HTTPForbidden(text="您没有此权限。")
    request[PRESENTED] = presented
    return await handler(request)


async def whoever(request: web.Request, *, use: bool = True) -> Presented | None:
    """Tell who sends a request; None for nobody we know.

    Args:
        request: with the session's cookie.
        use: count the session as used, so that it does not end for lack of it.

    Raises:
        HTTPServiceUnavailable: it cannot be told now.
    """
    session = request.cookies.get(cookie_name(request.app))
    if not session:
        return None
    try:
        return await request.app[SESSIONS].find(session, use=use)
    except (RedisError, *OUTSIDE_FAILURES) as error:
        _log.warning("access.unknown", reason=type(error).__name__)
        raise web.HTTPServiceUnavailable(text="登录状态暂时无法核实，请稍后再试。") from None


def from_our_pages(request: web.Request) -> bool:
    """Tell whether a request names our own origin; one that names none is somebody else's."""
    came = request.headers.get(hdrs.ORIGIN, "")
    if request.app[ADDRESS]:
        return came == request.app[ADDRESS]
    origin = urlsplit(came)
    return bool(origin.netloc) and origin.netloc == request.host


def _is_monitor(request: web.Request, access: Access) -> bool:
    """Tell whether Prometheus asks, with its own token, for what it may see."""
    expected = request.app[METRICS_TOKEN]
    scheme, _, came = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return (
        access is Permission.METRICS_SEE
        and bool(expected)
        and scheme == "Bearer"
        and hmac.compare_digest(came.encode("utf-8", "replace"), expected.encode())
    )


def _path(route: web.AbstractRoute) -> str:
    return route.resource.canonical if route.resource else HTTPStatus.NOT_FOUND.phrase
