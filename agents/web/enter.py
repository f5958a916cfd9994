"""Coming in by a one-time link.

The link's secret stands behind the `#`, which browsers keep to themselves: no server, proxy or
log sees it until our page sends it in the body of a request, and looking at a link (as mail
filters do) does not spend it.
"""

from __future__ import annotations

from typing import Final

import structlog
from aiohttp import web

from agents.auth import LINK_SECONDS
from agents.signin import Reason, TurnedAway
from agents.web.doors import SIGN_IN, address
from agents.web.problems import Refused
from agents.web.session import entered

_LONGEST_BODY: Final = 1_024

_log = structlog.get_logger()


def link_of(address: str, secret: str) -> str:
    """Give the link a person opens."""
    return f"{address.rstrip('/')}/enter#{secret}"


async def enter(request: web.Request) -> web.Response:
    """Spend the link whose secret is the body, and give the browser its session."""
    if (request.content_length or 0) > _LONGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(_LONGEST_BODY, request.content_length or 0)
    secret = (await request.content.read(_LONGEST_BODY)).decode("utf-8", "replace").strip()
    result = await request.app[SIGN_IN].by_link(secret, address(request))
    if isinstance(result, TurnedAway) and result.reason is Reason.WRONG:
        _log.warning("access.link_refused")
        minutes = LINK_SECONDS // 60
        raise Refused(401, "link_refused", f"链接无效：只能使用一次，且须在{minutes}分钟内使用。")
    return entered(request, result)
