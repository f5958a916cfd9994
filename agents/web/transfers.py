"""Handing callers over from the desk: whom one may pick, and what the bridge then does."""

from __future__ import annotations

import json
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents import audit, users
from agents.roles import Permission, may
from agents.web import exemptions
from agents.web.api import answer, change, endpoint, reading, session, who
from agents.web.health import REDIS, WATCH
from agents.web.own import CallId
from agents.web.problems import Refused
from agents.web.wishes import WORDS, granted
from ivr.errors import DefinitionInvalid
from ivr.queues import Activity
from ivr.transfer_targets import load_targets
from ivr.transfer_wishes import Answer, Verb

TARGETS: Final = web.AppKey("transfer_targets", Path)
"""Where transfers.toml lies."""

_CONSULTATION_SECONDS: Final = 3_600


class TransferTarget(BaseModel):
    """A line outside."""

    id: str
    name: str
    kind: str = Field(description="emergency, psych, hotline or expert")


class Colleague(BaseModel):
    """Another agent at a telephone."""

    id: str = Field(description="`*` and the staff id")
    person: str
    name: str
    activity: Activity


class Consultation(BaseModel):
    """What one had asked before it is decided; the caller hears music, or all three speak."""

    call_id: str
    name: str
    joined: bool


class TransferTargets(BaseModel):
    """To whom callers may be handed over now."""

    targets: list[TransferTarget] = Field(description="As in transfers.toml")
    colleagues: list[Colleague]
    consultation: Consultation | None = Field(description="One's own that is going on")


class Way(StrEnum):
    """What is to be done; see `Verb`."""

    HAND_OVER = "hand_over"
    CONSULT = "consult"
    TAKE_BACK = "take_back"
    COMPLETE = "complete"
    JOIN = "join"


class Transfer(BaseModel):
    """What is to be done with the caller at one's telephone."""

    model_config = ConfigDict(extra="forbid")

    way: Way
    target: str = Field("", max_length=33, description="With hand_over and consult: an id")


class Transferred(BaseModel):
    """How it stands now."""

    consultation: Consultation | None


@endpoint
async def show_targets(request: web.Request) -> r200[TransferTargets]:
    """List to whom one may hand a caller over, and one's own consultation."""
    me, seats = who(request).person, request.app[WATCH].seats
    try:
        listed = load_targets(request.app[TARGETS])
    except DefinitionInvalid:
        raise Refused(503, "targets_broken", "转接名单有误，请通知管理员。") from None
    async with reading(request) as connection:
        everybody = await users.everybody(connection)
    colleagues = [
        Colleague(
            id=f"*{one.person}",
            person=one.person,
            name=one.name,
            activity=Activity(seats[one.person]["activity"]),
        )
        for one in everybody
        if one.active and one.person != me and one.person in seats
        if may(one.role, Permission.CALLS_TAKE)
    ]
    targets = [
        TransferTarget(id=one.id, name=one.name, kind=one.kind.value) for one in listed.values()
    ]
    going_on = await _consultation(request.app[REDIS], me)
    return answer(TransferTargets(targets=targets, colleagues=colleagues, consultation=going_on))


@change
async def transfer(request: web.Request, call_id: CallId, /, body: Transfer) -> r200[Transferred]:
    """Hand the caller at one's own telephone over, ask somebody first, or go on from there.

    Refusals (409): `not_talking`, `not_consulting`, `not_answered`, `engaged`, `unknown_target`,
    `failed`, and `unconfirmed` when the bridge did not answer in time: it may have been done.
    """
    identity, verb = who(request), Verb(body.way)
    if request.app[WATCH].call_of(identity.person) != call_id:
        raise Refused(409, Answer.NOT_TALKING.value, WORDS[Answer.NOT_TALKING])
    if body.target == f"*{identity.person}":
        raise Refused(409, Answer.UNKNOWN_TARGET.value, WORDS[Answer.UNKNOWN_TARGET])
    await granted(request, call_id, verb, body.target)
    if verb in {Verb.HAND_OVER, Verb.COMPLETE}:
        await exemptions.forget(request, call_id)
    going_on = None
    # It is done: what is lost here costs buttons, and must not cost the line in the audit.
    with suppress(OSError, RedisError):
        going_on = await _remember(request, call_id, verb, body.target)
    await audit.note(
        session(request), identity.person, f"call.{verb.value}", f"call:{call_id}", to=body.target
    )
    return answer(Transferred(consultation=going_on))


async def _remember(
    request: web.Request, call_id: str, verb: Verb, target: str
) -> Consultation | None:
    """Keep what is going on for a page that is loaded anew; a lost note loses buttons alone."""
    redis, person = request.app[REDIS], who(request).person
    if verb is Verb.CONSULT:
        now = Consultation(call_id=call_id, name=await _name(request, target), joined=False)
    elif verb is Verb.JOIN and (before := await _consultation(redis, person)) is not None:
        now = before.model_copy(update={"joined": True})
    else:
        await redis.delete(_key(person))
        return None
    await redis.set(_key(person), now.model_dump_json(), ex=_CONSULTATION_SECONDS)
    return now


async def _name(request: web.Request, target: str) -> str:
    if not target.startswith("*"):
        return load_targets(request.app[TARGETS])[target].name
    account = await users.account_of(session(request), target[1:])
    return account.identity.name if account else target[1:]


async def _consultation(redis: Redis, person: str) -> Consultation | None:
    found = await redis.get(_key(person))
    return Consultation.model_validate(json.loads(found)) if found else None


def _key(person: str) -> str:
    return f"hotline:consultation:{person}"
