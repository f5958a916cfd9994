"""The way of a browser's SIP to Asterisk: one WebSocket in, one out, on our own origin.

Asterisk's own WebSocket listens on this machine alone. Nobody gets through without a session,
a session that has ended is cut, and of an agent's telephones there is one: a second takes over
only when it says that it means to.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp
import structlog
from aiohttp import WSMsgType, web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, Field
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.telephone import SipRefused, Telephone, pass_for, relayed, telephone_secret
from agents.web.access import from_our_pages, whoever
from agents.web.api import PRESENTED, answer, endpoint, who
from agents.web.first import first
from agents.web.health import REDIS
from agents.web.own import talks
from agents.web.problems import Refused
from ivr.config import SoftphoneSettings

SOFTPHONE: Final = web.AppKey("softphone", SoftphoneSettings)
BROWSERS: Final = web.AppKey("browsers", frozenset[str])
"""Whose telephone is the browser."""

PATH: Final = "/api/v1/softphone/sip"
REALM: Final = "asterisk"

TAKEN: Final = 4001
"""Closing code: the telephone was taken over elsewhere."""
BUSY: Final = 4009
"""Closing code: the telephone is in use elsewhere."""
ENDED: Final = 4401
"""Closing code: the session has ended."""

LONGEST_MESSAGE: Final = 65_536
"""Bytes; an INVITE with its candidates has some 4,000."""
PULSE_SECONDS: Final = 5.0
"""How often a browser is asked whether it lives; a silent one is cut after half as much again."""
LOOK_SECONDS: Final = 1.0
"""How often it is looked whether the telephone was taken over."""
SESSION_LOOKS: Final = 5
"""With each how manyeth look the session is asked for: one that was ended is cut within 5 s."""
CONNECT_SECONDS: Final = 3.0
LEASE_SECONDS: Final = 10

_log = structlog.get_logger()


class Lease:
    """Says in Redis which connection has an agent's telephone."""

    def __init__(self, redis: Redis, agent: str, tab: str) -> None:
        self._redis = redis
        self._key = f"hotline:telephone:{agent}"
        self._own = f"{tab}:{secrets.token_hex(8)}"
        self._tab = tab

    async def take(self, *, over: bool) -> bool:
        """Take the telephone; False when it is in use elsewhere and not to be taken over."""
        holder = await self._holder()
        # A tab that was loaded anew takes its own place again.
        if holder and not over and holder.partition(":")[0] != self._tab:
            return False
        await self._redis.set(self._key, self._own, ex=LEASE_SECONDS)
        return True

    async def kept(self) -> bool:
        """Tell whether the telephone is still ours, and keep it so."""
        holder = await self._holder()
        if not holder:
            await self._redis.set(self._key, self._own, ex=LEASE_SECONDS, nx=True)
            return True
        if holder != self._own:
            return False
        await self._redis.expire(self._key, LEASE_SECONDS)
        return True

    async def give_back(self) -> None:
        """Leave it to whoever comes next."""
        if await self._holder() == self._own:
            await self._redis.delete(self._key)

    async def _holder(self) -> str:
        return str(await self._redis.get(self._key) or "")


class Softphone(BaseModel):
    """What a browser needs for its telephone; worth nothing after the session has ended."""

    path: str = Field(description="Of the WebSocket for SIP (RFC 7118), on this origin")
    user: str
    secret: str
    realm: str


@endpoint
async def show(request: web.Request) -> r200[Softphone]:
    """Give the browser what it needs to register."""
    telephone = _telephone(request)
    return answer(Softphone(path=PATH, user=telephone.user, secret=telephone.granted, realm=REALM))


async def connect(request: web.Request) -> web.WebSocketResponse:
    """Carry SIP between this browser and Asterisk until one of them ends it.

    Raises:
        Refused: 403, another site's page; 404, nobody has a telephone in a browser here.
    """
    if not from_our_pages(request):
        raise Refused(403)
    telephone = _telephone(request)
    browser = web.WebSocketResponse(
        protocols=("sip",), heartbeat=PULSE_SECONDS, max_msg_size=LONGEST_MESSAGE
    )
    await browser.prepare(request)
    lease = Lease(request.app[REDIS], who(request).person, request.query.get("tab", "")[:64])
    code: int = aiohttp.WSCloseCode.TRY_AGAIN_LATER
    try:
        if not await lease.take(over=request.query.get("take") == "over"):
            code = BUSY
        else:
            async with _asterisk(request.app[SOFTPHONE].switch) as switch:
                code = await first(
                    _inward(browser, switch, telephone),
                    _outward(switch, browser),
                    _watched(request, lease),
                )
                # Whoever comes next need not wait until Asterisk has said goodbye.
                await lease.give_back()
    except (OSError, aiohttp.ClientError, TimeoutError, RedisError) as error:
        _log.warning("telephone.unreachable", reason=type(error).__name__)
    with suppress(OSError, RedisError):
        await lease.give_back()
    with suppress(ConnectionError):
        await browser.close(code=code)
    return browser


def _telephone(request: web.Request) -> Telephone:
    settings, person = request.app[SOFTPHONE], who(request).person
    if not settings.switch or person not in request.app[BROWSERS]:
        raise Refused(404, "no_softphone", "您的电话不在浏览器中。")
    secret = telephone_secret(settings.key.get_secret_value(), person)
    return Telephone(f"agent-{person}", secret, pass_for(secret, request[PRESENTED].hash))


@asynccontextmanager
async def _asterisk(address: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as session:
        # A stopped Asterisk still takes the connection: its answer is waited for as well.
        async with asyncio.timeout(CONNECT_SECONDS):
            switch = await session.ws_connect(
                address, protocols=("sip",), max_msg_size=LONGEST_MESSAGE, heartbeat=PULSE_SECONDS
            )
        async with switch:
            yield switch


async def _inward(
    browser: web.WebSocketResponse,
    switch: aiohttp.ClientWebSocketResponse,
    telephone: Telephone,
) -> int:
    async for message in browser:
        if message.type is not WSMsgType.TEXT:
            return aiohttp.WSCloseCode.UNSUPPORTED_DATA
        try:
            passed = relayed(message.data, telephone)
        except SipRefused as refused:
            _log.warning("telephone.refused", reason=str(refused))
            return aiohttp.WSCloseCode.POLICY_VIOLATION
        with suppress(ConnectionError):
            await switch.send_str(passed)
    return aiohttp.WSCloseCode.OK


async def _outward(switch: aiohttp.ClientWebSocketResponse, browser: web.WebSocketResponse) -> int:
    async for message in switch:
        # Asterisk sends SIP as text or as bytes (RFC 7118 allows both); browsers read text.
        if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            break
        data = message.data
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        with suppress(ConnectionError):
            await browser.send_str(text)
    return aiohttp.WSCloseCode.TRY_AGAIN_LATER


async def _watched(request: web.Request, lease: Lease) -> int:
    """Look until the telephone is taken over, or the session has ended.

    A telephone that is only ready does not keep its session: somebody has to use the desk.
    """
    looks = 0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        looks += 1
        # A call goes on while Redis is away; so does the telephone.
        with suppress(OSError, RedisError, web.HTTPServiceUnavailable):
            if not await lease.kept():
                return TAKEN
            if looks % SESSION_LOOKS:
                continue
            if await whoever(request, use=talks(request)) is None:
                return ENDED
