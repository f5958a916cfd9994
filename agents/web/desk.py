"""The live picture of queues and seats as server-sent events."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Final

from aiohttp import web

from agents.desk import Picture
from agents.web.access import whoever
from agents.web.health import WATCH

CHECK_SECONDS: Final = 5.0
"""A stream whose session has ended is cut after this; also how often a quiet one shows life."""

WRITE_SECONDS: Final = 5.0
"""A browser that takes longer to read one picture is cut; it comes back by itself."""


async def live(request: web.Request) -> web.StreamResponse:
    """Send the picture now and whenever it changes, for as long as the session lasts."""
    watch = request.app[WATCH]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    shown = watch.picture
    # A reader who is gone or too slow, and a session that cannot be checked, end the stream;
    # it has begun, so no other answer can be given. Browsers come back by themselves.
    with suppress(ConnectionError, TimeoutError, web.HTTPServiceUnavailable):
        await _write(response, _event(shown))
        while await whoever(request, use=False) is not None:
            newest = await watch.newer(shown, CHECK_SECONDS)
            await _write(response, b":\n\n" if newest is shown else _event(newest))
            shown = newest
    return response


def _event(picture: Picture) -> bytes:
    written = json.dumps(picture, ensure_ascii=False, separators=(",", ":"))
    return f"id: {picture['version']}\ndata: {written}\n\n".encode()


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(data)
