"""Work at hand: messages, missed callers, call-backs that are due, and one's own day."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200, r204
from pydantic import BaseModel, ConfigDict, Field

from agents import audit, callbacks, workday
from agents.throttle import REVEAL
from agents.web.api import answer, change, done, endpoint, limited, reading, session, who
from agents.web.own import CallId, served
from agents.web.problems import Refused
from ivr import messages, missed
from ivr.log import mask_number

_HERE: Final = ZoneInfo("Asia/Shanghai")

MissedId = Annotated[int, Field(ge=1, le=2**53)]


class Message(BaseModel):
    """What a caller left on the line."""

    call_id: str
    queue: str
    urgent: bool
    left_at: datetime
    length_ms: int
    state: str = Field(description="new or taken")
    taken_by: str
    taken_until: datetime | None = Field(description="Then it is anybody's again")
    transcript: str = Field(description="Empty where no machine listened")
    number: str = Field(description="Masked")
    has_sound: bool


class Messages(BaseModel):
    """Urgent ones first, then the oldest."""

    messages: list[Message]


class Missed(BaseModel):
    """Somebody who gave up waiting, or was called back in vain."""

    missed_id: int
    number: str = Field(description="Masked; a claim gives it whole")
    queue: str
    reason: str = Field(description="abandoned, not_reached or expired")
    call_id: str
    waited_ms: int
    missed_at: datetime
    claimed_by: str
    claimed_until: datetime | None


class MissedCallers(BaseModel):
    """Who gave up last comes first: he is still at his telephone."""

    missed: list[Missed]


class CallBack(BaseModel):
    """A promise to call back; the centre's machine rings, and an agent is there when it is kept."""

    model_config = ConfigDict(from_attributes=True)

    call_id: str
    number: str = Field(description="Masked")
    queue: str
    state: str = Field(description="waiting or calling")
    tries: int
    booked_at: datetime
    due_at: datetime


class CallBacks(BaseModel):
    """The one that is due first comes first."""

    callbacks: list[CallBack]


class Claim(BaseModel):
    """One's own for a while: nobody else calls."""

    number: str
    seconds: int = Field(description="Then it is anybody's again, unless claimed anew")


class Outcome(BaseModel):
    """What became of a missed caller."""

    model_config = ConfigDict(extra="forbid")

    outcome: missed.Finish


class Stay(BaseModel):
    """How long one was in a state."""

    state: str
    seconds: int


class Spoken(BaseModel):
    """A call of one's own."""

    model_config = ConfigDict(from_attributes=True)

    call_id: str
    started_at: datetime
    direction: str
    number: str = Field(description="Masked")
    queue: str
    talk_ms: int
    saved: bool = Field(description="Whether its form was saved")


class Day(BaseModel):
    """One's own day since midnight."""

    calls: int
    talk_ms: int
    unanswered: int
    requests: int
    drafts: int
    states: list[Stay]
    spoken: list[Spoken] = Field(description="The last one first")


@endpoint
async def show_messages(request: web.Request) -> r200[Messages]:
    """List what callers left for the queues that one serves."""
    async with reading(request) as connection:
        found = await messages.waiting_messages(connection, served(request))
    return answer(Messages(messages=[_message(one) for one in found]))


@change
async def take_message(request: web.Request, call_id: CallId, /) -> r204:
    """Take a message, or hold it for longer; the call is then among one's own."""
    person = who(request).person
    if not await messages.take_message(session(request), call_id, person, queues=served(request)):
        raise Refused(409, "taken", "此留言已由他人受理或不存在。")
    await audit.note(session(request), person, "message.taken", f"call:{call_id}")
    return done()


@change
async def release_message(request: web.Request, call_id: CallId, /) -> r204:
    """Leave a message that one took to the others."""
    if not await messages.release_message(session(request), call_id, who(request).person):
        raise Refused(409, "not_taken", "此留言不由您受理。")
    return done()


@change
async def finish_message(request: web.Request, call_id: CallId, /) -> r204:
    """Note that one has dealt with a message that one took."""
    if not await messages.finish_message(session(request), call_id, who(request).person):
        raise Refused(409, "not_taken", "此留言不由您受理。")
    return done()


@endpoint
async def show_callbacks(request: web.Request) -> r200[CallBacks]:
    """List the call-backs that the queues that one serves have promised."""
    async with reading(request) as connection:
        found = await callbacks.due(connection, served(request))
    return answer(CallBacks(callbacks=[CallBack.model_validate(one) for one in found]))


@endpoint
async def show_missed(request: web.Request) -> r200[MissedCallers]:
    """List whom the people of one's queues may call back."""
    async with reading(request) as connection:
        found = await missed.missed_callers(connection, served(request))
    return answer(MissedCallers(missed=[_missed(one) for one in found]))


@change
async def claim(request: web.Request, missed_id: MissedId, /) -> r200[Claim]:
    """Claim somebody to call; gives the number, which is written down."""
    await limited(request, REVEAL)
    person = who(request).person
    number = await missed.claim_missed(session(request), missed_id, person, queues=served(request))
    if number is None:
        raise Refused(409, "taken", "此来电已由他人处理。")
    await audit.note(
        session(request), person, "number.revealed", f"missed:{missed_id}", reason="claim"
    )
    return answer(Claim(number=number, seconds=int(missed.LEASE.total_seconds())))


@change
async def release(request: web.Request, missed_id: MissedId, /) -> r204:
    """Give a claim back."""
    if not await missed.release_missed(session(request), missed_id, who(request).person):
        raise Refused(409, "not_taken", "此来电不由您处理。")
    return done()


@change
async def finish_missed(request: web.Request, missed_id: MissedId, /, body: Outcome) -> r204:
    """Say what became of somebody whom one had claimed."""
    finished = await missed.finish_missed(
        session(request), missed_id, who(request).person, body.outcome
    )
    if not finished:
        raise Refused(409, "not_taken", "此来电不由您处理，或已超时。")
    return done()


@endpoint
async def show_day(request: web.Request) -> r200[Day]:
    """Give one's own day."""
    midnight = datetime.now(_HERE).replace(hour=0, minute=0, second=0, microsecond=0)
    person = who(request).person
    async with reading(request) as connection:
        day = await workday.day(connection, person, midnight)
        spoken = await workday.calls(connection, person, midnight)
    return answer(
        Day(
            calls=day.calls,
            talk_ms=day.talk_ms,
            unanswered=day.unanswered,
            requests=day.requests,
            drafts=day.drafts,
            states=[Stay(state=state, seconds=s) for state, s in day.states.items()],
            spoken=[Spoken.model_validate(one) for one in spoken],
        )
    )


def _message(one: messages.MessageWaiting) -> Message:
    return Message(
        call_id=one.call_id,
        queue=one.queue,
        urgent=one.urgent,
        left_at=one.left_at,
        length_ms=one.length_ms,
        state=one.state,
        taken_by=one.taken_by or "",
        taken_until=one.taken_until,
        transcript=one.transcript or "",
        number=mask_number(one.caller),
        has_sound=one.recording_path is not None,
    )


def _missed(one: missed.MissedCaller) -> Missed:
    return Missed(
        missed_id=one.missed_id,
        number=mask_number(one.number),
        queue=one.queue,
        reason=one.reason,
        call_id=one.call_id,
        waited_ms=one.waited_ms,
        missed_at=one.missed_at,
        claimed_by=one.claimed_by or "",
        claimed_until=one.claimed_until,
    )
