"""Asking the bridge for something about the call at one's own telephone, and hearing its answer."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from aiohttp import web

from agents.web.api import BRIDGE, slowly, who
from agents.web.health import REDIS
from agents.web.problems import Refused
from ivr.calls import CALL_ID
from ivr.transfer_wishes import WISHES, Answer, Verb, Wish
from ivr.wishes import WANTED_SECONDS

ANSWER_SECONDS: Final = WANTED_SECONDS + 1.0
_LOOK_SECONDS: Final = 0.05
_Answer = TypeVar("_Answer")

WORDS: Final = {
    Answer.NOT_TALKING: "您当前没有与来电者通话。",
    Answer.NOT_CONSULTING: "没有等待中的来电者。",
    Answer.NOT_ANSWERED: "对方尚未接听，或已挂机。",
    Answer.ENGAGED: "该同事正在通话或振铃，请稍后再试或另选他人。",
    Answer.UNKNOWN_TARGET: "没有此转接对象。",
    Answer.FAILED: "交换机未能完成，请确认通话状态后再试。",
}


async def granted(
    request: web.Request,
    call_id: str,
    verb: Verb,
    target: str = "",
    *,
    enough: Answer = Answer.DONE,
) -> None:
    """Ask the bridge of the call's node, and wait until it has done it.

    Args:
        request: who asks.
        call_id: of which call.
        verb: what is to be done.
        target: with it; see `Wish`.
        enough: an answer that will do as well.

    Raises:
        Refused: 409 with the bridge's answer, or `unconfirmed` when none came in time: it may
            have been done. 503, when too many wait already.
    """
    found = CALL_ID.fullmatch(call_id)
    if found is None:
        raise Refused(404)
    async with slowly(request, BRIDGE):
        came = await _answered(request, found["node"], call_id, verb, target)
    if came is None:
        raise Refused(409, "unconfirmed", "操作未能确认，请确认通话状态后再试。")
    if came not in {Answer.DONE, enough}:
        raise Refused(409, came.value, WORDS[came])


async def _answered(
    request: web.Request, node: str, call_id: str, verb: Verb, target: str
) -> Answer | None:
    until = time.time() + WANTED_SECONDS
    wish = Wish(secrets.token_hex(8), call_id, who(request).person, verb, target, until)
    redis = request.app[REDIS]
    await WISHES.ask(redis, node, wish)
    return await heard(lambda: WISHES.answer_of(redis, node, wish))


async def heard(look: Callable[[], Awaitable[_Answer | None]]) -> _Answer | None:
    """Look for an answer of the bridge until it is there; None when it has not come in time."""
    end = time.monotonic() + ANSWER_SECONDS
    with suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            # redis-py 8.1 can lose a cancellation, and with it the timeout's end: seen.
            while time.monotonic() < end:
                if (came := await look()) is not None:
                    return came
                await asyncio.sleep(_LOOK_SECONDS)
    return None
