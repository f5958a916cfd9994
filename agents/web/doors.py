"""What the doors share: who keeps them, and what a session is called in a browser."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agents.auth import Sessions
from agents.signin import SignIn

SESSIONS: Final = web.AppKey("sessions", Sessions)
SIGN_IN: Final = web.AppKey("sign_in", SignIn)
SECURE: Final = web.AppKey("secure", bool)
"""Whether browsers come by HTTPS, be it through a proxy."""
ADDRESS: Final = web.AppKey("address", str)
"""What people type into their browsers, and so the only origin that our pages have; empty: the
host and port that the request was sent to."""

COOKIE: Final = "hotline_session"


def cookie_name(app: web.Application) -> str:
    """Return the cookie's name; `__Host-` makes browsers refuse it from anywhere but this host."""
    return f"__Host-{COOKIE}" if app[SECURE] else COOKIE


def address(request: web.Request) -> str:
    """Tell where a request comes from, for counting."""
    return request.remote or ""
