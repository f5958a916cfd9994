"""The web application: which routes there are, and what each one needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web
from redis.asyncio import Redis

from agents.auth import Sessions
from agents.live import Watch
from agents.roles import Permission
from agents.web import access, desk, enter, headers, health
from agents.web.access import Access, Handler, Open
from ivr.config import WebSettings
from ivr.database import Pool

LONGEST_BODY: Final = 1_048_576
"""Bytes of a request."""

ROUTES: Final[tuple[tuple[str, str, Handler, Access], ...]] = (
    # Supervisors and load balancers have no session; these tell nothing but yes and no.
    ("GET", "/health", health.health, Open.PUBLIC),
    ("GET", "/ready", health.ready, Open.PUBLIC),
    ("GET", "/metrics", health.metrics, Permission.METRICS_SEE),
    # The way in, and what its page needs; no data in any of them.
    ("GET", "/enter", desk.page("enter.html"), Open.PUBLIC),
    ("GET", "/enter.js", desk.page("enter.js"), Open.PUBLIC),
    ("GET", "/desk.css", desk.page("desk.css"), Open.PUBLIC),
    ("POST", "/enter", enter.enter, Open.PUBLIC),
    # Leaving needs no permission: a session that has ended is left all the same.
    ("POST", "/leave", enter.leave, Open.PUBLIC),
    ("GET", "/", desk.page("desk.html"), Permission.LIVE_SEE),
    ("GET", "/desk.js", desk.page("desk.js"), Permission.LIVE_SEE),
    ("GET", "/api/v1/live", desk.live, Permission.LIVE_SEE),
)


@dataclass(frozen=True, slots=True)
class Stores:
    """What the application asks: the truth, and the present."""

    pool: Pool
    redis: Redis


def make_app(settings: WebSettings, stores: Stores, watch: Watch) -> web.Application:
    """Put the application together; it refuses to start with an undeclared route."""
    app = web.Application(
        middlewares=(health.measure, headers.conceal, access.guard),
        client_max_size=LONGEST_BODY,
    )
    app[access.SESSIONS] = Sessions(stores.redis)
    app[access.METRICS_TOKEN] = settings.metrics_token.get_secret_value()
    app[enter.SECURE] = settings.address.startswith("https://")
    app[health.POOL] = stores.pool
    app[health.REDIS] = stores.redis
    app[health.WATCH] = watch
    app[health.FIGURES] = health.Figures()
    app.on_response_prepare.append(headers.harden)
    access.open_door(app)
    for method, path, handler, needed in ROUTES:
        access.declare(app, method, path, handler, needed)
    return app
