"""Calling out from the desk with a desk telephone: one's own rings first."""

from __future__ import annotations

import secrets
import time
from typing import Final

from aiohttp import web
from aiohttp_pydantic.oas.typing import r202
from pydantic import BaseModel, ConfigDict, Field

from agents.web.api import BRIDGE, answer, change, slowly, who
from agents.web.health import REDIS, WATCH
from agents.web.problems import Refused
from agents.web.telephone import BROWSERS
from agents.web.wishes import heard
from ivr.dialling import RING_SECONDS, WISHES, Answer, Wish
from ivr.queues import Activity
from ivr.wishes import WANTED_SECONDS

NODE: Final = web.AppKey("node", str)
"""Whose Asterisk has the telephones."""

_WORDS: Final = {
    Answer.ENGAGED: "您的话机正在振铃或通话，请先挂机。",
    Answer.NOT_ALLOWED: "不允许拨打此号码：只能拨打境内号码、公共服务号码和同事工号。",
    Answer.FAILED: "交换机未能拨号，请稍后再试。",
}


class Dialled(BaseModel):
    """Whom to call."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(
        pattern=r"^[0-9a-z]{3,16}$", description="Of somebody outside, or a colleague's staff id"
    )


class Rings(BaseModel):
    """One's own telephone rings; lifting it calls the number."""

    seconds: int = Field(description="How long it rings")


@change
async def dial(request: web.Request, body: Dialled) -> r202[Rings]:
    """Let one's own desk telephone ring, and call a number once it is lifted.

    Refusals (409): `in_browser`, for whom the browser is the telephone; `unreachable`, when the
    telephone is not there; `engaged`, `not_allowed`, `failed`, and `unconfirmed` when the bridge
    did not answer in time: it may ring.
    """
    person = who(request).person
    if person in request.app[BROWSERS]:
        raise Refused(409, "in_browser", "您的电话在浏览器中，请直接拨号。")
    seat = request.app[WATCH].seats.get(person)
    if seat is None or seat["activity"] == Activity.OFFLINE:
        raise Refused(409, "unreachable", "您的话机未注册，请检查话机。")
    redis, node = request.app[REDIS], request.app[NODE]
    wish = Wish(secrets.token_hex(8), person, body.number, time.time() + WANTED_SECONDS)
    async with slowly(request, BRIDGE):
        await WISHES.ask(redis, node, wish)
        came = await heard(lambda: WISHES.answer_of(redis, node, wish))
    if came is None:
        raise Refused(409, "unconfirmed", "操作未能确认，话机可能随后振铃。")
    if came is not Answer.RINGS:
        raise Refused(409, came.value, _WORDS[came])
    return answer(Rings(seconds=RING_SECONDS), 202)
