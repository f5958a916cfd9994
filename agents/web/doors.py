"""What the doors share: who keeps them, and what a session is called in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import web

from agents.auth import Sessions
from agents.signin import SignIn
from ivr.errors import SettingsInvalid

SESSIONS: Final = web.AppKey("sessions", Sessions)
SIGN_IN: Final = web.AppKey("sign_in", SignIn)
SECURE: Final = web.AppKey("secure", bool)
"""Whether browsers come by HTTPS, be it through a proxy."""
ADDRESS: Final = web.AppKey("address", str)
"""What people type into their browsers, and so the only origin that our pages have; empty: the
host and port that the request was sent to."""

Network = IPv4Network | IPv6Network
PROXIES: Final = web.AppKey("proxies", Sequence[Network])
"""Our own proxies: what they say of where a request comes from is believed."""

FORWARDED: Final = "X-Forwarded-For"
_MOST_HOPS: Final = 8

COOKIE: Final = "hotline_session"


def cookie_name(app: web.Application) -> str:
    """Return the cookie's name; `__Host-` makes browsers refuse it from anywhere but this host."""
    return f"__Host-{COOKIE}" if app[SECURE] else COOKIE


def address(request: web.Request) -> str:
    """Tell where a request comes from, for counting."""
    said = ",".join(request.headers.getall(FORWARDED, ()))
    return origin(request.remote or "", said, request.app[PROXIES])


def origin(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """Tell who sent a request to the first proxy that is ours.

    Each proxy appends who it heard from; so the list is read from its end, as far as the speaker
    is one of ours. What stands before that was written by anybody.

    Args:
        peer: address that the connection comes from.
        forwarded: `X-Forwarded-For`, all of it, separated by commas.
        proxies: our own.
    """
    heard = [one.strip() for one in forwarded.split(",") if one.strip()][-_MOST_HOPS:]
    while heard and _is_ours(peer, proxies):
        said = heard.pop()
        try:
            peer = str(ip_address(said))
        except ValueError:
            break
    return peer


def networks(listed: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks.

    Raises:
        SettingsInvalid: naming the one that is none.
    """
    found = []
    for one in listed:
        try:
            found.append(ip_network(one))
        except ValueError:
            raise SettingsInvalid(
                f"web.proxies: expected an address or a network, came {one!r}."
            ) from None
    return tuple(found)


def _is_ours(peer: str, proxies: Sequence[Network]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in proxies)
