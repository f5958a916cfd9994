"""Pausing the recording of one's own call: the caller says what must not be kept."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, Field

from agents import audit
from agents.database import queries
from agents.web.api import BRIDGE, answer, change, session, slowly, who
from agents.web.health import REDIS, WATCH
from agents.web.problems import Refused
from ivr.calls import CALL_ID
from ivr.recordings.pausing import WISHES, Wish
from ivr.wishes import WANTED_SECONDS

CONFIRM_SECONDS: Final = 5.0
"""The journal says within a second whether the recording is paused."""
_LOOK_SECONDS: Final = 0.1


class Recorded(BaseModel):
    """Whether what is said now is recorded."""

    paused: bool = Field(description="As the journal says, not as it was asked")


@change
async def pause(request: web.Request, call_id: str, /) -> r200[Recorded]:
    """Pause the recording of the call at one's own telephone."""
    return await _set(request, call_id, paused=True)


@change
async def resume(request: web.Request, call_id: str, /) -> r200[Recorded]:
    """Let the recording of the call at one's own telephone go on."""
    return await _set(request, call_id, paused=False)


async def _set(request: web.Request, call_id: str, *, paused: bool) -> web.Response:
    person, found = who(request).person, CALL_ID.fullmatch(call_id)
    if found is None or request.app[WATCH].call_of(person) != call_id:
        raise Refused(404)
    until = time.time() + WANTED_SECONDS
    async with slowly(request, BRIDGE):
        await WISHES.ask(request.app[REDIS], found["node"], Wish(call_id, person, paused, until))
        if not await _confirmed(request, call_id, paused=paused):
            raise Refused(503, "unconfirmed", "录音状态未能确认，请重试。")
    action = "recording.paused" if paused else "recording.resumed"
    await audit.note(session(request), person, action, call_id)
    return answer(Recorded(paused=paused))


async def _confirmed(request: web.Request, call_id: str, *, paused: bool) -> bool:
    """Wait until the journal says so."""
    end = time.monotonic() + CONFIRM_SECONDS
    while time.monotonic() < end:
        said = await queries.recording_is_paused(session(request), call_id=call_id)
        if said is paused:
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False
