"""What the session's cookie is called, and who is believed of where a request comes from."""

from __future__ import annotations

import pytest
from aiohttp import web

from agents.throttle import LINK_BY_ADDRESS
from agents.web.doors import COOKIE, FORWARDED, SECURE, cookie_name, networks, origin
from ivr.config import WebSettings
from ivr.errors import SettingsInvalid
from tests.agents.conftest import Desk


@pytest.mark.parametrize(("secure", "name"), [(True, f"__Host-{COOKIE}"), (False, COOKIE)])
def test_over_https_browsers_bind_the_cookie_to_the_host(*, secure: bool, name: str) -> None:
    app = web.Application()
    app[SECURE] = secure
    assert cookie_name(app) == name


PROXIES = networks(("10.0.0.0/8", "2001:db8::1", "127.0.0.1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "came"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.9", "192.0.2.1"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("10.0.0.7", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.7", "6.6.6.6, 198.51.100.9", "198.51.100.9"),
        ("10.0.0.7", "6.6.6.6, 198.51.100.9, 10.1.1.1", "198.51.100.9"),
        ("10.0.0.7", "6.6.6.6, rubbish", "10.0.0.7"),
        ("10.0.0.7", ", ,", "10.0.0.7"),
        ("2001:db8::1", "2001:db8::2", "2001:db8::2"),
        ("", "198.51.100.9", ""),
    ],
)
def test_only_our_own_proxies_are_believed(peer: str, forwarded: str, came: str) -> None:
    assert origin(peer, forwarded, PROXIES) == came


def test_a_proxy_that_is_no_address_stops_the_start_naming_it() -> None:
    with pytest.raises(SettingsInvalid, match=r"web\.proxies.*proxy\.example"):
        networks(("proxy.example",))


@pytest.mark.parametrize(("proxies", "last"), [((), 429), (("127.0.0.1",), 401)])
async def test_behind_a_proxy_one_address_is_not_everybodys(
    desk: Desk, proxies: tuple[str, ...], last: int
) -> None:
    web_settings = desk.settings.web.model_copy(update={"proxies": proxies})
    assert isinstance(web_settings, WebSettings)
    async with desk.again(web=web_settings) as behind:
        came = [
            await behind.browser.post(
                f"{behind.address}/enter",
                data="nothing",
                headers={"Origin": behind.address, FORWARDED: f"198.51.100.{number}"},
            )
            for number in range(LINK_BY_ADDRESS.most + 1)
        ]
    assert [one.status for one in came] == [401] * LINK_BY_ADDRESS.most + [last]
