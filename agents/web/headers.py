"""What every answer carries, errors too, and what no answer tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog
from aiohttp import hdrs, web

from agents.web.doors import SECURE
from agents.web.problems import Handler, Refused

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "media-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self), speaker-selection=(self)",
    hdrs.CACHE_CONTROL: "no-store",
    hdrs.SERVER: "hotline",
}
FRAMED: Final = web.ResponseKey("framed", bool)
"""Set on an answer that is shown in a frame of our own pages: a document of ours."""
FRAME: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'self'; sandbox"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}
"""It brings its own style, fetches nothing, runs nothing, and has no origin."""
_YEAR: Final = 365 * 24 * 60 * 60

_log = structlog.get_logger()


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on an answer just before it goes out."""
    values = {**HEADERS, **FRAME} if response.get(FRAMED) else HEADERS
    for name, value in values.items():
        # Only who says otherwise himself may be kept: the desktop's parts.
        if name != hdrs.CACHE_CONTROL or name not in response.headers:
            response.headers[name] = value
    if request.secure or request.app[SECURE]:
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"


@web.middleware
async def conceal(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a failure of ours without telling what it was; the log tells."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, it must not reach a browser
        _log.exception("web.failed", method=request.method, path=request.path)
        raise Refused(500) from None
