"""Coming in by a link, and leaving."""

from __future__ import annotations

from structlog.testing import capture_logs
from yarl import URL

from agents.throttle import LINK_BY_ADDRESS
from agents.web.doors import COOKIE
from agents.web.enter import link_of
from ivr.database import Pool
from tests.agents.conftest import Desk


def test_a_links_secret_stands_where_browsers_keep_it_to_themselves() -> None:
    link = URL(link_of("https://desk.example.cn/", "secret"))
    assert link.fragment == "secret"
    assert "secret" not in link.path_qs


async def test_a_link_lets_in_once(desk: Desk) -> None:
    assert (await desk.get("/api/v1/session")).status == 401
    secret = await desk.secret()
    assert (await desk.post("/enter", secret)).status == 204
    assert (await desk.get("/api/v1/session")).status == 200
    desk.browser.cookie_jar.clear()
    assert (await desk.post("/enter", secret)).status == 401
    assert (await desk.get("/api/v1/session")).status == 401


async def test_looking_at_a_link_does_not_spend_it(desk: Desk) -> None:
    secret = await desk.secret()
    for _ in range(3):
        await desk.get(f"/enter#{secret}")
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
    assert (await desk.get("/api/v1/session")).status == 401
    desk.browser.cookie_jar.update_cookies({COOKIE: session}, URL(desk.address))
    assert (await desk.get("/api/v1/session")).status == 401


async def test_no_secret_is_ever_logged(desk: Desk) -> None:
    secret = await desk.secret()
    with capture_logs() as logged:
        answer = await desk.post("/enter", secret)
        await desk.post("/enter", secret)
        await desk.post("/leave")
    events = [line["event"] for line in logged]
    assert events == ["access.entered", "access.link_refused"]
    assert secret not in str(logged)
    assert answer.cookies[COOKIE].value not in str(logged)


async def test_links_are_not_guessed_for_long(desk: Desk) -> None:
    secret = await desk.secret()
    for _ in range(LINK_BY_ADDRESS.most):
        assert (await desk.post("/enter", "made-up")).status == 401
    refused = await desk.post("/enter", secret)
    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60


async def test_a_link_that_was_used_or_guessed_stands_in_the_audit(desk: Desk, pool: Pool) -> None:
    secret = await desk.secret()
    await desk.post("/enter", secret)
    await desk.post("/enter", secret)
    rows = await pool.fetch("SELECT actor, action, detail FROM audit ORDER BY seq")
    assert [(row["actor"], row["action"]) for row in rows] == [
        ("operator", "user.created"),
        ("operator", "link.made"),
        ("a1001", "login.done"),
        ("", "link.refused"),
    ]
    assert secret not in str([tuple(row) for row in rows])
