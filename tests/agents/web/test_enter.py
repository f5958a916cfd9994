"""Coming in by a link, and leaving."""

from __future__ import annotations

from structlog.testing import capture_logs
from yarl import URL

from agents.web.access import COOKIE
from agents.web.enter import link_of
from tests.agents.conftest import Desk


def test_a_links_secret_stands_where_browsers_keep_it_to_themselves() -> None:
    link = URL(link_of("https://desk.example.cn/", "secret"))
    assert link.fragment == "secret"
    assert "secret" not in link.path_qs


async def test_a_link_lets_in_once(desk: Desk) -> None:
    assert (await desk.get("/")).status == 401
    secret = await desk.secret()
    assert (await desk.post("/enter", secret)).status == 204
    assert (await desk.get("/")).status == 200
    desk.browser.cookie_jar.clear()
    assert (await desk.post("/enter", secret)).status == 401
    assert (await desk.get("/")).status == 401


async def test_looking_at_a_link_does_not_spend_it(desk: Desk) -> None:
    secret = await desk.secret()
    for _ in range(3):
        assert (await desk.get(f"/enter#{secret}")).status == 200
    assert (await desk.post("/enter", secret)).status == 204


async def test_the_sessions_cookie_is_for_the_browser_alone(desk: Desk) -> None:
    answer = await desk.post("/enter", await desk.secret())
    cookie = answer.cookies[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""
    assert len(cookie.value) >= 43


async def test_a_session_that_was_left_opens_nothing_anywhere(desk: Desk) -> None:
    answer = await desk.post("/enter", await desk.secret())
    session = answer.cookies[COOKIE].value
    assert (await desk.post("/leave")).status == 204
    assert (await desk.get("/")).status == 401
    desk.browser.cookie_jar.update_cookies({COOKIE: session}, URL(desk.address))
    assert (await desk.get("/")).status == 401


async def test_no_secret_is_ever_logged(desk: Desk) -> None:
    with capture_logs() as logged:
        secret = await desk.secret()
        answer = await desk.post("/enter", secret)
        await desk.post("/enter", secret)
        await desk.post("/leave")
    assert {line["event"] for line in logged} == {"access.entered", "access.link_refused"}
    assert secret not in str(logged)
    assert answer.cookies[COOKIE].value not in str(logged)
