"""What the session's cookie is called."""

from __future__ import annotations

import pytest
from aiohttp import web

from agents.web.doors import COOKIE, SECURE, cookie_name


@pytest.mark.parametrize(("secure", "name"), [(True, f"__Host-{COOKIE}"), (False, COOKIE)])
def test_over_https_browsers_bind_the_cookie_to_the_host(*, secure: bool, name: str) -> None:
    app = web.Application()
    app[SECURE] = secure
    assert cookie_name(app) == name
