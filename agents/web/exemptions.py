"""Saying at the desk that a caller is not to be asked to rate, and why.

A wrong number, and somebody sent on by word of mouth, are said while one talks. That a call-back
met a machine or somebody else may be said after it as well: the try counts as one in vain.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Final

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError

from agents import audit, callbacks
from agents.web.api import answer, change, endpoint, reading, session, who
from agents.web.health import REDIS, WATCH
from agents.web.own import CallId, of_own_call
from agents.web.problems import Refused
from agents.web.wishes import WORDS, granted
from ivr.callback import Policy
from ivr.tickets import forget_machine, note_machine
from ivr.transfer_wishes import Answer, Verb
from ivr.transfers import Exemption

POLICY: Final = web.AppKey("callback_policy", Policy)

_KEPT_SECONDS: Final = 3_600


class Exempt(BaseModel):
    """Why there is nothing to rate."""

    model_config = ConfigDict(extra="forbid")

    reason: Exemption = Field(description="not_reached: of a call-back alone, also after it")


class Exempted(BaseModel):
    """What was said of a call."""

    reason: Exemption | None = Field(description="Null: the caller is asked like any other")


@endpoint
async def show(request: web.Request, call_id: CallId, /) -> r200[Exempted]:
    """Tell what one has said of the call at one's own telephone, or of a call-back of one's own."""
    async with reading(request) as connection:
        await of_own_call(request, connection, call_id)
        if await callbacks.was_not_reached(connection, call_id):
            return answer(Exempted(reason=Exemption.NOT_REACHED))
    found = await request.app[REDIS].get(_key(who(request).person))
    said = json.loads(found) if found else {}
    return answer(Exempted(reason=said["reason"] if said.get("call_id") == call_id else None))


@change
async def exempt(request: web.Request, call_id: CallId, /, body: Exempt) -> r200[Exempted]:
    """Say why the caller at one's own telephone is not to be asked to rate.

    Refusals (409): `not_talking`, `failed`, `unconfirmed` as of a transfer, and `no_callback` when
    `not_reached` is said of something else, or too late.
    """
    if body.reason is Exemption.NOT_REACHED:
        await _note_machine(request, call_id)
    else:
        _at_own_telephone(request, call_id)
        await granted(request, call_id, Verb.EXEMPT, body.reason.value)
    await _remember(request, call_id, body.reason)
    await audit.note(
        *(session(request), who(request).person, "call.exempted", f"call:{call_id}"),
        reason=body.reason.value,
    )
    return answer(Exempted(reason=body.reason))


@change
async def withdraw(request: web.Request, call_id: CallId, /) -> r200[Exempted]:
    """Take back what one has said, while the call goes on: the caller is asked like any other."""
    _at_own_telephone(request, call_id)
    await granted(request, call_id, Verb.EXEMPT)
    await forget_machine(session(request), call_id)
    await _remember(request, call_id, None)
    await audit.note(
        session(request), who(request).person, "call.exemption_withdrawn", f"call:{call_id}"
    )
    return answer(Exempted(reason=None))


def _at_own_telephone(request: web.Request, call_id: str) -> None:
    if request.app[WATCH].call_of(who(request).person) != call_id:
        raise Refused(409, Answer.NOT_TALKING.value, WORDS[Answer.NOT_TALKING])


async def _note_machine(request: web.Request, call_id: str) -> None:
    connection, person = session(request), who(request).person
    await of_own_call(request, connection, call_id)
    if not await callbacks.has_rung(connection, call_id):
        raise Refused(409, "no_callback", "此通话不是已拨出的回拨。")
    if request.app[WATCH].call_of(person) == call_id:
        # It may just have ended: what is said of it counts all the same.
        reason, ended = Exemption.NOT_REACHED.value, Answer.NOT_TALKING
        await granted(request, call_id, Verb.EXEMPT, reason, enough=ended)
    # After the bridge has answered: the ledger must not wait for it with the call's record.
    if not await note_machine(connection, call_id, person, request.app[POLICY]):
        raise Refused(409, "no_callback", "回拨结果已确定，不能再更改。")


async def forget(request: web.Request) -> None:
    """Forget what one has said, when the caller is no longer one's own."""
    await _remember(request, "", None)


async def _remember(request: web.Request, call_id: str, reason: Exemption | None) -> None:
    """Keep it for a page that is loaded anew; a lost note costs a label alone."""
    redis, key = request.app[REDIS], _key(who(request).person)
    with suppress(OSError, RedisError):
        if reason is None:
            await redis.delete(key)
        else:
            said = {"call_id": call_id, "reason": reason.value}
            await redis.set(key, json.dumps(said), ex=_KEPT_SECONDS)


def _key(person: str) -> str:
    return f"hotline:exemption:{person}"
