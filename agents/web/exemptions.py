"""Saying at the desk that a caller is not to be asked to rate, and why.

A wrong number, and somebody sent on by word of mouth, are said while one talks. That a call-back
met a machine or somebody else may be said, and taken back, after it as well: the try counts as one
in vain. Of one call one thing is said at a time; the last word counts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, ConfigDict, Field
from redis.exceptions import RedisError

from agents import audit, callbacks
from agents.web.api import answer, change, endpoint, reading, session, who
from agents.web.health import REDIS, WATCH
from agents.web.own import CallId, of_own_call, talks
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
    found = await request.app[REDIS].get(_key(who(request).person, call_id))
    return answer(Exempted(reason=_known(str(found)) if found else None))


@change
async def exempt(request: web.Request, call_id: CallId, /, body: Exempt) -> r200[Exempted]:
    """Say why the caller at one's own telephone is not to be asked to rate.

    Refusals (409): `not_talking`, `failed`, `unconfirmed` as of a transfer, and of `not_reached`
    `no_callback` when the call is none, `not_talked` when one's telephone only rang, `settled` when
    it is too late.
    """
    if body.reason is Exemption.NOT_REACHED:
        await _note_machine(request, call_id)
    else:
        _at_own_telephone(request, call_id)
        await granted(request, call_id, Verb.EXEMPT, body.reason.value)
        await _forget_machine(request, call_id)
    await _remember(request, call_id, body.reason)
    await audit.note(
        *(session(request), who(request).person, "call.exempted", f"call:{call_id}"),
        reason=body.reason.value,
    )
    return answer(Exempted(reason=body.reason))


@change
async def withdraw(request: web.Request, call_id: CallId, /) -> r200[Exempted]:
    """Take back what one has said: while the call goes on, the caller is asked like any other.

    Of `not_reached` also after the call, as long as nothing came of it. Refusals (409) as above.
    """
    if await callbacks.was_not_reached(session(request), call_id):
        await _may_judge(request, call_id)
        if _is_at_own_telephone(request, call_id):
            await granted(request, call_id, Verb.EXEMPT, enough=Answer.NOT_TALKING)
        await _forget_machine(request, call_id)
    else:
        _at_own_telephone(request, call_id)
        await granted(request, call_id, Verb.EXEMPT)
    await _remember(request, call_id, None)
    await audit.note(
        session(request), who(request).person, "call.exemption_withdrawn", f"call:{call_id}"
    )
    return answer(Exempted(reason=None))


def _is_at_own_telephone(request: web.Request, call_id: str) -> bool:
    return request.app[WATCH].call_of(who(request).person) == call_id


def _at_own_telephone(request: web.Request, call_id: str) -> None:
    if not _is_at_own_telephone(request, call_id):
        raise Refused(409, Answer.NOT_TALKING.value, WORDS[Answer.NOT_TALKING])


async def _may_judge(request: web.Request, call_id: str) -> None:
    """Let those alone say whom a call-back met who spoke in it: a ring tells nothing."""
    connection = session(request)
    await of_own_call(request, connection, call_id)
    if not await callbacks.has_rung(connection, call_id):
        raise Refused(409, "no_callback", "此通话不是已拨出的回拨。")
    if _is_at_own_telephone(request, call_id) and talks(request):
        return
    if not await callbacks.talked_in(connection, call_id, who(request).person):
        raise Refused(409, "not_talked", "只有在此回拨中通话的咨询员可以标记。")


async def _note_machine(request: web.Request, call_id: str) -> None:
    await _may_judge(request, call_id)
    if _is_at_own_telephone(request, call_id):
        # It may just have ended: what is said of it counts all the same.
        reason, ended = Exemption.NOT_REACHED.value, Answer.NOT_TALKING
        await granted(request, call_id, Verb.EXEMPT, reason, enough=ended)
    # After the bridge has answered: the ledger must not wait for it with the call's record.
    connection, person = session(request), who(request).person
    if not await note_machine(connection, call_id, person, request.app[POLICY]):
        raise _settled()


async def _forget_machine(request: web.Request, call_id: str) -> None:
    """Let the ticket know that the call-back did not meet a machine, if that was said."""
    connection = session(request)
    if not await callbacks.was_not_reached(connection, call_id):
        return
    if not await forget_machine(connection, call_id, request.app[POLICY]):
        raise _settled()


def _settled() -> Refused:
    return Refused(409, "settled", "回拨结果已确定，不能再更改。")


async def forget(request: web.Request, call_id: str) -> None:
    """Forget what one has said of a call, when the caller is no longer one's own."""
    await _remember(request, call_id, None)


async def _remember(request: web.Request, call_id: str, reason: Exemption | None) -> None:
    """Keep it for a page that is loaded anew; a lost note costs a label alone."""
    redis, key = request.app[REDIS], _key(who(request).person, call_id)
    with suppress(OSError, RedisError):
        if reason is None:
            await redis.delete(key)
        else:
            await redis.set(key, reason.value, ex=_KEPT_SECONDS)


def _known(word: str) -> Exemption | None:
    """Read a note; one of another release may hold a word that is not known here."""
    return Exemption(word) if word in set(Exemption) else None


def _key(person: str, call_id: str) -> str:
    return f"hotline:exemption:{person}:{call_id}"
