"""The socket on which a desk hears what happens.

Connect to `/api/v1/events`, with `?after=<id>` of the last event to go on where one left off. What
comes is `{"id", "type", "data"}`; types are `board`, `call`, `presence`, `notice`, and `renewed`,
after which everything has to be read anew. What a browser may send is `{"type": "active"}`, when
somebody sits at it: a session that nobody uses ends, an open page alone does not keep it.

Closing codes: 1008 the session has ended or something was sent that may not be, 1009 too long,
1013 too slow (come back with `after`).
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from redis.exceptions import RedisError

from agents.events import Cursor, parse_cursor
from agents.feed import Feed, Listener
from agents.web.access import from_our_pages, whoever
from agents.web.api import who
from agents.web.first import first
from agents.web.own import talks
from agents.web.problems import Refused

FEED: Final = web.AppKey("feed", Feed)

LONGEST_MESSAGE: Final = 65_536
"""Bytes from a browser."""
PULSE_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 4.0
"""A session that was ended is cut after this."""
FRAMES_A_SECOND: Final = 1_000
SEND_SECONDS: Final = 5.0
"""A browser that takes longer to read what waits for it is cut."""
CLOSE_SECONDS: Final = 2.0

_ACTIVE: Final = {"type": "active"}

_log = structlog.get_logger()


async def connect(request: web.Request) -> web.StreamResponse:
    """Tell a desk what happens, until it leaves or its session ends."""
    # A browser lets any page open a socket, with our cookie: only the origin tells them apart.
    if not from_our_pages(request):
        raise Refused(HTTPStatus.FORBIDDEN, "origin_unknown", "跨站请求被拒绝。")
    after = parse_cursor(request.query.get("after", ""))
    # Not compressed: an event is shorter than what a compressor would hold for each socket.
    socket = web.WebSocketResponse(
        heartbeat=PULSE_SECONDS,
        max_msg_size=LONGEST_MESSAGE,
        timeout=CLOSE_SECONDS,
        compress=False,
    )
    await socket.prepare(request)
    with request.app[FEED].listening(who(request)) as (listener, now):
        try:
            code = await first(
                _told(request.app[FEED], socket, listener, after, now),
                _heard(request, socket),
                _watched(request),
            )
        except ConnectionError:
            return socket
        except RedisError:
            code = WSCloseCode.TRY_AGAIN_LATER
    if code:
        _log.info("desk.cut", person=who(request).person, code=int(code))
    await _close(request, socket, code or WSCloseCode.OK)
    return socket


async def _close(request: web.Request, socket: web.WebSocketResponse, code: int) -> None:
    """Close in order; a browser that reads nothing does not read that either, and is dropped."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(code=code)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


async def _told(
    feed: Feed,
    socket: web.WebSocketResponse,
    listener: Listener,
    after: Cursor | None,
    now: Cursor,
) -> int:
    messages = await feed.missed(after, now, listener.identity) if after is not None else []
    while not listener.overrun:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                for message in messages:
                    await socket.send_str(message)
        except TimeoutError:
            break
        messages = await listener.next()
    return WSCloseCode.TRY_AGAIN_LATER


async def _heard(request: web.Request, socket: web.WebSocketResponse) -> int:
    frames, since = 0, time.monotonic()
    async for message in socket:
        if message.type is WSMsgType.ERROR:  # too long: closed by the library, which says so
            break
        frames += 1
        if time.monotonic() - since >= 1:
            frames, since = 1, time.monotonic()
        if frames > FRAMES_A_SECOND or message.type is not WSMsgType.TEXT:
            return WSCloseCode.POLICY_VIOLATION
        try:
            sent = json.loads(message.data)
        except (ValueError, RecursionError):
            return WSCloseCode.POLICY_VIOLATION
        if sent != _ACTIVE:
            return WSCloseCode.POLICY_VIOLATION
        if frames == 1 and await whoever(request, use=True) is None:
            return WSCloseCode.POLICY_VIOLATION
    return 0


async def _watched(request: web.Request) -> int:
    """Look until the session has ended; while that cannot be told, the desk goes on."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        with suppress(web.HTTPServiceUnavailable):
            if await whoever(request, use=talks(request)) is None:
                return WSCloseCode.POLICY_VIOLATION
