"""Coming in by a one-time link, and leaving.

The link's secret stands behind the `#`, which browsers keep to themselves: no server, proxy or
log sees it until our page sends it in the body of a request, and looking at a link (as mail
filters do) does not spend it.
"""

from __future__ import annotations

from typing import Final

import structlog
from aiohttp import web
from redis.exceptions import RedisError

from agents.auth import DAY_SECONDS, LINK_SECONDS
from agents.web.access import COOKIE, SESSIONS

SECURE: Final = web.AppKey("secure", bool)
"""Whether browsers come by HTTPS, be it through a proxy."""

_LONGEST_BODY: Final = 1_024

_log = structlog.get_logger()


def link_of(address: str, secret: str) -> str:
    """Give the link a person opens."""
    return f"{address.rstrip('/')}/enter#{secret}"


async def enter(request: web.Request) -> web.Response:
    """Spend the link whose secret is the body, and give the browser its session."""
    if (request.content_length or 0) > _LONGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(_LONGEST_BODY, request.content_length or 0)
    secret = (await request.text()).strip()
    try:
        session = await request.app[SESSIONS].enter(secret) if secret else None
    except (OSError, RedisError):
        raise web.HTTPServiceUnavailable(text="暂时无法登录，请稍后再试。") from None
    if session is None:
        _log.warning("access.link_refused")
        minutes = LINK_SECONDS // 60
        raise web.HTTPUnauthorized(text=f"链接无效：只能使用一次，且须在{minutes}分钟内使用。")
    _log.info("access.entered")
    response = web.Response(status=204)
    response.set_cookie(
        COOKIE,
        session,
        max_age=DAY_SECONDS,
        httponly=True,
        samesite="Strict",
        secure=request.app[SECURE],
        path="/",
    )
    return response


async def leave(request: web.Request) -> web.Response:
    """End the session, here and in Redis."""
    session = request.cookies.get(COOKIE)
    try:
        if session:
            await request.app[SESSIONS].leave(session)
    except (OSError, RedisError):
        raise web.HTTPServiceUnavailable(text="暂时无法退出，请稍后再试。") from None
    response = web.Response(status=204)
    response.del_cookie(COOKIE, path="/", secure=request.app[SECURE], samesite="Strict")
    return response
